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
//! sweep over the days that holds one pending trip (24 bytes) for each customer who is still
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
pub mod history;
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
        "calendar" => {
            in_batches(spec.days(), move |first, last| calendar::rows(&spec, first, last))
        }
        "campaign" => {
            let count = campaign::plan(&spec).len() as u64;
            in_batches(count, move |first, last| campaign::rows(&spec, first, last))
        }
        "channel" => in_batches(place::CHANNELS.len() as u64, |_, _| place::channel_rows()),
        "customer" => {
            in_batches(spec.customer_count(), move |first, last| customer::rows(&spec, first, last))
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::compute::{concat_batches, sum};
    use arrow::datatypes::{Date32Type, Decimal128Type, Int32Type, Int64Type};
    use std::collections::HashMap;

    fn small() -> Spec {
        Spec { customers: 2_000, sales: 40_000, ..Spec::default() }
    }

    fn table(name: &str, spec: &Spec) -> RecordBatch {
        concat_batches(&schema(name), &batches(name, spec).collect::<Vec<_>>()).unwrap()
    }

    fn longs(rows: &RecordBatch, column: &str) -> Vec<i64> {
        rows.column_by_name(column).unwrap().as_primitive::<Int64Type>().values().to_vec()
    }

    fn ints(rows: &RecordBatch, column: &str) -> Vec<i32> {
        rows.column_by_name(column).unwrap().as_primitive::<Int32Type>().values().to_vec()
    }

    fn days(rows: &RecordBatch, column: &str) -> Vec<i32> {
        rows.column_by_name(column).unwrap().as_primitive::<Date32Type>().values().to_vec()
    }

    fn cents(rows: &RecordBatch, column: &str) -> Vec<i128> {
        rows.column_by_name(column).unwrap().as_primitive::<Decimal128Type>().values().to_vec()
    }

    /// FNV-1a over the values of all rows, in order: a change of one digit anywhere changes it.
    fn fingerprint(rows: &RecordBatch) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for column in rows.columns() {
            let text =
                arrow::util::display::ArrayFormatter::try_new(column, &Default::default()).unwrap();
            for row in 0..rows.num_rows() {
                for byte in text.value(row).to_string().bytes().chain([0]) {
                    hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                }
            }
        }
        hash
    }

    #[test]
    fn statements_and_batches_have_the_columns_of_the_schema() {
        for name in tables() {
            let schema = schema(name);
            let statement = ddl(name);
            assert!(statement.starts_with(&format!("CREATE TABLE {name} (\n")));
            let lines = statement.lines().skip(1).map(str::trim);
            let declared: Vec<String> = lines
                .take_while(|line| !line.starts_with("PRIMARY KEY"))
                .map(|line| line.trim_end_matches(',').to_owned())
                .collect();
            let expected: Vec<String> = schema
                .fields()
                .iter()
                .map(|field| {
                    let sql = match field.data_type() {
                        DataType::Int32 => "INT",
                        DataType::Int64 => "BIGINT",
                        DataType::Utf8 => "VARCHAR",
                        DataType::Boolean => "BOOLEAN",
                        DataType::Date32 => "DATE",
                        DataType::Decimal128(12, 2) => "DECIMAL(12, 2)",
                        other => panic!("{other} has no SQL type here"),
                    };
                    let null = if field.is_nullable() { "" } else { " NOT NULL" };
                    format!("{} {sql}{null}", field.name())
                })
                .collect();
            assert_eq!(declared, expected, "{name}");
            let rows = table(name, &small());
            for (field, column) in schema.fields().iter().zip(rows.columns()) {
                assert!(field.is_nullable() || column.null_count() == 0, "{name}.{}", field.name());
            }
        }
        assert_eq!((ddl("warehouse"), schema("warehouse").fields().len()), ("", 0));
        assert_eq!(batches("warehouse", &small()).count(), 0);
    }

    #[test]
    fn the_fact_has_exactly_the_rows_asked_for() {
        for (customers, sales) in
            [(2_000, 40_000), (1, 10), (7, 70_001), (5_000, 100), (50, 0), (1_000, 999)]
        {
            let spec = Spec { customers, sales, ..Spec::default() };
            let sizes: Vec<usize> = batches("sales", &spec).map(|batch| batch.num_rows()).collect();
            assert_eq!(sizes.iter().sum::<usize>() as u64, sales, "{customers} customers");
            assert!(sizes.iter().all(|rows| (1..=65_536).contains(rows)));
            assert_eq!(table("customer", &spec).num_rows() as u64, customers);
        }
        let nobody = Spec { customers: 0, sales: 10, ..Spec::default() };
        assert_eq!(batches("sales", &nobody).count(), 0);
        let day = Spec { start: Spec::default().end, ..small() };
        assert_eq!(table("sales", &day).num_rows(), 40_000);
        assert_eq!(table("calendar", &day).num_rows(), 1);
    }

    #[test]
    fn sales_are_ordered_and_their_keys_exist() {
        let spec = small();
        let sales = table("sales", &spec);
        let order: Vec<(i32, i64)> =
            days(&sales, "sold_on").into_iter().zip(longs(&sales, "customer_id")).collect();
        assert!(order.is_sorted());
        assert_eq!(longs(&sales, "sale_id"), (1..=40_000).collect::<Vec<i64>>());
        let day = table("calendar", &spec);
        let calendar = days(&day, "day");
        assert!(days(&sales, "sold_on").iter().all(|day| calendar.binary_search(day).is_ok()));
        assert!(longs(&sales, "customer_id").iter().all(|id| (1..=2_000).contains(id)));
        for key in ["product", "store", "channel", "campaign"] {
            let dimension = table(key, &spec);
            let keys = ints(&dimension, &format!("{key}_id"));
            assert_eq!(keys, (1..).take(keys.len()).collect::<Vec<i32>>());
            let column = sales.column_by_name(&format!("{key}_id")).unwrap();
            let used = column.as_primitive::<Int32Type>();
            assert!(used.iter().flatten().all(|id| keys.contains(&id)), "{key}");
        }
    }

    #[test]
    fn money_adds_up_and_refunds_undo_a_sale() {
        let spec = small();
        let sales = table("sales", &spec);
        let [gross, discount, net, cost, profit] =
            ["gross_amount", "discount", "net_amount", "cost_amount", "profit"]
                .map(|c| cents(&sales, c));
        for row in 0..sales.num_rows() {
            assert_eq!(net[row], gross[row] - discount[row]);
            assert_eq!(profit[row], net[row] - cost[row]);
        }
        let (orders, products) = (longs(&sales, "order_id"), ints(&sales, "product_id"));
        let (quantity, is_return) =
            (ints(&sales, "quantity"), sales.column(14).as_boolean().clone());
        let mut bought: HashMap<(i64, i32), Vec<i128>> = HashMap::new();
        let (mut refunds, mut losses) = (0, 0);
        for row in 0..sales.num_rows() {
            assert_eq!(quantity[row] < 0, is_return.value(row));
            if is_return.value(row) {
                refunds += 1;
                let lines = &bought[&(orders[row], products[row])];
                assert!(lines.contains(&-net[row]), "sale {} returns what was not bought", row + 1);
            } else {
                losses += usize::from(profit[row] < 0);
                bought.entry((orders[row], products[row])).or_default().push(net[row]);
            }
        }
        assert!((200..2_000).contains(&refunds), "{refunds} refunds");
        assert!((400..6_000).contains(&losses), "{losses} sales at a loss");
    }

    #[test]
    fn few_customers_make_most_of_the_sales() {
        let sales = table("sales", &small());
        let mut money: HashMap<i64, i128> = HashMap::new();
        for (id, net) in longs(&sales, "customer_id").into_iter().zip(cents(&sales, "net_amount")) {
            *money.entry(id).or_default() += net;
        }
        let mut money: Vec<i128> = money.into_values().collect();
        money.sort_unstable();
        let best: i128 = money.iter().rev().take(money.len() / 5).sum();
        let share = best as f64 / money.iter().sum::<i128>() as f64;
        assert!((0.65..0.85).contains(&share), "the best fifth make {share} of the sales");
        assert!((1_500..1_990).contains(&money.len()), "{} of 2000 customers bought", money.len());
    }

    /// Fixed for good: the demo prints these rows, and other tests quote figures of them.
    #[test]
    fn the_same_spec_gives_the_same_rows_everywhere() {
        let spec = small();
        let fingerprints = tables().iter().map(|name| (*name, fingerprint(&table(name, &spec))));
        let found: Vec<(&str, u64)> = fingerprints.collect();
        assert_eq!(found, FINGERPRINTS);
        let other = Spec { seed: 43, ..small() };
        assert_ne!(fingerprint(&table("sales", &other)), found[6].1);
        let total = batches("sales", &Spec::default()).map(|batch| {
            sum(batch.column_by_name("net_amount").unwrap().as_primitive::<Decimal128Type>())
                .unwrap()
        });
        assert_eq!(total.sum::<i128>(), 4_389_856_690);
    }

    const FINGERPRINTS: [(&str, u64); 7] = [
        ("calendar", 0x799f_1e31_e30c_ee16),
        ("campaign", 0x6c4a_d313_f902_cd89),
        ("channel", 0x685d_4a8d_6214_7a09),
        ("customer", 0x2354_5fce_118a_186d),
        ("product", 0x53d1_6645_70e3_0b6a),
        ("store", 0x3e03_5d19_2f85_9776),
        ("sales", 0x0793_3235_47f4_cc18),
    ];
}
