CREATE TABLE customer (customer_id INT NOT NULL, name VARCHAR, email VARCHAR, gender VARCHAR, birth_year INT, segment VARCHAR, acquisition_channel VARCHAR, region VARCHAR, country VARCHAR, city VARCHAR, signed_up_on DATE);
CREATE TABLE product (product_id INT NOT NULL, name VARCHAR, brand VARCHAR, category VARCHAR, department VARCHAR, list_price DECIMAL(10, 2), unit_cost DECIMAL(10, 2));
CREATE TABLE channel (channel_id INT NOT NULL, name VARCHAR);
CREATE TABLE sales (sale_id BIGINT NOT NULL, order_id BIGINT NOT NULL, sold_on DATE NOT NULL, customer_id INT NOT NULL, product_id INT NOT NULL, store_id INT, channel_id INT NOT NULL, campaign_id INT, quantity INT NOT NULL, gross_amount DECIMAL(12, 2), discount DECIMAL(12, 2), net_amount DECIMAL(12, 2), cost_amount DECIMAL(12, 2), profit DECIMAL(12, 2), is_return BOOLEAN);
CREATE TABLE moments (id INT NOT NULL, at TIMESTAMP, seen TIMESTAMP WITH TIME ZONE, score DOUBLE);
CREATE TABLE notes (id BIGINT NOT NULL, text VARCHAR, amount DECIMAL(10, 2), stamp VARCHAR DEFAULT 'new');
