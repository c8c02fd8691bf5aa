//! Where people live and buy: the cities of the star, its stores, and its five channels.
//!
//! Customers and stores share one list of cities, so "region" means the same on both sides. A
//! store stands in the city that its number gives in turn, which puts one into every city first.
//!
//! ```text
//! store 3: Leeds Market Street, in Leeds, Northern Europe
//! ```

use std::sync::Arc;

use arrow::array::{Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};

use super::dice::{Dice, Draw, index};
use super::{Spec, batch, dates, field, plus_days};

pub(super) const STORE_DDL: &str = "CREATE TABLE store (
    store_id INT NOT NULL,
    name VARCHAR NOT NULL,
    city VARCHAR NOT NULL,
    country VARCHAR NOT NULL,
    region VARCHAR NOT NULL,
    opened_on DATE NOT NULL,
    PRIMARY KEY (store_id) NOT ENFORCED RELY
) ORDER BY (store_id)";

pub(super) const CHANNEL_DDL: &str = "CREATE TABLE channel (
    channel_id INT NOT NULL,
    name VARCHAR NOT NULL,
    PRIMARY KEY (channel_id) NOT ENFORCED RELY
) ORDER BY (channel_id)";

/// The channels; a channel's key is its place in this list, from 1.
pub(super) const CHANNELS: [&str; 5] = ["store", "web", "app", "phone", "marketplace"];

/// A place and how many of a hundred customers live there.
#[derive(Debug)]
pub(super) struct City {
    pub(super) city: &'static str,
    pub(super) country: &'static str,
    pub(super) region: &'static str,
}

const fn city(city: &'static str, country: &'static str, region: &'static str) -> City {
    City { city, country, region }
}

const NORTH: &str = "Northern Europe";
const WEST: &str = "Western Europe";
const SOUTH: &str = "Southern Europe";
const AMERICA: &str = "North America";

/// Every city, with its share of the customers in percent.
pub(super) const CITIES: [(u64, City); 16] = [
    (12, city("London", "United Kingdom", NORTH)),
    (9, city("Paris", "France", WEST)),
    (5, city("Leeds", "United Kingdom", NORTH)),
    (9, city("Berlin", "Germany", WEST)),
    (8, city("Madrid", "Spain", SOUTH)),
    (12, city("New York", "United States", AMERICA)),
    (4, city("Stockholm", "Sweden", NORTH)),
    (6, city("Hamburg", "Germany", WEST)),
    (6, city("Milan", "Italy", SOUTH)),
    (6, city("Toronto", "Canada", AMERICA)),
    (3, city("Uppsala", "Sweden", NORTH)),
    (4, city("Lyon", "France", WEST)),
    (4, city("Valencia", "Spain", SOUTH)),
    (6, city("Chicago", "United States", AMERICA)),
    (3, city("Bologna", "Italy", SOUTH)),
    (3, city("Ottawa", "Canada", AMERICA)),
];

const STREETS: [&str; 8] = [
    "Market Street",
    "Station Square",
    "Old Town",
    "Harbour",
    "Park Lane",
    "Riverside",
    "Arcade",
    "Outlet",
];

pub(super) fn store_fields() -> Vec<Field> {
    vec![
        field("store_id", DataType::Int32),
        field("name", DataType::Utf8),
        field("city", DataType::Utf8),
        field("country", DataType::Utf8),
        field("region", DataType::Utf8),
        field("opened_on", DataType::Date32),
    ]
}

pub(super) fn channel_fields() -> Vec<Field> {
    vec![field("channel_id", DataType::Int32), field("name", DataType::Utf8)]
}

pub(super) fn store_rows(spec: &Spec, first: u64, last: u64) -> RecordBatch {
    let cities = CITIES.len() as u64;
    let towns: Vec<&City> = (first..last).map(|row| &CITIES[index(row % cities)].1).collect();
    let names = (first..last).map(|row| {
        let round = row / cities;
        let street = STREETS[index((row + round) % STREETS.len() as u64)];
        let branch = round / STREETS.len() as u64;
        let town = CITIES[index(row % cities)].1.city;
        if branch == 0 {
            format!("{town} {street}")
        } else {
            format!("{town} {street} {}", branch + 1)
        }
    });
    let opened = (first..last).map(|row| {
        let back = Dice::new(spec.seed, Draw::Store, row + 1).below(3_650);
        plus_days(spec.first_day() - 3_700, back)
    });
    batch(
        store_fields(),
        vec![
            Arc::new(Int32Array::from_iter_values((first..last).map(|row| plus_days(1, row)))),
            Arc::new(StringArray::from_iter_values(names)),
            Arc::new(StringArray::from_iter_values(towns.iter().map(|town| town.city))),
            Arc::new(StringArray::from_iter_values(towns.iter().map(|town| town.country))),
            Arc::new(StringArray::from_iter_values(towns.iter().map(|town| town.region))),
            dates(opened),
        ],
    )
}

pub(super) fn channel_rows() -> RecordBatch {
    batch(
        channel_fields(),
        vec![
            Arc::new((1..).take(CHANNELS.len()).collect::<Int32Array>()),
            Arc::new(StringArray::from_iter_values(CHANNELS)),
        ],
    )
}
