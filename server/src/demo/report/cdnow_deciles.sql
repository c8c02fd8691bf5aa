-- CDNOW: deciles of equally many customers beside deciles of equal sales
WITH customer_value AS (
    SELECT customer_id, sum(amount) AS sales
    FROM cdnow
    GROUP BY customer_id
),
binned AS (
    SELECT sales,
           decile(sales)       OVER () AS by_customers,
           value_decile(sales) OVER () AS by_sales
    FROM customer_value
),
money AS (
    SELECT by_customers AS decile,
           count(*)     AS customers,
           CAST(100.0 * sum(sales) / sum(sum(sales)) OVER () AS DECIMAL(6, 2)) AS sales_percent
    FROM binned
    GROUP BY by_customers
),
purchase AS (
    SELECT by_sales AS decile, count(*) AS customers
    FROM binned
    GROUP BY by_sales
)
SELECT decile,
       money.customers,
       money.sales_percent AS "sales %",
       purchase.customers  AS "customers for a tenth of sales"
FROM money JOIN purchase USING (decile)
ORDER BY decile;
