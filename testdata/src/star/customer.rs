//! Customers: dense keys in the order they signed up, who they are, where they live.
//!
//! Two in five were customers before the first day of sales; the others sign up over the period,
//! so every month has a cohort. Some did not give their address, gender or year of birth: those
//! are NULL, as they are in life. How a customer buys is not told here but in `behaviour`.
//!
//! ```text
//! 8 | Ana Novak | ana.novak.8@example.com | f | 1987 | consumer | search | .. | Lyon | 2021-01-03
//! ```

use std::sync::Arc;

use arrow::array::{Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};
use chrono::Datelike;

use super::dice::{Dice, Draw, whole};
use super::place::{CITIES, City};
use super::{Spec, batch, date_of, dates, field, nullable};

pub(super) const DDL: &str = "CREATE TABLE customer (
    customer_id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    email VARCHAR,
    gender VARCHAR,
    birth_year INT,
    segment VARCHAR NOT NULL,
    acquisition_channel VARCHAR NOT NULL,
    region VARCHAR NOT NULL,
    country VARCHAR NOT NULL,
    city VARCHAR NOT NULL,
    signed_up_on DATE NOT NULL,
    PRIMARY KEY (customer_id) NOT ENFORCED RELY
) ORDER BY (customer_id)";

/// Given names with the gender they suggest.
const GIVEN: [(&str, &str); 20] = [
    ("Ana", "f"),
    ("Bruno", "m"),
    ("Chloe", "f"),
    ("David", "m"),
    ("Elena", "f"),
    ("Felix", "m"),
    ("Grace", "f"),
    ("Hugo", "m"),
    ("Ines", "f"),
    ("Jonas", "m"),
    ("Katja", "f"),
    ("Liam", "m"),
    ("Maria", "f"),
    ("Noah", "m"),
    ("Olivia", "f"),
    ("Pavel", "m"),
    ("Quinn", "d"),
    ("Rosa", "f"),
    ("Samir", "m"),
    ("Tessa", "f"),
];

const FAMILY: [&str; 24] = [
    "Adams", "Bauer", "Costa", "Dubois", "Evans", "Ferrari", "Garcia", "Hansen", "Ivanova",
    "Jensen", "Kowalski", "Lindberg", "Moreau", "Novak", "Olsen", "Petrov", "Quist", "Rossi",
    "Silva", "Tanaka", "Ueda", "Virtanen", "Weber", "Young",
];

const SEGMENTS: [(u64, (&str, f64)); 3] =
    [(80, ("consumer", 1.0)), (15, ("small business", 1.6)), (5, ("corporate", 3.0))];

const ACQUIRED: [(u64, &str); 6] = [
    (25, "organic"),
    (22, "search"),
    (18, "social"),
    (15, "referral"),
    (12, "store"),
    (8, "partner"),
];

struct Customer {
    name: String,
    email: Option<String>,
    gender: Option<&'static str>,
    birth_year: Option<i32>,
    segment: &'static str,
    acquired: &'static str,
    city: usize,
    signed_up_on: i32,
}

impl Customer {
    /// The customer with key `id`, which counts from 1.
    fn new(spec: &Spec, id: u64) -> Self {
        let mut dice = Dice::new(spec.seed, Draw::Customer, id);
        let standing = Standing::draw(&mut dice);
        let signed_up_on = signed_up_on(spec, id, &mut dice);
        let (given, suggested) = *dice.pick(&GIVEN);
        let family = *dice.pick(&FAMILY);
        let address = format!("{given}.{family}.{id}@example.com").to_lowercase();
        let age = 18 + i32::try_from(dice.below(40) + dice.below(25)).unwrap_or_default();
        Self {
            name: format!("{given} {family}"),
            email: (!dice.chance(0.04)).then_some(address),
            gender: (!dice.chance(0.06)).then_some(suggested),
            birth_year: (!dice.chance(0.10)).then(|| date_of(signed_up_on).year() - age),
            segment: standing.segment,
            acquired: ACQUIRED[dice.weighted(&ACQUIRED)].1,
            city: standing.city,
            signed_up_on,
        }
    }

