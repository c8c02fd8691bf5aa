//! The customer star as Parquet files, from the seeded generator of `testdata`: the same rows for the same scale factor.
//!
//! Example: scale 0.1 is 600,000 sales of 20,000 customers.

use std::path::Path;

use pareto_testdata::star::{self, Spec};

use super::super::files::store;

const SALES: f64 = 6_000_000.0;
const CUSTOMERS: f64 = 200_000.0;

/// Writes the tables into a folder.
pub(super) fn write(folder: &Path, scale: f64) -> Result<(), String> {
    let spec = Spec {
        customers: whole(CUSTOMERS * scale),
        sales: whole(SALES * scale),
        ..Spec::default()
    };
    star::tables()
        .iter()
        .try_for_each(|table| store(folder, table, star::batches(table, &spec).map(Ok)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of rows, positive"
)]
fn whole(rows: f64) -> u64 {
    rows.round().max(1.0) as u64
}
