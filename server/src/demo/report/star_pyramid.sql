-- The customer pyramid: what the best 1 %, the next 4 %, the next 15 % and the others bring
WITH customer_value AS (
    SELECT customer.customer_id,
           coalesce(sum(sales.net_amount), 0) AS sales,
           coalesce(sum(sales.profit), 0)     AS profit
    FROM customer
    LEFT JOIN sales ON sales.customer_id = customer.customer_id
    GROUP BY customer.customer_id
),
tiered AS (
    SELECT value_tier(sales) OVER () AS tier, sales, profit
    FROM customer_value
)
SELECT tier,
       count(*)                                                               AS customers,
       CAST(100.0 * count(*)    / sum(count(*))    OVER () AS DECIMAL(6, 2))  AS "customers %",
       CAST(sum(sales)  AS DECIMAL(14, 2))                                    AS sales,
       CAST(100.0 * sum(sales)  / sum(sum(sales))  OVER () AS DECIMAL(6, 2))  AS "sales %",
       CAST(sum(profit) AS DECIMAL(14, 2))                                    AS profit,
       CAST(100.0 * sum(profit) / sum(sum(profit)) OVER () AS DECIMAL(6, 2))  AS "profit %",
       CAST(avg(sales)  AS DECIMAL(14, 2))                                    AS "sales per customer"
FROM tiered
GROUP BY tier
ORDER BY "sales per customer" DESC, tier;
