//! The fact: one row per line of a receipt, in the order of (`sold_on`, `customer_id`).
//!
//! Customers are independent of each other but the rows are ordered by day, so either all rows are
//! made and sorted, or all customers are walked through time together. [`Sweep`] does the second,
//! which needs no more memory for a long period than for a short one:
//!
//! 1. Count the lines that all customers want over the whole period, keeping nothing.
//! 2. Put every customer's first trip on the page of its day in a diary.
//! 3. Turn the pages. For each trip of the day, in the order of customers, write its lines, roll
//!    the dice for the next trip, and put that on its page. A refund goes on a later page, too.
//! 4. Sort the day's lines by customer, number them, hand them out in batches.
//!
//! The row count is exact by sharing out: a trip that wants `w` of the `W` lines wanted, after
//! trips that wanted `v`, gets `floor(sales (v + w) / W) - floor(sales v / W)` rows. A refund takes
//! one row of its trip's share.
//!
//! Refunds repeat the line they undo, order number included, with quantity and amounts negated.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use arrow::array::{BooleanArray, Int32Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field};

use super::behaviour::{self, Habit, Seasons, Step};
use super::campaign::{self, Campaign};
use super::customer::Standing;
use super::dice::{Dice, Draw, index, whole};
use super::place::{CHANNELS, CITIES};
use super::product::Shelf;
use super::{MONEY, Spec, batch, dates, field, money, nullable, plus_days};

pub(super) const DDL: &str = "CREATE TABLE sales (
    sale_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    sold_on DATE NOT NULL,
    customer_id BIGINT NOT NULL,
    product_id INT NOT NULL,
    store_id INT NOT NULL,
    channel_id INT NOT NULL,
    campaign_id INT,
    quantity INT NOT NULL,
    gross_amount DECIMAL(12, 2) NOT NULL,
    discount DECIMAL(12, 2) NOT NULL,
    net_amount DECIMAL(12, 2) NOT NULL,
    cost_amount DECIMAL(12, 2) NOT NULL,
    profit DECIMAL(12, 2) NOT NULL,
    is_return BOOLEAN NOT NULL,
    PRIMARY KEY (sale_id) NOT ENFORCED RELY,
    FOREIGN KEY (sold_on) REFERENCES calendar (day) NOT ENFORCED RELY,
    FOREIGN KEY (customer_id) REFERENCES customer (customer_id) NOT ENFORCED RELY,
    FOREIGN KEY (product_id) REFERENCES product (product_id) NOT ENFORCED RELY,
    FOREIGN KEY (store_id) REFERENCES store (store_id) NOT ENFORCED RELY,
    FOREIGN KEY (channel_id) REFERENCES channel (channel_id) NOT ENFORCED RELY,
    FOREIGN KEY (campaign_id) REFERENCES campaign (campaign_id) NOT ENFORCED RELY
) PARTITIONED BY (date_trunc('month', sold_on)) ORDER BY (sold_on, customer_id)";

/// Rows of a batch.
const BATCH_ROWS: usize = 65_536;
/// What a private person of average habits spends on a line.
const LINE_CENTS: f64 = 2_800.0;
const QUANTITY_MAX: i64 = 200;

pub(super) fn fields() -> Vec<Field> {
    vec![
        field("sale_id", DataType::Int64),
        field("order_id", DataType::Int64),
        field("sold_on", DataType::Date32),
        field("customer_id", DataType::Int64),
        field("product_id", DataType::Int32),
        field("store_id", DataType::Int32),
        field("channel_id", DataType::Int32),
        nullable("campaign_id", DataType::Int32),
        field("quantity", DataType::Int32),
        field("gross_amount", MONEY),
        field("discount", MONEY),
        field("net_amount", MONEY),
        field("cost_amount", MONEY),
        field("profit", MONEY),
        field("is_return", DataType::Boolean),
    ]
}

/// A trip that will be made; the diary holds one for every customer who is still buying.
#[derive(Debug, Clone, Copy)]
struct Trip {
    moment: f64,
    habit: Habit,
    customer: u32,
    number: u32,
}

/// A row of the fact but for its number.
#[derive(Debug, Clone)]
struct Line {
    order: i64,
    day: i32,
    customer: u32,
    product: i32,
    store: i32,
    channel: i32,
    campaign: Option<i32>,
    quantity: i64,
    gross: i64,
    discount: i64,
    cost: i64,
    is_return: bool,
}

impl Line {
    fn net(&self) -> i64 {
        self.gross - self.discount
    }

    fn returned_on(&self, day: i32) -> Self {
        Self {
            day,
            quantity: -self.quantity,
            gross: -self.gross,
            discount: -self.discount,
            cost: -self.cost,
            is_return: true,
            ..self.clone()
        }
    }
}

