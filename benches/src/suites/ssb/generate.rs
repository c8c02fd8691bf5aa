//! The tables of the Star Schema Benchmark as Parquet files: the same bytes for the same scale factor, everywhere.
//!
//! Sizes, keys, hierarchies and domains are the benchmark's: 30,000 customers and 2,000 suppliers per unit of scale, 200,000
//! parts times 1 + log2 of it, seven years of dates, orders of one to seven lines (four on average) from 1.5 million orders
//! per unit. Every attribute is uniform over its domain and independent of the others; each is a function of its table,
//! column and row, so that no column depends on how many others are made. Names and addresses are shorter than the
//! original's: no query reads them.
//!
//! Example: at scale 1 line 1 of the first order has `lo_orderkey` 1, and every fifth customer is of `ASIA`.

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use chrono::{Datelike, NaiveDate};
use std::iter::once;
use std::path::Path;
use std::sync::Arc;

use super::super::files::store;

const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];
/// Five nations of each region, in the order of the regions.
const NATIONS: [&str; 25] = [
    "ALGERIA",
    "ETHIOPIA",
    "KENYA",
    "MOROCCO",
    "MOZAMBIQUE",
    "ARGENTINA",
    "BRAZIL",
    "CANADA",
    "PERU",
    "UNITED STATES",
    "CHINA",
    "INDIA",
    "INDONESIA",
    "JAPAN",
    "VIETNAM",
    "FRANCE",
    "GERMANY",
    "ROMANIA",
    "RUSSIA",
    "UNITED KINGDOM",
    "EGYPT",
    "IRAN",
    "IRAQ",
    "JORDAN",
    "SAUDI ARABIA",
];
const SEGMENTS: [&str; 5] = ["AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD"];
const COLORS: [&str; 5] = ["red", "green", "blue", "white", "black"];
const PRIORITIES: [&str; 5] = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECI", "5-LOW"];
const MODES: [&str; 7] = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"];
const ORDERS_PER_SCALE: f64 = 1_500_000.0;
/// Days on which orders are placed: from the first of 1992 to 151 days before the end of 1998.
const ORDER_DAYS: u64 = 2406;
/// Orders that are made into one batch.
const ORDERS_PER_BATCH: u64 = 65_536;

/// A column of a table, for numbers that depend on it and a row alone.
#[derive(Clone, Copy)]
struct Stream(u64);

impl Stream {
    fn at(self, row: u64) -> u64 {
        let mixed = (row.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ self.0.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below the bound.
    fn below(self, row: u64, bound: u64) -> i32 {
        i32::try_from(self.at(row) % bound).unwrap_or(i32::MAX)
    }

    fn of<'a>(self, row: u64, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.at(row) % all.len() as u64).unwrap_or(0)]
    }
}

/// Writes the five tables into a folder.
pub(super) fn write(folder: &Path, scale: f64) -> Result<(), String> {
    let sizes = Sizes::at(scale);
    store(folder, "customer", once(people(sizes.customers, "c", 100)))?;
    store(folder, "supplier", once(people(sizes.suppliers, "s", 200)))?;
    store(folder, "part", once(parts(sizes.parts)))?;
    store(folder, "date", once(dates()))?;
    let starts = (0..sizes.orders).step_by(usize::try_from(ORDERS_PER_BATCH).unwrap_or(1));
    let end = |start: u64| (start + ORDERS_PER_BATCH).min(sizes.orders);
    store(folder, "lineorder", starts.map(|start| lines(start, end(start), &sizes)))
}

struct Sizes {
    orders: u64,
    customers: u64,
    suppliers: u64,
    parts: u64,
}

impl Sizes {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "numbers of rows, positive"
    )]
    fn at(scale: f64) -> Self {
        let times = |rows: f64, scale: f64| ((rows * scale) as u64).max(1);
        let parts = if scale >= 1.0 { 1.0 + scale.log2().floor() } else { scale };
        Self {
            orders: times(ORDERS_PER_SCALE, scale),
            customers: times(30_000.0, scale),
            suppliers: times(2_000.0, scale),
            parts: times(200_000.0, parts),
        }
    }
}

fn integers(rows: u64, value: impl Fn(u64) -> i32) -> ArrayRef {
    Arc::new((0..rows).map(value).collect::<Vec<_>>().into_iter().collect::<Int32Array>())
}

