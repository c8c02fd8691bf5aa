-- Who is still there, and what the next 12 months are worth: P(alive) and CLV by segment
WITH customers AS (
    SELECT *
    FROM clv_table('sales',
                   customer => 'customer_id',
                   ts       => 'sold_on',
                   amount   => 'net_amount',
                   as_of    => DATE '2025-12-31',
                   horizon  => INTERVAL '12 months',
                   discount => 0.1)
)
SELECT segment,
       count(*)                                                               AS customers,
       CAST(100 * avg(p_alive) AS DECIMAL(6, 2))                              AS "alive %",
       CAST(sum(p_alive) AS INT)                                              AS "alive",
       CAST(avg(expected_purchases) AS DECIMAL(8, 1))                         AS "purchases to come",
       CAST(avg(expected_spend) AS DECIMAL(14, 2))                            AS "per purchase",
       CAST(avg(clv) AS DECIMAL(14, 2))                                       AS "CLV per customer",
       CAST(sum(clv) AS DECIMAL(14, 2))                                       AS clv,
       CAST(100 * sum(clv) / sum(sum(clv)) OVER () AS DECIMAL(6, 2))          AS "CLV %"
FROM customers
GROUP BY segment
ORDER BY clv DESC, segment;
