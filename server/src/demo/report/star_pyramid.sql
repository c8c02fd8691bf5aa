-- The customer pyramid: what the best 1 %, the next 4 %, the next 15 % and the others bring
WITH customer_value AS (
    SELECT customer_id,
           sum(net_amount) AS sales,
           sum(profit)     AS profit
    FROM sales
    GROUP BY customer_id
),
placed AS (
    SELECT c.customer_id, v.sales, v.profit,
           cume_dist() OVER (ORDER BY v.sales DESC) AS place
    FROM customer AS c
    JOIN customer_value AS v ON v.customer_id = c.customer_id
    UNION ALL
    SELECT c.customer_id, 0, 0, NULL
    FROM customer AS c
    LEFT ANTI JOIN customer_value AS v ON v.customer_id = c.customer_id
),
tiered AS (
    SELECT sales, profit,
           CASE WHEN place IS NULL  THEN '5 inactive'
                WHEN place <= 0.01  THEN '1 top       1 %'
                WHEN place <= 0.05  THEN '2 big       4 %'
                WHEN place <= 0.20  THEN '3 medium   15 %'
                ELSE                     '4 small    80 %'
           END AS tier
    FROM placed
)
SELECT tier,
       count(*)                                                               AS customers,
       CAST(sum(sales)  AS DECIMAL(14, 2))                                    AS sales,
       CAST(100.0 * sum(sales)  / sum(sum(sales))  OVER () AS DECIMAL(6, 2))  AS "sales %",
       CAST(sum(profit) AS DECIMAL(14, 2))                                    AS profit,
       CAST(100.0 * sum(profit) / sum(sum(profit)) OVER () AS DECIMAL(6, 2))  AS "profit %",
       CAST(avg(sales)  AS DECIMAL(14, 2))                                    AS "sales per customer"
FROM tiered
GROUP BY tier
ORDER BY tier;