fn texts<T: AsRef<str>>(rows: u64, value: impl Fn(u64) -> T) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..rows).map(value)))
}

fn key(row: u64) -> i32 {
    i32::try_from(row + 1).unwrap_or(i32::MAX)
}

/// Customers or suppliers: key, name, address, city, nation, region, phone, and a customer's segment.
fn people(rows: u64, prefix: &str, seed: u64) -> Result<RecordBatch, ArrowError> {
    let column = |place: u64| Stream(seed + place);
    let nation = move |row: u64| usize::try_from(column(0).at(row) % 25).unwrap_or(0);
    let city = move |row: u64| format!("{:<9.9}{}", NATIONS[nation(row)], column(1).below(row, 10));
    let (entity, name) = if prefix == "c" { ("cust", "Customer") } else { ("supp", "Supplier") };
    let mut columns: Vec<(String, ArrayRef)> = vec![
        (format!("{prefix}_{entity}key"), integers(rows, key)),
        (format!("{prefix}_name"), texts(rows, |row| format!("{name}#{:09}", row + 1))),
        (format!("{prefix}_address"), texts(rows, |row| format!("{:x}", column(2).at(row)))),
        (format!("{prefix}_city"), texts(rows, city)),
        (format!("{prefix}_nation"), texts(rows, |row| NATIONS[nation(row)])),
        (format!("{prefix}_region"), texts(rows, |row| REGIONS[nation(row) / 5])),
        (
            format!("{prefix}_phone"),
            texts(rows, |row| format!("{}", column(3).at(row) % 10_000_000_000)),
        ),
    ];
    if prefix == "c" {
        columns.push(("c_mktsegment".to_owned(), texts(rows, |row| column(4).of(row, &SEGMENTS))));
    }
    RecordBatch::try_from_iter(columns)
}

fn parts(rows: u64) -> Result<RecordBatch, ArrowError> {
    let column = |place: u64| Stream(300 + place);
    let maker = move |row: u64| format!("MFGR#{}", 1 + column(0).below(row, 5));
    let category = move |row: u64| format!("{}{}", maker(row), 1 + column(1).below(row, 5));
    let brand = move |row: u64| format!("{}{}", category(row), 1 + column(2).below(row, 40));
    RecordBatch::try_from_iter([
        ("p_partkey", integers(rows, key)),
        (
            "p_name",
            texts(rows, |row| {
                format!("{} {}", column(3).of(row, &COLORS), column(4).of(row, &COLORS))
            }),
        ),
        ("p_mfgr", texts(rows, maker)),
        ("p_category", texts(rows, category)),
        ("p_brand1", texts(rows, brand)),
        ("p_color", texts(rows, |row| column(3).of(row, &COLORS))),
        ("p_type", texts(rows, |row| format!("TYPE {}", column(5).below(row, 150)))),
        ("p_size", integers(rows, |row| 1 + column(6).below(row, 50))),
        ("p_container", texts(rows, |row| format!("BOX {}", column(7).below(row, 40)))),
    ])
}

/// The day that many days after the first of 1992.
fn day(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(1992, 1, 1).unwrap_or_default() + chrono::Days::new(number)
}

/// A day as the benchmark writes it: 19920131.
fn date_key(number: u64) -> i32 {
    let day = day(number);
    day.year() * 10_000 + number_of(day.month()) * 100 + number_of(day.day())
}

fn number_of(part: u32) -> i32 {
    i32::try_from(part).unwrap_or(i32::MAX)
}

