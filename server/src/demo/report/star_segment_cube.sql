-- A cube of segment x region x channel, with every subtotal: its thirty largest cells
WITH customer_facts AS (
    SELECT customer_id,
           max(sold_on)             FILTER (WHERE NOT is_return) AS last_bought,
           count(DISTINCT order_id) FILTER (WHERE NOT is_return) AS orders,
           sum(net_amount)                                       AS sales
    FROM sales
    GROUP BY customer_id
),
scored AS (
    SELECT customer_id,
           rfm_score(last_bought, 5) OVER () AS r,
           rfm_score(orders, 5)      OVER () AS f,
           rfm_score(sales, 5)       OVER () AS m
    FROM customer_facts
),
facts AS (
    SELECT segment(scored.r, scored.f, scored.m) AS segment,
           customer.region, channel.name AS channel,
           sales.customer_id, sales.net_amount, sales.profit
    FROM sales
    JOIN scored   ON scored.customer_id   = sales.customer_id
    JOIN customer ON customer.customer_id = sales.customer_id
    JOIN channel  ON channel.channel_id   = sales.channel_id
)
SELECT CASE WHEN grouping(segment) = 1 THEN '(all)' ELSE segment END          AS segment,
       CASE WHEN grouping(region)  = 1 THEN '(all)' ELSE region  END          AS region,
       CASE WHEN grouping(channel) = 1 THEN '(all)' ELSE channel END          AS channel,
       count(DISTINCT customer_id)                                            AS customers,
       CAST(sum(net_amount) AS DECIMAL(14, 2))                                AS sales,
       CAST(sum(profit)     AS DECIMAL(14, 2))                                AS profit,
       CAST(100.0 * sum(profit) / sum(net_amount) AS DECIMAL(6, 2))           AS "margin %"
FROM facts
GROUP BY CUBE (segment, region, channel)
ORDER BY sales DESC, segment, region, channel
LIMIT 30;
