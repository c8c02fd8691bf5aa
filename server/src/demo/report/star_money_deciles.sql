-- Money deciles: ten groups of equally many customers, the best first, and the sales of each
WITH customer_value AS (
    SELECT customer_id,
           sum(net_amount) AS sales,
           sum(profit)     AS profit
    FROM sales
    GROUP BY customer_id
),
binned AS (
    SELECT decile(sales) OVER () AS decile, sales, profit
    FROM customer_value
)
SELECT decile,
       count(*)                                                               AS customers,
       CAST(min(sales) AS DECIMAL(14, 2))                                     AS "sales from",
       CAST(max(sales) AS DECIMAL(14, 2))                                     AS "sales to",
       CAST(sum(sales) AS DECIMAL(14, 2))                                     AS sales,
       CAST(100.0 * sum(sales)  / sum(sum(sales))  OVER () AS DECIMAL(6, 2))  AS "sales %",
       CAST(100.0 * sum(profit) / sum(sum(profit)) OVER () AS DECIMAL(6, 2))  AS "profit %"
FROM binned
GROUP BY decile
ORDER BY decile;
