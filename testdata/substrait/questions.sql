-- columns
SELECT name, birth_year FROM customer;
-- star
SELECT * FROM channel;
-- filter
SELECT sale_id, net_amount FROM sales WHERE net_amount > 50 AND NOT is_return;
-- arithmetic
SELECT sale_id, gross_amount - discount AS net, quantity * 2 + 1 AS more, quantity % 2 AS odd, -quantity AS less, quantity / 2 AS half FROM sales;
-- decimals
SELECT sale_id, net_amount * 1.25 AS raised, round(net_amount / 3, 2) AS third FROM sales WHERE discount <> 0.00;
-- dates
SELECT sale_id, sold_on + INTERVAL '1' MONTH AS later FROM sales WHERE sold_on BETWEEN DATE '2024-02-01' AND DATE '2024-06-30';
-- parts of dates
SELECT date_part('year', sold_on) AS year, date_trunc('month', sold_on) AS month, count(*) AS lines FROM sales GROUP BY 1, 2 ORDER BY 1, 2;
-- group
SELECT channel_id, count(*) AS lines, sum(net_amount) AS net, avg(quantity) AS quantity, min(sold_on) AS first, max(sold_on) AS last FROM sales GROUP BY channel_id;
-- having
SELECT customer_id, sum(net_amount) AS net FROM sales GROUP BY customer_id HAVING sum(net_amount) > 100;
-- all rows
SELECT count(*) AS lines, sum(profit) AS profit, stddev(quantity) AS spread, var_pop(quantity) AS variance FROM sales;
-- distinct count
SELECT count(DISTINCT customer_id) AS customers, count(store_id) AS stores, sum(DISTINCT quantity) AS quantities FROM sales;
-- filtered aggregate
SELECT customer_id, sum(net_amount) FILTER (WHERE is_return) AS returned, count(*) FILTER (WHERE quantity > 1) AS many FROM sales GROUP BY customer_id;
-- distinct
SELECT DISTINCT country, segment FROM customer;
-- order and limit
SELECT sale_id, net_amount FROM sales ORDER BY net_amount DESC, sale_id LIMIT 3 OFFSET 2;
-- nulls last
SELECT sale_id, store_id FROM sales ORDER BY store_id DESC NULLS LAST, sale_id LIMIT 5;
-- inner join
SELECT c.name, p.category, s.net_amount FROM sales s JOIN customer c ON s.customer_id = c.customer_id JOIN product p ON s.product_id = p.product_id;
-- left join
SELECT c.customer_id, count(s.sale_id) AS lines FROM customer c LEFT JOIN sales s ON c.customer_id = s.customer_id AND s.quantity > 1 GROUP BY c.customer_id;
-- full join
SELECT a.customer_id AS a, b.customer_id AS b FROM (SELECT DISTINCT customer_id FROM sales WHERE channel_id = 1) a FULL JOIN (SELECT DISTINCT customer_id FROM sales WHERE channel_id = 2) b ON a.customer_id = b.customer_id;
-- self join
SELECT a.sale_id, b.sale_id AS other FROM sales a JOIN sales b ON a.order_id = b.order_id AND a.sale_id < b.sale_id;
-- twice the name
SELECT a.name, b.name FROM customer a JOIN customer b ON a.customer_id = b.customer_id;
-- cross join
SELECT a.name AS a, b.name AS b FROM channel a CROSS JOIN channel b;
-- star join
SELECT c.region, p.department, sum(s.net_amount) AS net FROM sales s JOIN customer c ON s.customer_id = c.customer_id JOIN product p ON s.product_id = p.product_id WHERE p.department = 'home' AND s.sold_on >= DATE '2024-02-01' GROUP BY c.region, p.department;
-- union all
SELECT country FROM customer WHERE segment = 'corporate' UNION ALL SELECT country FROM customer WHERE gender = 'f';
-- union
SELECT country FROM customer WHERE segment = 'corporate' UNION SELECT city FROM customer;
-- intersect
SELECT customer_id FROM sales WHERE channel_id = 1 INTERSECT SELECT customer_id FROM sales WHERE channel_id = 2;
-- except
SELECT customer_id FROM customer EXCEPT SELECT customer_id FROM sales WHERE channel_id = 2;
-- case
SELECT sale_id, CASE WHEN net_amount < 0 THEN 'back' WHEN net_amount < 50 THEN 'small' ELSE 'large' END AS size FROM sales;
-- switch
SELECT channel_id, CASE channel_id WHEN 1 THEN 'one' WHEN 2 THEN 'two' END AS word FROM channel;
-- in list
SELECT customer_id, country FROM customer WHERE country IN ('France', 'Germany', 'Spain') OR customer_id NOT IN (1, 2, 3, 4, 5);
-- like
SELECT name, upper(city) AS city, substr(email, 1, 3) AS short FROM customer WHERE email LIKE '%@example.com' AND name NOT LIKE 'A%' AND name ILIKE '%e%';
-- nulls
SELECT sale_id, coalesce(store_id, 0) AS store, store_id IS NULL AS online, nullif(quantity, 1) AS more FROM sales WHERE campaign_id IS NOT NULL OR store_id IS NULL;
-- cast
SELECT CAST(sale_id AS VARCHAR) AS text, CAST(net_amount AS DOUBLE) AS float, CAST(quantity AS SMALLINT) AS small, TRY_CAST(name AS INT) AS number FROM sales JOIN channel ON sales.channel_id = channel.channel_id;
-- in subquery
SELECT name FROM customer WHERE customer_id IN (SELECT customer_id FROM sales WHERE is_return);
-- not in subquery
SELECT name FROM customer WHERE customer_id NOT IN (SELECT customer_id FROM sales);
-- exists
SELECT name FROM customer c WHERE EXISTS (SELECT 1 FROM sales s WHERE s.customer_id = c.customer_id AND s.quantity > 2);
-- scalar subquery
SELECT sale_id, net_amount FROM sales WHERE net_amount > (SELECT avg(net_amount) FROM sales);
-- grouping sets
SELECT channel_id, quantity, sum(net_amount) AS net FROM sales GROUP BY GROUPING SETS ((channel_id, quantity), (channel_id), ());
-- rollup
SELECT region, country, count(*) AS customers FROM customer GROUP BY ROLLUP (region, country);
-- cube
SELECT channel_id, is_return, sum(profit) AS profit, count(*) AS lines FROM sales GROUP BY CUBE (channel_id, is_return);
-- rank
SELECT sale_id, rank() OVER (PARTITION BY channel_id ORDER BY net_amount DESC) AS place FROM sales;
-- running total
SELECT sale_id, sum(net_amount) OVER (PARTITION BY customer_id ORDER BY sale_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS total, row_number() OVER (ORDER BY sale_id) AS number FROM sales;
-- moving average
SELECT sale_id, avg(net_amount) OVER (ORDER BY sale_id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS around, lag(net_amount, 1) OVER (ORDER BY sale_id) AS before FROM sales;
-- values
SELECT * FROM (VALUES (1, 'one'), (2, NULL)) AS v (number, word);
-- no table
SELECT 1 + 1 AS two, 'word' AS word, NULL AS nothing;
-- times
SELECT id, at + INTERVAL '90' MINUTE AS later, date_trunc('hour', at) AS hour FROM moments WHERE at >= TIMESTAMP '2024-01-01 12:00:00';
-- instants
SELECT id, seen FROM moments WHERE seen < TIMESTAMP '2024-06-01 00:00:00';
-- floats
SELECT id, sqrt(abs(score)) AS root, power(score, 2) AS square, floor(score) AS low, ceil(score) AS high, round(score) AS near, ln(abs(score) + 1) AS log FROM moments;
-- many conditions
SELECT sale_id FROM sales WHERE sale_id = 1 OR quantity = 2 OR sale_id = 3 OR quantity = 4 OR sale_id = 5 OR quantity = 6 OR sale_id = 7 OR quantity = 8 OR sale_id = 9 OR quantity = 10 OR sale_id = 11 OR quantity = 12 OR sale_id = 13 OR quantity = 14 OR sale_id = 15 OR quantity = 16 OR sale_id = 17 OR quantity = 18 OR sale_id = 19 OR quantity = 20 OR sale_id = 21 OR quantity = 22 OR sale_id = 23 OR quantity = 24 OR sale_id = 25 OR quantity = 26 OR sale_id = 27 OR quantity = 28 OR sale_id = 29 OR quantity = 30 OR sale_id = 31 OR quantity = 32 OR sale_id = 33 OR quantity = 34 OR sale_id = 35 OR quantity = 36 OR sale_id = 37 OR quantity = 38 OR sale_id = 39 OR quantity = 40;
