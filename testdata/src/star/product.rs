//! Products: four departments of four categories, priced by category, sold by rank.
//!
//! Three things are planted for the analyst to find. Few products make most of the sales: the one
//! at rank k sells in proportion to 1 / (k + 3)^0.85. Neighbours belong together: whoever buys
//! product 1 often buys product 2 with it, 3 goes with 4, and so on. And about one product in
//! twenty-five costs more than its price.
//!
//! ```text
//! 17 | Silver Kettle 17 | Northwind | kitchen | home | 38.50 | 24.10
//! ```

use std::sync::Arc;

use arrow::array::{Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};

use super::dice::{Dice, Draw, exp, index, ln, mix, whole};
use super::{MONEY, Spec, batch, field, money, plus_days};

pub(super) const DDL: &str = "CREATE TABLE product (
    product_id INT NOT NULL,
    name VARCHAR NOT NULL,
    brand VARCHAR NOT NULL,
    category VARCHAR NOT NULL,
    department VARCHAR NOT NULL,
    list_price DECIMAL(12, 2) NOT NULL,
    unit_cost DECIMAL(12, 2) NOT NULL,
    PRIMARY KEY (product_id) NOT ENFORCED RELY
) ORDER BY (product_id)";

/// Department, category, a typical price, and what the goods are called.
const CATEGORIES: [(&str, &str, f64, [&str; 4]); 16] = [
    ("grocery", "coffee", 7.0, ["Espresso", "Filter Coffee", "Coffee Pods", "Decaf"]),
    ("home", "kitchen", 28.0, ["Kettle", "Pan", "Knife", "Mixing Bowl"]),
    ("fashion", "shoes", 55.0, ["Sneaker", "Boot", "Sandal", "Loafer"]),
    ("media", "music", 13.0, ["Live Album", "Best Of", "Symphony", "Single"]),
    ("grocery", "snacks", 3.5, ["Nut Mix", "Chocolate", "Crackers", "Dried Fruit"]),
    ("home", "bedroom", 42.0, ["Pillow", "Duvet", "Sheet Set", "Lamp"]),
    ("fashion", "outdoor", 70.0, ["Rain Jacket", "Fleece", "Hiking Trousers", "Hat"]),
    ("media", "books", 15.0, ["Novel", "Atlas", "Cook Book", "Biography"]),
    ("grocery", "drinks", 4.5, ["Lemonade", "Apple Juice", "Mineral Water", "Iced Tea"]),
    ("home", "garden", 24.0, ["Planter", "Hose", "Secateurs", "Bird House"]),
    ("fashion", "basics", 18.0, ["T-Shirt", "Socks", "Belt", "Scarf"]),
    ("media", "games", 35.0, ["Board Game", "Puzzle", "Card Game", "Strategy Game"]),
    ("grocery", "breakfast", 5.0, ["Granola", "Honey", "Jam", "Porridge"]),
    ("home", "office", 60.0, ["Desk Lamp", "Chair", "Shelf", "Monitor Stand"]),
    ("fashion", "bags", 48.0, ["Backpack", "Tote", "Wallet", "Suitcase"]),
    ("media", "film", 11.0, ["Classic", "Documentary", "Box Set", "Thriller"]),
];

const QUALITIES: [&str; 8] =
    ["Plain", "Silver", "Red", "Nordic", "Classic", "Grand", "Little", "Everyday"];

const BRANDS: [&str; 12] = [
    "Northwind",
    "Alder",
    "Brightside",
    "Cobalt",
    "Dune",
    "Ember",
    "Fjord",
    "Grove",
    "Halcyon",
    "Ivory",
    "Juniper",
    "Kestrel",
];

/// The two amounts of a product that a sale needs, in cents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Price {
    pub(super) list_cents: i64,
    pub(super) cost_cents: i64,
}

struct Product {
    name: String,
    brand: &'static str,
    category: &'static str,
    department: &'static str,
    price: Price,
}

/// The product at `row`, which counts from 0; its key is one more.
fn product(spec: &Spec, row: u64) -> Product {
    let mut dice = Dice::new(spec.seed, Draw::Product, row);
    let (department, category, typical, goods) = &CATEGORIES[index(row % CATEGORIES.len() as u64)];
    let name = format!("{} {} {}", dice.pick(&QUALITIES), dice.pick(goods), row + 1);
    let brand = *dice.pick(&BRANDS);
    let list_cents = whole(dice.log_normal(100.0 * typical, 0.4)).max(50) / 10 * 10 - 1;
    let cost_share = if dice.chance(0.04) { 1.05 } else { 0.40 + 0.45 * dice.unit() };
    let cost_cents = whole(list_cents as f64 * cost_share);
    Product { name, brand, category, department, price: Price { list_cents, cost_cents } }
}

pub(super) fn fields() -> Vec<Field> {
    vec![
        field("product_id", DataType::Int32),
        field("name", DataType::Utf8),
        field("brand", DataType::Utf8),
        field("category", DataType::Utf8),
        field("department", DataType::Utf8),
        field("list_price", MONEY),
        field("unit_cost", MONEY),
    ]
}

pub(super) fn rows(spec: &Spec, first: u64, last: u64) -> RecordBatch {
    let some: Vec<Product> = (first..last).map(|row| product(spec, row)).collect();
    batch(
        fields(),
        vec![
            Arc::new(Int32Array::from_iter_values((first..last).map(|row| plus_days(1, row)))),
            Arc::new(StringArray::from_iter_values(some.iter().map(|p| &p.name))),
            Arc::new(StringArray::from_iter_values(some.iter().map(|p| p.brand))),
            Arc::new(StringArray::from_iter_values(some.iter().map(|p| p.category))),
            Arc::new(StringArray::from_iter_values(some.iter().map(|p| p.department))),
            money(some.iter().map(|p| p.price.list_cents)),
            money(some.iter().map(|p| p.price.cost_cents)),
        ],
    )
}

/// All prices, and the odds of each product: what a sale picks from.
#[derive(Debug)]
pub(super) struct Shelf {
    prices: Vec<Price>,
    /// The product at each rank, the best seller first.
    ranked: Vec<usize>,
    /// The summed odds of all ranks up to and including this one.
    odds: Vec<f64>,
}

impl Shelf {
    pub(super) fn new(spec: &Spec) -> Self {
        let prices: Vec<Price> =
            (0..spec.product_count()).map(|row| product(spec, row).price).collect();
        let mut ranked: Vec<usize> = (0..prices.len()).collect();
        ranked.sort_by_key(|row| mix(mix(spec.seed) ^ *row as u64));
        let mut total = 0.0;
        let odds = (0..prices.len()).map(|rank| {
            total += exp(-0.85 * ln(rank as f64 + 3.0));
            total
        });
        Self { odds: odds.collect(), ranked, prices }
    }

    /// The row of a product, drawn by popularity.
    pub(super) fn draw(&self, dice: &mut Dice) -> usize {
        let total = self.odds.last().copied().unwrap_or_default();
        let mark = dice.unit() * total;
        let rank = self.odds.partition_point(|odds| *odds < mark);
        self.ranked[rank.min(self.ranked.len() - 1)]
    }

    /// The product that goes with this one: 1 with 2, 3 with 4 (rows 0 with 1, 2 with 3).
    pub(super) fn companion(&self, row: usize) -> usize {
        (row ^ 1).min(self.prices.len() - 1)
    }

    pub(super) fn price(&self, row: usize) -> Price {
        self.prices[row]
    }
}
