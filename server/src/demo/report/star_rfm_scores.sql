-- RFM scores: customers by recency (rows) and frequency (columns), 5 is best
WITH customer_facts AS (
    SELECT customer_id,
           max(sold_on)             AS last_bought,
           count(DISTINCT order_id) AS orders
    FROM sales
    WHERE NOT is_return
    GROUP BY customer_id
),
scored AS (
    SELECT last_bought,
           rfm_score(last_bought, 5) OVER () AS r,
           rfm_score(orders, 5)      OVER () AS f
    FROM customer_facts
)
SELECT r                                 AS "recency",
       min(last_bought)                  AS "last bought from",
       max(last_bought)                  AS "to",
       count(*) FILTER (WHERE f = 1)     AS "f 1",
       count(*) FILTER (WHERE f = 2)     AS "f 2",
       count(*) FILTER (WHERE f = 3)     AS "f 3",
       count(*) FILTER (WHERE f = 4)     AS "f 4",
       count(*) FILTER (WHERE f = 5)     AS "f 5",
       count(*)                          AS customers
FROM scored
GROUP BY r
ORDER BY r DESC;
