-- 80/20: how much of sales the best fifth brings, and how few customers bring 80 %
WITH customer_value AS (
    SELECT customer_id, sum(net_amount) AS sales
    FROM sales
    GROUP BY customer_id
),
cumulated AS (
    SELECT sales,
           sum(sales) OVER (ORDER BY sales DESC ROWS UNBOUNDED PRECEDING) - sales AS sales_before,
           sum(sales) OVER ()                                                     AS total
    FROM customer_value
)
SELECT count(*)                                                                   AS buyers,
       CAST(100 * pareto_share(sales, 0.2) AS DECIMAL(6, 2))                      AS "best 20 % bring %",
       count(*) FILTER (WHERE sales_before < 0.8 * total)                         AS "buyers for 80 %",
       CAST(100.0 * count(*) FILTER (WHERE sales_before < 0.8 * total) / count(*)
            AS DECIMAL(6, 2))                                                     AS "that is %",
       round(gini(sales, neg => 'zero'), 4)                                       AS gini
FROM cumulated;
