-- Migration: the largest moves between segments from the third quarter of 2025 to the fourth
WITH quarter_ends AS (
    SELECT '2025-Q3' AS quarter, customer_id, segment, monetary
    FROM rfm_table('sales', 'customer_id', 'sold_on', 'net_amount', as_of => DATE '2025-09-30')
    UNION ALL
    SELECT '2025-Q4' AS quarter, customer_id, segment, monetary
    FROM rfm_table('sales', 'customer_id', 'sold_on', 'net_amount', as_of => DATE '2025-12-31')
),
moves AS (
    SELECT unnest(segment_migration(customer_id, quarter, segment, monetary)) AS move
    FROM quarter_ends
)
SELECT move['from']                                    AS "from",
       move['to']                                      AS "to",
       move['n']                                       AS customers,
       CAST(100 * move['p'] AS DECIMAL(6, 2))          AS "% of from",
       CAST(move['value_from'] AS DECIMAL(14, 2))      AS "sales before",
       CAST(move['value_to']   AS DECIMAL(14, 2))      AS "sales after"
FROM moves
WHERE move['from'] <> move['to']
ORDER BY customers DESC, "from", "to"
LIMIT 15;
