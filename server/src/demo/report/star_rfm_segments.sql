-- RFM segments: who the customers are, how they buy, and what they bring
WITH as_of AS (
    SELECT max(sold_on) AS day FROM sales
),
customer_facts AS (
    SELECT customer_id,
           max(sold_on)             FILTER (WHERE NOT is_return) AS last_bought,
           count(DISTINCT order_id) FILTER (WHERE NOT is_return) AS orders,
           sum(net_amount)                                       AS sales,
           sum(profit)                                           AS profit
    FROM sales
    GROUP BY customer_id
),
scored AS (
    SELECT last_bought, orders, sales, profit,
           rfm_score(last_bought, 5) OVER () AS r,
           rfm_score(orders, 5)      OVER () AS f,
           rfm_score(sales, 5)       OVER () AS m
    FROM customer_facts
)
SELECT segment(r, f, m)                                                       AS segment,
       count(*)                                                               AS customers,
       CAST(100.0 * count(*)   / sum(count(*))   OVER () AS DECIMAL(6, 2))    AS "customers %",
       CAST(avg(as_of.day - last_bought) AS INT)                              AS "days since",
       CAST(avg(orders) AS DECIMAL(8, 1))                                     AS orders,
       CAST(sum(sales) / sum(orders) AS DECIMAL(14, 2))                       AS "per order",
       CAST(sum(sales) AS DECIMAL(14, 2))                                     AS sales,
       CAST(100.0 * sum(sales)  / sum(sum(sales))  OVER () AS DECIMAL(6, 2))  AS "sales %",
       CAST(100.0 * sum(profit) / sum(sum(profit)) OVER () AS DECIMAL(6, 2))  AS "profit %"
FROM scored CROSS JOIN as_of
GROUP BY segment(r, f, m)
ORDER BY sales DESC, segment;
