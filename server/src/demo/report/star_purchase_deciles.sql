-- Purchase deciles: ten groups of equal sales, and how few customers make each tenth
WITH customer_value AS (
    SELECT customer_id, sum(net_amount) AS sales
    FROM sales
    GROUP BY customer_id
),
binned AS (
    SELECT value_decile(sales) OVER () AS decile, sales
    FROM customer_value
)
SELECT decile,
       count(*)                                                               AS customers,
       CAST(100.0 * count(*)   / sum(count(*))   OVER () AS DECIMAL(6, 2))    AS "customers %",
       CAST(sum(sales) AS DECIMAL(14, 2))                                     AS sales,
       CAST(100.0 * sum(sales) / sum(sum(sales)) OVER () AS DECIMAL(6, 2))    AS "sales %",
       CAST(avg(sales) AS DECIMAL(14, 2))                                     AS "sales per customer"
FROM binned
GROUP BY decile
ORDER BY decile;
