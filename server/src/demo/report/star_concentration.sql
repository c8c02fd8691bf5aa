-- 80/20: how much of sales the best fifth brings, and how few customers bring 80 %
WITH customer_value AS (
    SELECT customer_id, sum(net_amount) AS sales
    FROM sales
    GROUP BY customer_id
),
measured AS (
    SELECT count(*)                      AS buyers,
           pareto_share(sales, 0.2)      AS share_of_best,
           pareto_customers(sales, 0.8)  AS for_most,
           gini(sales, neg => 'zero')    AS gini
    FROM customer_value
)
SELECT buyers,
       CAST(100 * share_of_best     AS DECIMAL(6, 2))  AS "best 20 % bring %",
       for_most['n']                                   AS "buyers for 80 %",
       CAST(100 * for_most['frac']  AS DECIMAL(6, 2))  AS "that is %",
       round(gini, 4)                                  AS gini
FROM measured;