/// The walk through time; an iterator over batches of sales.
#[derive(Debug)]
pub(super) struct Sweep {
    spec: Spec,
    seasons: Seasons,
    shelf: Shelf,
    campaigns: Vec<Campaign>,
    /// Trips and returns to come, a page for each day from `day` on.
    trips: VecDeque<Vec<Trip>>,
    returns: VecDeque<Vec<Line>>,
    /// The day whose page is open, counted from the first day of sales.
    day: usize,
    lines_wanted: u64,
    lines_passed: u64,
    orders: i64,
    sales: i64,
    ready: Vec<Line>,
}

impl Sweep {
    pub(super) fn new(spec: &Spec) -> Self {
        let seasons = Seasons::new(spec);
        let scale = behaviour::scale_for(spec, &seasons);
        let days = index(spec.days());
        let mut sweep = Self {
            lines_wanted: behaviour::lines_wanted(spec, &seasons, scale),
            lines_passed: 0,
            seasons,
            shelf: Shelf::new(spec),
            campaigns: campaign::plan(spec),
            trips: (0..days).map(|_| Vec::new()).collect(),
            returns: (0..days).map(|_| Vec::new()).collect(),
            day: 0,
            orders: 0,
            sales: 0,
            ready: Vec::new(),
            spec: spec.clone(),
        };
        sweep.note_first_trips(scale);
        sweep
    }

    fn note_first_trips(&mut self, scale: f64) {
        for id in 1..=self.spec.customer_count() {
            let customer = u32::try_from(id).unwrap_or(u32::MAX);
            if let Some((habit, moment)) = Habit::new(&self.spec, &self.seasons, scale, id) {
                self.note(Trip { moment, habit, customer, number: 0 });
            }
        }
        if self.lines_wanted == 0 && self.spec.customer_count() > 0 {
            let habit = Habit::once();
            self.lines_wanted = habit.step(&self.spec, 1, 0, 0.0).lines;
            self.note(Trip { moment: 0.0, habit, customer: 1, number: 0 });
        }
    }

    /// Puts a trip on the page of its day, unless that is after the last.
    fn note(&mut self, trip: Trip) {
        if let Some(day) = self.seasons.day_at(trip.moment) {
            self.trips[day - self.day].push(trip);
        }
    }

    /// Writes the lines of the open page and turns it; false when there is none.
    fn turn(&mut self) -> bool {
        let (Some(mut trips), Some(mut returns)) =
            (self.trips.front_mut().map(mem::take), self.returns.front_mut().map(mem::take))
        else {
            return false;
        };
        let from = self.ready.len();
        self.ready.append(&mut returns);
        trips.sort_unstable_by_key(|trip| trip.customer);
        for trip in trips {
            self.make(trip);
        }
        // Stable: what a customer brings back stands before what the customer buys.
        self.ready[from..].sort_by_key(|line| line.customer);
        self.trips.pop_front();
        self.returns.pop_front();
        self.day += 1;
        true
    }

    /// Makes a trip, and those that follow it on the same day.
    fn make(&mut self, mut trip: Trip) {
        loop {
            let id = u64::from(trip.customer);
            let step = trip.habit.step(&self.spec, id, u64::from(trip.number), trip.moment);
            let rows = self.share(step.lines);
            if rows > 0 {
                self.write(&trip, &step, rows);
            }
            let Some(moment) = step.next else { return };
            trip = Trip { moment, number: trip.number + 1, ..trip };
            if self.seasons.day_at(moment) != Some(self.day) {
                self.note(trip);
                return;
            }
        }
    }

    /// The rows for a trip that wants so many lines.
    fn share(&mut self, lines: u64) -> u64 {
        let due = |passed: u64| {
            let rows = u128::from(self.spec.sales) * u128::from(passed);
            u64::try_from(rows / u128::from(self.lines_wanted.max(1))).unwrap_or(u64::MAX)
        };
        let before = due(self.lines_passed);
        let rows = due(self.lines_passed + lines) - before;
        self.lines_passed += lines;
        rows
    }

    /// Writes a receipt of `rows` lines, or of one less and a refund on a later page.
    fn write(&mut self, trip: &Trip, step: &Step, rows: u64) {
        let returned_in = step.refund_after.filter(|days| rows > 1 && *days < self.returns.len());
        let bought = if returned_in.is_some() { rows - 1 } else { rows };
        self.orders += 1;
        let first = self.ready.len();
        let mut receipt = Receipt::open(self, trip);
        for _ in 0..bought {
            let line = receipt.line(&self.shelf, self.orders);
            self.ready.push(line);
        }
        if let Some(days) = returned_in {
            let day = plus_days(self.ready[first].day, days as u64);
            let line = self.ready[first].returned_on(day);
            self.returns[days].push(line);
        }
    }

