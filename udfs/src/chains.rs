//! Whole chains by table name: purchases in, one row per customer out.
//!
//! A chain is the few lines of SQL that an analyst would write with the functions of this library, under one name. It
//! needs a table, and this library knows none: here are the contracts only, for the manual and for the check of a call.
//! A host that has tables, such as Pareto's engine, writes the SQL out before the statement is planned, so EXPLAIN shows
//! plain functions.
//!
//! `SELECT * FROM rfm_table('sales', customer => 'customer_id', ts => 'sold_on', amount => 'net_amount', as_of => DATE
//! '2025-12-31')` is [`rfm_summary`], `rfm` and `segment`, one after the other.

mod clv_table;
mod rfm_summary;
mod rfm_table;

use crate::calendar::{Grain, UNITS};
use crate::function::{Kind, Otherwise, Parameter, Spec};
use crate::rfm::rfm_state::REFUNDS;

/// The contracts of the chains, the shortest first.
pub fn chains() -> [&'static Spec; 3] {
    [&rfm_summary::SPEC, &rfm_table::SPEC, &clv_table::SPEC]
}

/// The package they make in the manual.
const PACKAGE: &str = "Chains";

const TABLE: Parameter = Parameter {
    name: "t",
    kind: Kind::Written("the name of a table or view, as text"),
    otherwise: Otherwise::Required,
    about: "One row per purchase or line of one, 'table' or 'schema.table'",
};

const CUSTOMER: Parameter = Parameter {
    name: "customer",
    kind: Kind::Written("the name of a column, as text"),
    otherwise: Otherwise::Required,
    about: "Who bought; rows without a customer are left out",
};

const TS: Parameter = Parameter {
    name: "ts",
    kind: Kind::Written("the name of a column, as text"),
    otherwise: Otherwise::Required,
    about: "When; a date or timestamp",
};

const AMOUNT: Parameter = Parameter {
    name: "amount",
    kind: Kind::Written("the name of a column, as text"),
    otherwise: Otherwise::Required,
    about: "For how much; refunds are negative",
};

const AS_OF: Parameter = Parameter {
    name: "as_of",
    kind: Kind::Written("a constant date or timestamp"),
    otherwise: Otherwise::Required,
    about: "The day to look back from; what came after it does not count",
};

const UNIT: Parameter = Parameter {
    name: "unit",
    kind: Kind::Choice(UNITS),
    otherwise: Otherwise::Is("'week'"),
    about: "The unit of t_x and t; a month is 365.25 / 12 days",
};

const COLLAPSE: Parameter = Parameter {
    name: "collapse",
    kind: Kind::Choice(Grain::WORDS),
    otherwise: Otherwise::Is("'day'"),
    about: "Purchases within one of these are one event",
};

const ON_NEGATIVE: Parameter = Parameter {
    name: "on_negative",
    kind: Kind::Choice(REFUNDS),
    otherwise: Otherwise::Is("'net'"),
    about: "Refunds lower the money, are left out, or are an error; they never make or undo an event",
};

const MAP: Parameter = Parameter {
    name: "map",
    kind: Kind::Written("the name of a segment map, or of a table that holds one, as text"),
    otherwise: Otherwise::Is("'standard10'"),
    about: "Which names the segments have, as in segment",
};
