//! A star of customer facts, of any size, the same for the same [`Spec`] on every machine.
//!
//! ```text
//!   campaign   calendar   customer
//!          \      |      /
//!           +-- sales --+          one row per line of a receipt, ordered by day and customer
//!          /      |      \
//!    channel   store     product
//! ```
//!
//! Customers behave as the literature says they do (`behaviour`): each buys at a rate of its own
//! (Gamma), leaves for good with a probability of its own after a purchase (Beta; together
//! BG/NBD), and spends around a level of its own (Gamma-Gamma). That, not a rule, is why few
//! customers make most of the sales. Products sell by rank (Zipf) and in pairs, weeks and years
//! have their seasons, campaigns discount, some goods are sold below cost, and some come back: a
//! refund is a line with negative quantity and amounts, and with the order number of the purchase.
//!
//! Money is made in whole cents and kept as `DECIMAL(12,2)`. Keys are dense integers from 1.
//!
//! Memory stays bounded at any size: dimensions are made a batch at a time, and the fact in one
//! sweep over the days that holds one pending trip (32 bytes) for each customer who is still
//! buying, and the lines of one day (`sales` tells how).
//!
//! It never writes a file and never reads a clock.
//!
//! ```
//! use pareto_testdata::star::{self, Spec};
//!
//! let spec = Spec { customers: 50, sales: 400, ..Spec::default() };
//! for table in star::tables() {
//!     let rows: usize = star::batches(table, &spec).map(|batch| batch.num_rows()).sum();
//!     println!("{table}: {rows} rows\n{}", star::ddl(table));
//! }
//! ```

mod behaviour;
mod calendar;
mod campaign;
mod customer;
mod dice;
mod place;
mod product;
mod sales;

use std::iter;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use chrono::{Datelike, NaiveDate};

/// The type of money: whole cents, ten digits before the point.
const MONEY: DataType = DataType::Decimal128(12, 2);

/// Rows of a dimension batch; the fact's batches are larger.
const DIMENSION_ROWS: u64 = 8_192;

/// How large a star, and which one.
///
/// Two equal specs give the same rows, byte for byte. Customers beyond 2^32 - 1 are not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Rows of `customer`; the other dimensions follow from it.
    pub customers: u64,
    /// Rows of `sales`, exactly, refunds included.
    pub sales: u64,
    /// Which of the many stars of this size.
    pub seed: u64,
    /// The first day of sales.
    pub start: NaiveDate,
    /// The last day of sales, included; a day before `start` counts as `start`.
    pub end: NaiveDate,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            customers: 20_000,
            sales: 1_000_000,
            seed: 42,
            start: NaiveDate::from_ymd_opt(2023, 1, 1).unwrap_or_default(),
            end: NaiveDate::from_ymd_opt(2025, 12, 31).unwrap_or_default(),
        }
    }
}

impl Spec {
    fn customer_count(&self) -> u64 {
        self.customers.min(u64::from(u32::MAX))
    }

    fn product_count(&self) -> u64 {
        (self.customers / 20).clamp(100, 50_000)
    }

    fn store_count(&self) -> u64 {
        (self.customers / 500).clamp(12, 2_000)
    }

    fn first_day(&self) -> i32 {
        day_number(self.start)
    }

    /// Days of sales, at least one.
    fn days(&self) -> u64 {
        u64::try_from((self.end - self.start).num_days()).unwrap_or_default() + 1
    }
}

/// The tables of the star in the order to create and load them: dimensions first, the fact last.
#[must_use]
pub fn tables() -> &'static [&'static str] {
    &["calendar", "campaign", "channel", "customer", "product", "store", "sales"]
}

/// The columns of a table; no columns if the star has no such table.
#[must_use]
pub fn schema(table: &str) -> SchemaRef {
    let fields = match table {
        "calendar" => calendar::fields(),
        "campaign" => campaign::fields(),
        "channel" => place::channel_fields(),
        "customer" => customer::fields(),
        "product" => product::fields(),
        "sales" => sales::fields(),
        "store" => place::store_fields(),
        _ => Vec::new(),
    };
    Arc::new(Schema::new(fields))
}

/// The `CREATE TABLE` statement of a table; empty if the star has no such table.
#[must_use]
pub fn ddl(table: &str) -> &'static str {
    match table {
        "calendar" => calendar::DDL,
        "campaign" => campaign::DDL,
        "channel" => place::CHANNEL_DDL,
        "customer" => customer::DDL,
        "product" => product::DDL,
        "sales" => sales::DDL,
        "store" => place::STORE_DDL,
        _ => "",
    }
}

/// The rows of a table, in batches of at most 65,536; none if the star has no such table.
///
/// Dimensions come ordered by their key, sales by (`sold_on`, `customer_id`).
#[must_use]
pub fn batches(table: &str, spec: &Spec) -> Box<dyn Iterator<Item = RecordBatch> + Send> {
    let spec = spec.clone();
    match table {
        "calendar" => in_batches(spec.days(), move |first, last| calendar::rows(&spec, first, last)),
        "campaign" => {
            let count = campaign::plan(&spec).len() as u64;
            in_batches(count, move |first, last| campaign::rows(&spec, first, last))
        }
        "channel" => in_batches(place::CHANNELS.len() as u64, |_, _| place::channel_rows()),
        "customer" => in_batches(spec.customer_count(), move |first, last| {
            customer::rows(&spec, first, last)
        }),
        "product" => {
            in_batches(spec.product_count(), move |first, last| product::rows(&spec, first, last))
        }
        "sales" => Box::new(sales::Sweep::new(&spec)),
        "store" => {
            in_batches(spec.store_count(), move |first, last| place::store_rows(&spec, first, last))
        }
        _ => Box::new(iter::empty()),
    }
}

/// Cuts `0..count` into batches; `rows(first, last)` makes the rows `first..last`.
fn in_batches(
    count: u64,
    rows: impl Fn(u64, u64) -> RecordBatch + Send + 'static,
) -> Box<dyn Iterator<Item = RecordBatch> + Send> {
    let batches = count.div_ceil(DIMENSION_ROWS);
    Box::new((0..batches).map(move |batch| {
        let first = batch * DIMENSION_ROWS;
        rows(first, count.min(first + DIMENSION_ROWS))
    }))
}

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

fn nullable(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// A batch of columns that are as many, as long and of the types that `fields` says.
fn batch(fields: Vec<Field>, columns: Vec<ArrayRef>) -> RecordBatch {
    let fields = fields.into_iter().map(FieldRef::new);
    RecordBatch::from(StructArray::from(fields.zip(columns).collect::<Vec<_>>()))
}

fn money(cents: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Decimal128Array::from_iter_values(cents.map(i128::from)).with_data_type(MONEY))
}

fn dates(days: impl Iterator<Item = i32>) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(days))
}

/// Days since 1970-01-01, as Arrow counts them.
fn day_number(day: NaiveDate) -> i32 {
    day.num_days_from_ce() - 719_163
}

/// The inverse of [`day_number`].
fn date_of(day: i32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day + 719_163).unwrap_or_default()
}

/// Adds a count of days that is known to be within the calendar.
fn plus_days(day: i32, days: u64) -> i32 {
    day.saturating_add(i32::try_from(days).unwrap_or(i32::MAX))
}
