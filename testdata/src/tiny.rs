//! The tiny star: twelve customers, seven tables, every answer on paper.
//!
//! The CSV files in `testdata/star/` have the columns of the generated star ([`crate::star`]), so
//! one `CREATE TABLE` serves both. `testdata/star/README.md` tells what each row is there for: a
//! refund, a tie, a one-time buyer, a customer who never bought, a sale below cost, the NULLs.
//!
//! The files are written by hand and never generated; change one and change the README with it.
//!
//! ```
//! assert!(pareto_testdata::tiny::csv("store").is_some_and(|text| text.starts_with("store_id,")));
//! assert_eq!(pareto_testdata::tiny::csv("warehouse"), None);
//! ```

/// The text of a table's CSV file with its header line, or `None` if the star has no such table.
#[must_use]
pub fn csv(table: &str) -> Option<&'static str> {
    match table {
        "calendar" => Some(include_str!("../star/calendar.csv")),
        "campaign" => Some(include_str!("../star/campaign.csv")),
        "channel" => Some(include_str!("../star/channel.csv")),
        "customer" => Some(include_str!("../star/customer.csv")),
        "product" => Some(include_str!("../star/product.csv")),
        "sales" => Some(include_str!("../star/sales.csv")),
        "store" => Some(include_str!("../star/store.csv")),
        _ => None,
    }
}