fn dates() -> Result<RecordBatch, ArrowError> {
    let rows = 2557;
    let seasons = ["Winter", "Spring", "Summer", "Fall", "Christmas"];
    let season = |row: u64| match day(row).month() {
        12 => seasons[4],
        1 | 2 => seasons[0],
        3..=5 => seasons[1],
        6..=8 => seasons[2],
        _ => seasons[3],
    };
    let flag = |of: fn(NaiveDate) -> bool| move |row: u64| i32::from(of(day(row)));
    let last = |date: NaiveDate| date.succ_opt().is_some_and(|next| next.month() != date.month());
    RecordBatch::try_from_iter([
        ("d_datekey", integers(rows, date_key)),
        ("d_date", texts(rows, |row| day(row).format("%B %-d, %Y").to_string())),
        ("d_dayofweek", texts(rows, |row| day(row).format("%A").to_string())),
        ("d_month", texts(rows, |row| day(row).format("%B").to_string())),
        ("d_year", integers(rows, |row| day(row).year())),
        (
            "d_yearmonthnum",
            integers(rows, |row| day(row).year() * 100 + number_of(day(row).month())),
        ),
        ("d_yearmonth", texts(rows, |row| day(row).format("%b%Y").to_string())),
        (
            "d_daynuminweek",
            integers(rows, |row| number_of(day(row).weekday().number_from_sunday())),
        ),
        ("d_daynuminmonth", integers(rows, |row| number_of(day(row).day()))),
        ("d_daynuminyear", integers(rows, |row| number_of(day(row).ordinal()))),
        ("d_monthnuminyear", integers(rows, |row| number_of(day(row).month()))),
        ("d_weeknuminyear", integers(rows, |row| number_of((day(row).ordinal() - 1) / 7 + 1))),
        ("d_sellingseason", texts(rows, season)),
        ("d_lastdayinweekfl", integers(rows, flag(|date| date.weekday() == chrono::Weekday::Sat))),
        ("d_lastdayinmonthfl", integers(rows, flag(last))),
        ("d_holidayfl", integers(rows, flag(|date| date.month() == 12 && date.day() == 25))),
        ("d_weekdayfl", integers(rows, flag(|date| date.weekday().number_from_monday() < 6))),
    ])
}

/// The lines of some orders.
fn lines(start: u64, end: u64, sizes: &Sizes) -> Result<RecordBatch, ArrowError> {
    let column = |place: u64| Stream(400 + place);
    let mut line_of: Vec<(u64, u64)> = Vec::new();
    for order in start..end {
        line_of.extend((0..=column(0).at(order) % 7).map(|line| (order, line)));
    }
    let of = |value: &dyn Fn(u64, u64) -> i32| -> ArrayRef {
        // A line is told from others by eight places per order.
        Arc::new(
            line_of
                .iter()
                .map(|(order, line)| Some(value(*order, order * 8 + line)))
                .collect::<Int32Array>(),
        )
    };
    let words = |value: &dyn Fn(u64, u64) -> &'static str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(
            line_of.iter().map(|(order, line)| value(*order, order * 8 + line)),
        ))
    };
    let keys = line_of.iter().map(|(order, _)| Some(i64::try_from(order + 1).unwrap_or(i64::MAX)));
    let price = |row: u64| 90_000 + column(1).below(row, 10_000_000);
    let discount = |row: u64| column(2).below(row, 11);
    let revenue = |row: u64| {
        i32::try_from(i64::from(price(row)) * i64::from(100 - discount(row)) / 100)
            .unwrap_or(i32::MAX)
    };
    let reference =
        |place: u64, count: u64| move |_: u64, row: u64| 1 + column(place).below(row, count);
    RecordBatch::try_from_iter([
        ("lo_orderkey", Arc::new(keys.collect::<Int64Array>()) as ArrayRef),
        ("lo_linenumber", of(&|order, row| i32::try_from(row - order * 8 + 1).unwrap_or(0))),
        ("lo_custkey", of(&|order, _| 1 + column(3).below(order, sizes.customers))),
        ("lo_partkey", of(&reference(4, sizes.parts))),
        ("lo_suppkey", of(&reference(5, sizes.suppliers))),
        ("lo_orderdate", of(&|order, _| date_key(column(6).at(order) % ORDER_DAYS))),
        ("lo_orderpriority", words(&|order, _| column(7).of(order, &PRIORITIES))),
        ("lo_shippriority", of(&|_, _| 0)),
        ("lo_quantity", of(&|_, row| 1 + column(8).below(row, 50))),
        ("lo_extendedprice", of(&|_, row| price(row))),
        ("lo_ordtotalprice", of(&|order, _| 90_000 + column(9).below(order, 40_000_000))),
        ("lo_discount", of(&|_, row| discount(row))),
        ("lo_revenue", of(&|_, row| revenue(row))),
        ("lo_supplycost", of(&|_, row| 54_000 + column(10).below(row, 66_000))),
        ("lo_tax", of(&|_, row| column(11).below(row, 9))),
        (
            "lo_commitdate",
            of(&|order, row| {
                date_key(column(6).at(order) % ORDER_DAYS + 30 + column(12).at(row) % 61)
            }),
        ),
        ("lo_shipmode", words(&|_, row| column(13).of(row, &MODES))),
    ])
}
