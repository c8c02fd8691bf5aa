-- The value matrix: how often customers buy against how much they spend each time
WITH placed AS (
    SELECT frequency, monetary,
           freq_value_matrix(frequency, monetary) OVER ()['quadrant'] AS quadrant
    FROM rfm_table('sales', 'customer_id', 'sold_on', 'net_amount', as_of => DATE '2025-12-31')
)
SELECT quadrant,
       count(*)                                                                    AS customers,
       CAST(100.0 * count(*) / sum(count(*)) OVER () AS DECIMAL(6, 2))             AS "customers %",
       CAST(avg(frequency) AS DECIMAL(8, 1))                                       AS "days bought",
       CAST(sum(monetary) / sum(frequency) AS DECIMAL(14, 2))                      AS "per day bought",
       CAST(sum(monetary) AS DECIMAL(14, 2))                                       AS sales,
       CAST(100.0 * sum(monetary) / sum(sum(monetary)) OVER () AS DECIMAL(6, 2))   AS "sales %"
FROM placed
GROUP BY quadrant
ORDER BY sales DESC, quadrant;
