//! Campaigns: one every month of the period, of a kind in turn, each for two to five weeks.
//!
//! A campaign offers a discount and reaches some of the purchases made while it runs; those carry
//! its number. Discounts go up to 30 percent, deeper than the margin of many products, which is
//! how a campaign comes to sell much and earn nothing.
//!
//! ```text
//! 2 | Social 2023-02 | social | 2023-02-04 | 2023-02-26 | 18250.00
//! ```

use std::sync::Arc;

use arrow::array::{Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field};
use chrono::{Datelike, Months, NaiveDate};

use super::dice::{Dice, Draw, index, whole};
use super::{MONEY, Spec, batch, dates, day_number, field, money, plus_days};

pub(super) const DDL: &str = "CREATE TABLE campaign (
    campaign_id INT NOT NULL,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    cost DECIMAL(12, 2) NOT NULL,
    PRIMARY KEY (campaign_id) NOT ENFORCED RELY
) ORDER BY (campaign_id)";

/// Kind, title, the share of purchases it reaches, and its cost in cents per sale expected.
const KINDS: [(&str, &str, f64, f64); 5] = [
    ("email", "Letter", 0.30, 30.0),
    ("social", "Social", 0.18, 120.0),
    ("coupon", "Coupon", 0.25, 120.0),
    ("tv", "Television", 0.12, 900.0),
    ("referral", "Bring a friend", 0.08, 60.0),
];

/// A campaign and what it does to a purchase.
#[derive(Debug, Clone)]
pub(super) struct Campaign {
    id: i32,
    name: String,
    kind: &'static str,
    starts_on: i32,
    ends_on: i32,
    cost_cents: i64,
    reach: f64,
    discount_percent: i64,
}

impl Campaign {
    pub(super) fn id(&self) -> i32 {
        self.id
    }

    pub(super) fn runs_on(&self, day: i32) -> bool {
        (self.starts_on..=self.ends_on).contains(&day)
    }

    /// The share of purchases that it reaches while it runs.
    pub(super) fn reach(&self) -> f64 {
        self.reach
    }

    pub(super) fn discount_percent(&self) -> i64 {
        self.discount_percent
    }
}

pub(super) fn fields() -> Vec<Field> {
    vec![
        field("campaign_id", DataType::Int32),
        field("name", DataType::Utf8),
        field("kind", DataType::Utf8),
        field("starts_on", DataType::Date32),
        field("ends_on", DataType::Date32),
        field("cost", MONEY),
    ]
}

/// All campaigns of the period; there are few, about twelve a year.
pub(super) fn plan(spec: &Spec) -> Vec<Campaign> {
    let first_of_month = spec.start.with_day(1).unwrap_or(spec.start);
    let months = (0..).map_while(|month| first_of_month.checked_add_months(Months::new(month)));
    let months = months.take_while(|month| *month <= spec.end.max(spec.start));
    months.zip(1..).map(|(month, id)| one(spec, id, month)).collect()
}

fn one(spec: &Spec, id: i32, month: NaiveDate) -> Campaign {
    let row = u64::from(id.unsigned_abs());
    let mut dice = Dice::new(spec.seed, Draw::Campaign, row);
    let (kind, title, reach, cents) = KINDS[index((row - 1) % KINDS.len() as u64)];
    let starts_on = plus_days(day_number(month), dice.below(15)).max(spec.first_day());
    let weeks = 2 + dice.below(4);
    let sales_per_month = spec.sales as f64 * 30.0 / spec.days() as f64;
    Campaign {
        id,
        name: format!("{title} {}", month.format("%Y-%m")),
        kind,
        starts_on,
        ends_on: plus_days(starts_on, 7 * weeks - 1),
        cost_cents: 50_000 + whole(sales_per_month * reach * cents) / 5_000 * 5_000,
        reach,
        discount_percent: *dice.pick(&[5, 10, 10, 15, 20, 30]),
    }
}

pub(super) fn rows(spec: &Spec, first: u64, last: u64) -> RecordBatch {
    let all = plan(spec);
    let some = &all[index(first)..index(last)];
    batch(
        fields(),
        vec![
            Arc::new(some.iter().map(|campaign| campaign.id).collect::<Int32Array>()),
            Arc::new(StringArray::from_iter_values(some.iter().map(|campaign| &campaign.name))),
            Arc::new(StringArray::from_iter_values(some.iter().map(|campaign| campaign.kind))),
            dates(some.iter().map(|campaign| campaign.starts_on)),
            dates(some.iter().map(|campaign| campaign.ends_on)),
            money(some.iter().map(|campaign| campaign.cost_cents)),
        ],
    )
}
