-- CDNOW: RFM segments on the day after the last purchase
WITH customer_facts AS (
    SELECT customer_id,
           max(sold_on)            AS last_bought,
           count(DISTINCT sold_on) AS days_bought,
           sum(amount)             AS sales
    FROM cdnow
    GROUP BY customer_id
),
scored AS (
    SELECT last_bought, days_bought, sales,
           rfm_score(last_bought, 5) OVER () AS r,
           rfm_score(days_bought, 5) OVER () AS f,
           rfm_score(sales, 5)       OVER () AS m
    FROM customer_facts
)
SELECT segment(r, f, m)                                                       AS segment,
       count(*)                                                               AS customers,
       CAST(100.0 * count(*)   / sum(count(*))   OVER () AS DECIMAL(6, 2))    AS "customers %",
       CAST(avg(DATE '1998-07-01' - last_bought) AS INT)                      AS "days since",
       CAST(avg(days_bought) AS DECIMAL(8, 1))                                AS "days bought",
       CAST(sum(sales) AS DECIMAL(14, 2))                                     AS sales,
       CAST(100.0 * sum(sales) / sum(sum(sales)) OVER () AS DECIMAL(6, 2))    AS "sales %"
FROM scored
GROUP BY segment(r, f, m)
ORDER BY sales DESC, segment;
