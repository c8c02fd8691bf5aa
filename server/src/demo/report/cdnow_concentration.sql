-- CDNOW, 69,659 real purchases: 80/20 and the Gini coefficient
WITH customer_value AS (
    SELECT customer_id, sum(amount) AS sales
    FROM cdnow
    GROUP BY customer_id
),
measured AS (
    SELECT count(*)                      AS customers,
           sum(sales)                    AS sales,
           pareto_share(sales, 0.2)      AS share_of_best,
           pareto_customers(sales, 0.8)  AS for_most,
           gini(sales)                   AS gini
    FROM customer_value
)
SELECT customers,
       sales,
       CAST(100 * share_of_best     AS DECIMAL(6, 2))  AS "best 20 % bring %",
       for_most['n']                                   AS "customers for 80 %",
       CAST(100 * for_most['frac']  AS DECIMAL(6, 2))  AS "that is %",
       round(gini, 4)                                  AS gini
FROM measured;
