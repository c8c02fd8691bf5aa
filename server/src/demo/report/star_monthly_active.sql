-- Monthly active customers of the last twelve months, and how many of them were new
WITH first_purchase AS (
    SELECT customer_id, date_trunc('month', min(sold_on)) AS first_month
    FROM sales
    WHERE NOT is_return
    GROUP BY customer_id
)
SELECT CAST(date_trunc('month', s.sold_on) AS DATE)                             AS month,
       count(DISTINCT s.customer_id)                                            AS active,
       count(DISTINCT s.customer_id)
           FILTER (WHERE f.first_month = date_trunc('month', s.sold_on))        AS new,
       count(DISTINCT s.order_id)                                               AS orders,
       CAST(sum(s.net_amount) AS DECIMAL(14, 2))                                AS sales,
       CAST(sum(s.net_amount) / count(DISTINCT s.customer_id) AS DECIMAL(14, 2)) AS "sales per active"
FROM sales AS s
JOIN first_purchase AS f ON f.customer_id = s.customer_id
WHERE NOT s.is_return
  AND s.sold_on >= (SELECT date_trunc('month', max(sold_on)) - INTERVAL '11' MONTH FROM sales)
GROUP BY date_trunc('month', s.sold_on)
ORDER BY month;
