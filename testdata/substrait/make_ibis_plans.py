"""Make ibis.json: plans of ibis-substrait, from questions of data frames. make_plans.py says with which versions."""

import re

import ibis
import ibis_substrait.compiler.core

from plans import entry, statements, written


def of_ibis():
    types = {"INT": "int32", "BIGINT": "int64", "VARCHAR": "string", "DATE": "date", "BOOLEAN": "boolean",
             "DOUBLE": "float64", "TIMESTAMP": "timestamp(6)", "DECIMAL(10, 2)": "decimal(10, 2)",
             "DECIMAL(12, 2)": "decimal(12, 2)"}
    tables = {}
    for _, sql in statements("tables.sql"):
        name, columns = re.match(r"CREATE TABLE (\w+) \((.*)\)$", sql, re.S).groups()
        schema = {}
        for column in re.split(r", (?=[a-z_]+ [A-Z])", columns):
            column, kind = re.match(r"(\w+) ([A-Z]+(?:\([0-9, ]+\))?)", column).groups()
            schema[column] = types[kind]
        tables[name] = ibis.table(schema, name=name)
    for name, sql, question in questions_of_ibis(tables):
        compiler = ibis_substrait.compiler.core.SubstraitCompiler()
        try:
            plan = compiler.compile(question)
        except Exception as refusal:
            print(f"ibis {name}: {refusal!r}")
            continue
        yield entry(name, sql, plan.SerializeToString())


def questions_of_ibis(tables):
    sales, customer, channel, moments = (tables[name] for name in ("sales", "customer", "channel", "moments"))
    yield ("filter", "SELECT sale_id, net_amount FROM sales WHERE net_amount > 50 AND is_return = false",
           sales.filter((sales.net_amount > 50) & (sales.is_return == False))[["sale_id", "net_amount"]])  # noqa: E712
    yield ("mutate", "SELECT sale_id, gross_amount - discount AS net, quantity * 2 AS twice FROM sales",
           sales.select("sale_id", net=sales.gross_amount - sales.discount, twice=sales.quantity * 2))
    yield ("group", "SELECT channel_id, sum(net_amount) AS net, count(*) AS lines, max(quantity) AS most FROM sales GROUP BY channel_id",
           sales.group_by("channel_id").aggregate(net=sales.net_amount.sum(), lines=sales.count(), most=sales.quantity.max()))
    # The producer forgets which columns of a join are selected, so all of them are, under names of their own.
    key = channel.select(key="channel_id", channel="name")
    sold = sales.select("sale_id", "channel_id", buyer="customer_id")
    yield ("join", "SELECT s.sale_id, s.channel_id, s.customer_id AS buyer, c.channel_id AS key, c.name AS channel FROM sales s JOIN channel c ON s.channel_id = c.channel_id",
           sold.join(key, sold.channel_id == key.key))
    yield ("left join", "SELECT c.channel_id AS key, c.name AS channel, s.sale_id, s.channel_id, s.customer_id AS buyer FROM channel c LEFT JOIN sales s ON c.channel_id = s.channel_id",
           key.left_join(sold, key.key == sold.channel_id))
    yield ("order and limit", "SELECT sale_id FROM sales ORDER BY net_amount DESC, sale_id LIMIT 4",
           sales.order_by(ibis.desc("net_amount"), "sale_id").limit(4)[["sale_id"]])
    yield ("case", "SELECT sale_id, CASE WHEN quantity > 1 THEN 'many' ELSE 'one' END AS word FROM sales",
           sales.select("sale_id", word=ibis.ifelse(sales.quantity > 1, "many", "one")))
    yield ("in list", "SELECT name FROM customer WHERE country IN ('France', 'Germany')",
           customer.filter(customer.country.isin(["France", "Germany"]))[["name"]])
    yield ("text", "SELECT upper(name) AS upper, character_length(name) AS length FROM customer WHERE starts_with(name, 'A') OR contains(name, 'e')",
           customer.filter(customer.name.startswith("A") | customer.name.contains("e")).select(
               upper=customer.name.upper(), length=customer.name.length()))
    yield ("parts of dates", "SELECT sale_id, CAST(date_part('year', sold_on) AS BIGINT) AS year, CAST(date_part('month', sold_on) AS BIGINT) AS month FROM sales",
           sales.select("sale_id", year=sales.sold_on.year(), month=sales.sold_on.month()))
    yield ("nulls", "SELECT sale_id FROM sales WHERE campaign_id IS NULL",
           sales.filter(sales.campaign_id.isnull()).select("sale_id"))
    yield ("union", "SELECT country FROM customer UNION ALL SELECT city FROM customer",
           customer.select(country="country").union(customer.select(country="city")))
    yield ("having", "SELECT customer_id, net FROM (SELECT customer_id, sum(net_amount) AS net FROM sales GROUP BY customer_id) WHERE net > 100",
           (lambda grouped: grouped.filter(grouped.net > 100))(
               sales.group_by("customer_id").aggregate(net=sales.net_amount.sum())))
    yield ("floats", "SELECT id, sqrt(abs(score)) AS root FROM moments",
           moments.select("id", root=moments.score.abs().sqrt()))
    yield ("date literal", "SELECT sale_id FROM sales WHERE sold_on >= DATE '2024-03-01'",
           sales.filter(sales.sold_on >= ibis.date("2024-03-01"))[["sale_id"]])


if __name__ == "__main__":
    written("ibis.json", of_ibis())
