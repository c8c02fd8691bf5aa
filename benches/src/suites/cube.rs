//! CUBE and ROLLUP over two to six dimensions of the customer star: five aggregates of one joined fact.
//!
//! No dimension holds NULL, so that a NULL in an answer means "all".

use super::Query;

/// What is grouped by, from the first.
const DIMENSIONS: [&str; 6] =
    ["department", "channel.name", "segment", "year", "quarter", "store.region"];

/// CUBE, then ROLLUP, of ever more dimensions.
pub(super) fn queries() -> Vec<Query> {
    let of = |word: &str| {
        (2..=DIMENSIONS.len()).map(|count| ask(word, &DIMENSIONS[..count])).collect::<Vec<_>>()
    };
    [of("CUBE"), of("ROLLUP")].concat()
}

fn ask(word: &str, dimensions: &[&str]) -> Query {
    let name = format!("{word} of {}", dimensions.len());
    let dimensions = dimensions.join(", ");
    let sql = format!(
        "SELECT {dimensions}, sum(net_amount) AS revenue, count(*) AS lines, avg(CAST(quantity AS DOUBLE PRECISION)) AS \
         pieces, min(net_amount) AS least, max(net_amount) AS most FROM sales JOIN calendar ON day = sold_on JOIN product ON \
         product.product_id = sales.product_id JOIN channel ON channel.channel_id = sales.channel_id JOIN customer ON \
         customer.customer_id = sales.customer_id JOIN store ON store.store_id = sales.store_id GROUP BY {word}({dimensions})"
    );
    Query::new(name, sql).unordered()
}
