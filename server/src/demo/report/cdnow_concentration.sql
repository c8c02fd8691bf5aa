-- CDNOW, 69,659 real purchases: 80/20 and the Gini coefficient
WITH customer_value AS (
    SELECT customer_id, sum(amount) AS sales
    FROM cdnow
    GROUP BY customer_id
),
cumulated AS (
    SELECT sales,
           sum(sales) OVER (ORDER BY sales DESC ROWS UNBOUNDED PRECEDING) - sales AS sales_before,
           sum(sales) OVER ()                                                     AS total
    FROM customer_value
)
SELECT count(*)                                                                   AS customers,
       CAST(sum(sales) AS DECIMAL(14, 2))                                         AS sales,
       CAST(100 * pareto_share(sales, 0.2) AS DECIMAL(6, 2))                      AS "best 20 % bring %",
       count(*) FILTER (WHERE sales_before < 0.8 * total)                         AS "customers for 80 %",
       round(gini(sales), 4)                                                      AS gini
FROM cumulated;