    fn batch(&mut self, lines: &[Line]) -> RecordBatch {
        let first = self.sales + 1;
        self.sales += i64::try_from(lines.len()).unwrap_or_default();
        let ints =
            |value: fn(&Line) -> i32| Arc::new(lines.iter().map(value).collect::<Int32Array>());
        batch(
            fields(),
            vec![
                Arc::new(Int64Array::from_iter_values(first..=self.sales)),
                Arc::new(lines.iter().map(|line| line.order).collect::<Int64Array>()),
                dates(lines.iter().map(|line| line.day)),
                Arc::new(lines.iter().map(|line| i64::from(line.customer)).collect::<Int64Array>()),
                ints(|line| line.product),
                ints(|line| line.store),
                ints(|line| line.channel),
                Arc::new(lines.iter().map(|line| line.campaign).collect::<Int32Array>()),
                ints(|line| i32::try_from(line.quantity).unwrap_or_default()),
                money(lines.iter().map(|line| line.gross)),
                money(lines.iter().map(|line| line.discount)),
                money(lines.iter().map(Line::net)),
                money(lines.iter().map(|line| line.cost)),
                money(lines.iter().map(|line| line.net() - line.cost)),
                Arc::new(lines.iter().map(|line| Some(line.is_return)).collect::<BooleanArray>()),
            ],
        )
    }
}

impl Iterator for Sweep {
    type Item = RecordBatch;

    fn next(&mut self) -> Option<RecordBatch> {
        while self.ready.len() < BATCH_ROWS && self.turn() {}
        if self.ready.is_empty() {
            return None;
        }
        let rest = self.ready.split_off(self.ready.len().min(BATCH_ROWS));
        let lines = mem::replace(&mut self.ready, rest);
        Some(self.batch(&lines))
    }
}

/// A receipt being written: what all its lines share, and the dice for the rest.
struct Receipt {
    dice: Dice,
    day: i32,
    customer: u32,
    store: i32,
    channel: i32,
    campaign: Option<i32>,
    discount_percent: i64,
    /// What the customer means to spend on a line of this receipt.
    line_cents: f64,
    last: Option<usize>,
}

impl Receipt {
    fn open(sweep: &Sweep, trip: &Trip) -> Self {
        let spec = &sweep.spec;
        let id = u64::from(trip.customer);
        let standing = Standing::new(spec, id);
        let mut dice = Dice::for_part(spec.seed, Draw::Basket, id, u64::from(trip.number));
        let day = plus_days(spec.first_day(), sweep.day as u64);
        let mut reached = None;
        for campaign in sweep.campaigns.iter().filter(|campaign| campaign.runs_on(day)) {
            if reached.is_none() && dice.chance(campaign.reach()) {
                reached = Some(campaign);
            }
        }
        let line_cents = LINE_CENTS * standing.spend * behaviour::level(spec, id);
        Self {
            day,
            customer: trip.customer,
            store: store(spec, &standing, id, &mut dice),
            channel: channel(spec, id, &mut dice),
            campaign: reached.map(Campaign::id),
            discount_percent: reached.map_or(0, Campaign::discount_percent),
            line_cents: line_cents * behaviour::trip_factor(&mut dice),
            last: None,
            dice,
        }
    }

    fn line(&mut self, shelf: &Shelf, order: i64) -> Line {
        let product = match self.last {
            Some(last) if self.dice.chance(0.25) => shelf.companion(last),
            Some(_) | None => shelf.draw(&mut self.dice),
        };
        self.last = Some(product);
        let price = shelf.price(product);
        let quantity = whole(self.line_cents / price.list_cents as f64).clamp(1, QUANTITY_MAX);
        let clearance = self.dice.chance(0.03);
        let percent = match (self.discount_percent, quantity) {
            (0, _) if clearance => 25,
            (0, 12..) => 5,
            (percent, _) => percent,
        };
        let gross = quantity * price.list_cents;
        Line {
            order,
            day: self.day,
            customer: self.customer,
            product: plus_days(1, product as u64),
            store: self.store,
            channel: self.channel,
            campaign: self.campaign,
            quantity,
            gross,
            discount: (gross * percent + 50) / 100,
            cost: quantity * price.cost_cents,
            is_return: false,
        }
    }
}

/// The store of a trip: mostly one in the customer's city, always the same one of them.
fn store(spec: &Spec, standing: &Standing, id: u64, dice: &mut Dice) -> i32 {
    let (stores, cities) = (spec.store_count(), CITIES.len() as u64);
    let row = if dice.chance(0.85) {
        let city = standing.city as u64 % stores;
        let branches = (stores - city).div_ceil(cities);
        city + cities * (id % branches)
    } else {
        dice.below(stores)
    };
    plus_days(1, row)
}

/// The channel of a trip: mostly the customer's favourite.
fn channel(spec: &Spec, id: u64, dice: &mut Dice) -> i32 {
    const FAVOURITES: [(u64, u64); 5] = [(45, 0), (30, 1), (15, 2), (4, 3), (6, 4)];
    let mut own = Dice::for_part(spec.seed, Draw::Habit, id, 2);
    let row = if dice.chance(0.7) {
        FAVOURITES[own.weighted(&FAVOURITES)].1
    } else {
        dice.below(CHANNELS.len() as u64)
    };
    plus_days(1, row)
}

#[cfg(test)]
mod tests {}
