//! The questions of every customer analyst, in plain SQL to the customer star: scores, deciles, cohorts, gaps, baskets.
//!
//! Nobody uses functions of their own here. Where a program has another word for the same thing, or none, it says so
//! beside the query. Ties are broken by the key, so that all must give the same rows.

mod star;

use super::{Query, Star};

/// Its tables: six million sales of 200,000 customers for each unit of scale.
pub(super) const STAR: Star = Star {
    name: "crm",
    tables: &[
        ("calendar", "day"),
        ("campaign", "campaign_id"),
        ("channel", "channel_id"),
        ("customer", "customer_id"),
        ("product", "product_id"),
        ("store", "store_id"),
        ("sales", "sold_on, customer_id"),
    ],
    declaration: pareto_testdata::star::ddl,
    write: star::write,
};

/// The questions.
pub(super) fn queries() -> Vec<Query> {
    vec![
        Query::new("rfm", RFM),
        Query::new("deciles", DECILES),
        Query::new("cohorts", COHORTS),
        Query::new("active customers", ACTIVE),
        Query::new("top customers", TOP),
        Query::new("gaps", GAPS).told("chdb", GAPS_CHDB).told("polars", GAPS_POLARS),
        Query::new("category pairs", PAIRS),
        Query::new("year over year", YEARS),
    ]
}

const RFM: &str = "WITH bought AS (SELECT customer_id, max(sold_on) AS last_day, count(DISTINCT order_id) AS orders, \
    sum(net_amount) AS money FROM sales WHERE NOT is_return GROUP BY customer_id), scored AS (SELECT \
    ntile(5) OVER (ORDER BY last_day, customer_id) AS r, ntile(5) OVER (ORDER BY orders, customer_id) AS f, \
    ntile(5) OVER (ORDER BY money, customer_id) AS m, money FROM bought) SELECT r, f, m, count(*) AS customers, \
    sum(money) AS revenue FROM scored GROUP BY r, f, m ORDER BY r, f, m";

const DECILES: &str = "WITH bought AS (SELECT customer_id, sum(net_amount) AS money FROM sales GROUP BY customer_id), \
    placed AS (SELECT money, ntile(10) OVER (ORDER BY money DESC, customer_id) AS decile FROM bought), \
    summed AS (SELECT decile, count(*) AS customers, sum(money) AS revenue FROM placed GROUP BY decile) \
    SELECT decile, customers, revenue, CAST(revenue AS DOUBLE PRECISION) / sum(CAST(revenue AS DOUBLE PRECISION)) OVER () \
    AS share FROM summed ORDER BY decile";

const COHORTS: &str = "WITH active AS (SELECT DISTINCT customer_id, EXTRACT(YEAR FROM sold_on) * 12 + EXTRACT(MONTH FROM \
    sold_on) AS active_in FROM sales WHERE NOT is_return), joined AS (SELECT customer_id AS joiner, min(active_in) AS cohort \
    FROM active GROUP BY customer_id) SELECT cohort, active_in - cohort AS age, count(*) AS customers FROM active JOIN joined \
    ON joiner = customer_id GROUP BY cohort, active_in - cohort ORDER BY cohort, age";

const ACTIVE: &str = "SELECT c.year, c.month, count(DISTINCT s.customer_id) AS customers, count(DISTINCT s.order_id) AS \
    orders, sum(s.net_amount) AS revenue FROM sales AS s JOIN calendar AS c ON c.day = s.sold_on GROUP BY c.year, c.month \
    ORDER BY c.year, c.month";

const TOP: &str = "WITH earned AS (SELECT customer_id AS earner, sum(profit) AS earnings FROM sales GROUP BY customer_id), \
    everybody AS (SELECT sum(earnings) AS total FROM earned) SELECT earner, segment, earnings, CAST(earnings AS DOUBLE \
    PRECISION) / CAST(total AS DOUBLE PRECISION) AS share FROM earned CROSS JOIN everybody JOIN customer ON customer_id = \
    earner ORDER BY earnings DESC, earner LIMIT 100";

const GAPS: &str = "WITH visits AS (SELECT DISTINCT customer_id, sold_on FROM sales WHERE NOT is_return), gaps AS (SELECT \
    sold_on - lag(sold_on) OVER (PARTITION BY customer_id ORDER BY sold_on) AS gap FROM visits) SELECT count(gap) AS gaps, \
    avg(CAST(gap AS DOUBLE PRECISION)) AS mean, percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(gap AS DOUBLE PRECISION)) AS \
    median, percentile_cont(0.9) WITHIN GROUP (ORDER BY CAST(gap AS DOUBLE PRECISION)) AS late FROM gaps";

const GAPS_CHDB: &str = "WITH visits AS (SELECT DISTINCT customer_id, sold_on FROM sales WHERE NOT is_return), gaps AS (SELECT \
    toInt32(sold_on) - lag(toNullable(toInt32(sold_on))) OVER (PARTITION BY customer_id ORDER BY sold_on) AS gap FROM visits) SELECT count(gap) \
    AS gaps, avg(gap) AS mean, quantileExactInclusive(0.5)(gap) AS median, quantileExactInclusive(0.9)(gap) AS late FROM gaps";

const GAPS_POLARS: &str = "(sales.filter(~polars.col('is_return')).select('customer_id', 'sold_on').unique()\
    .sort('customer_id', 'sold_on').select(polars.col('sold_on').diff().dt.total_days().over('customer_id').alias('gap'))\
    .select(polars.col('gap').count().alias('gaps'), polars.col('gap').mean().alias('mean'), \
    polars.col('gap').quantile(0.5, 'linear').alias('median'), polars.col('gap').quantile(0.9, 'linear').alias('late')))";

const PAIRS: &str = "WITH bought AS (SELECT DISTINCT order_id, category FROM sales JOIN product ON product.product_id = \
    sales.product_id WHERE NOT is_return) SELECT one.category AS category, other.category AS with_category, count(*) AS orders \
    FROM bought AS one JOIN bought AS other ON other.order_id = one.order_id WHERE one.category < other.category GROUP BY \
    one.category, other.category ORDER BY orders DESC, category, with_category";

const YEARS: &str = "SELECT segment, region, sum(CASE WHEN year = 2024 THEN net_amount ELSE 0 END) AS revenue_2024, \
    sum(CASE WHEN year = 2025 THEN net_amount ELSE 0 END) AS revenue_2025, CAST(sum(CASE WHEN year = 2025 THEN net_amount \
    ELSE 0 END) AS DOUBLE PRECISION) / CAST(sum(CASE WHEN year = 2024 THEN net_amount ELSE 0 END) AS DOUBLE PRECISION) - 1 AS \
    growth FROM sales JOIN calendar ON day = sold_on JOIN customer ON customer.customer_id = sales.customer_id WHERE year IN \
    (2024, 2025) GROUP BY segment, region ORDER BY segment, region";