    fn town(&self) -> &'static City {
        &CITIES[self.city].1
    }
}

/// What the sales need to know of a customer: where the customer lives, and how much is spent.
#[derive(Debug)]
pub(super) struct Standing {
    segment: &'static str,
    /// How much is spent, against a private person.
    pub(super) spend: f64,
    /// The row of the customer's city.
    pub(super) city: usize,
}

impl Standing {
    pub(super) fn new(spec: &Spec, id: u64) -> Self {
        Self::draw(&mut Dice::new(spec.seed, Draw::Customer, id))
    }

    fn draw(dice: &mut Dice) -> Self {
        let (segment, spend) = SEGMENTS[dice.weighted(&SEGMENTS)].1;
        Self { segment, spend, city: dice.weighted(&CITIES) }
    }
}

/// The share of customers that were there before the first day of sales.
pub(super) const ESTABLISHED: f64 = 0.4;

/// Keys are given in the order of signing up: first the established customers, over two years
/// before the period, then the new ones, evenly over all of it but its last twentieth.
fn signed_up_on(spec: &Spec, id: u64, dice: &mut Dice) -> i32 {
    let place = (id as f64 - dice.unit()) / spec.customers.max(1) as f64;
    let days = if place < ESTABLISHED {
        (place / ESTABLISHED - 1.0) * 730.0
    } else {
        (place - ESTABLISHED) / (1.0 - ESTABLISHED) * 0.95 * (spec.days() - 1) as f64
    };
    let days = i32::try_from(whole(days.floor())).unwrap_or_default();
    spec.first_day().saturating_add(days)
}

/// The day a customer signed up, without making the rest of the row.
pub(super) fn signed_up(spec: &Spec, id: u64) -> i32 {
    let mut dice = Dice::new(spec.seed, Draw::Customer, id);
    let _standing = Standing::draw(&mut dice);
    signed_up_on(spec, id, &mut dice)
}

pub(super) fn fields() -> Vec<Field> {
    vec![
        field("customer_id", DataType::Int64),
        field("name", DataType::Utf8),
        nullable("email", DataType::Utf8),
        nullable("gender", DataType::Utf8),
        nullable("birth_year", DataType::Int32),
        field("segment", DataType::Utf8),
        field("acquisition_channel", DataType::Utf8),
        field("region", DataType::Utf8),
        field("country", DataType::Utf8),
        field("city", DataType::Utf8),
        field("signed_up_on", DataType::Date32),
    ]
}

pub(super) fn rows(spec: &Spec, first: u64, last: u64) -> RecordBatch {
    let some: Vec<Customer> = (first..last).map(|row| Customer::new(spec, row + 1)).collect();
    let ids = (first..last).map(|row| i64::try_from(row + 1).unwrap_or(i64::MAX));
    batch(
        fields(),
        vec![
            Arc::new(Int64Array::from_iter_values(ids)),
            Arc::new(StringArray::from_iter_values(some.iter().map(|c| &c.name))),
            Arc::new(some.iter().map(|c| c.email.as_deref()).collect::<StringArray>()),
            Arc::new(some.iter().map(|c| c.gender).collect::<StringArray>()),
            Arc::new(some.iter().map(|c| c.birth_year).collect::<Int32Array>()),
            Arc::new(StringArray::from_iter_values(some.iter().map(|c| c.segment))),
            Arc::new(StringArray::from_iter_values(some.iter().map(|c| c.acquired))),
            Arc::new(StringArray::from_iter_values(some.iter().map(|c| c.town().region))),
            Arc::new(StringArray::from_iter_values(some.iter().map(|c| c.town().country))),
            Arc::new(StringArray::from_iter_values(some.iter().map(|c| c.town().city))),
            dates(some.iter().map(|c| c.signed_up_on)),
        ],
    )
}
