//! From a likelihood to a fit: the same search and the same judgement for every model.
//!
//! The search runs over the logarithms of the parameters, from `start`. What it ends with is judged by
//! the slope and the curvature there and never by whether the search was content:
//!
//! | status | |
//! |---|---|
//! | `ok` | flat in every direction and curved upwards in every direction |
//! | `ridge` | flat, but along one direction nothing changes; `note` names it, `se` and `cov` are NULL |
//! | `unfinished` | not flat after `max_iter` steps |
//! | `insufficient` | too few customers, or nothing happened: no search, no parameters |
//!
//! A `ridge` of BG/NBD along a and b: nobody drops out, and any large b says so.

use datafusion::common::{DataFusionError, Result};

use super::fit::{Rows, WIDTH};
use super::minimize::{Look, invert, largest, minimize, minimize_by_sample};
use super::model::Fitted;
use super::ridge::flattest;
use crate::args::Arguments;
use crate::calendar::UNITS;
use crate::function::{Kind, Otherwise, Parameter};

/// Fewer customers than this are not fitted.
pub(crate) const FEWEST: f64 = 30.0;

/// How many customers a row stands for.
pub(crate) const W: Parameter = Parameter {
    name: "w",
    kind: Kind::Real,
    otherwise: Otherwise::Absent,
    about: "How many customers the row stands for",
};

/// The unit of the times.
pub(crate) const UNIT: Parameter = Parameter {
    name: "unit",
    kind: Kind::Choice(UNITS),
    otherwise: Otherwise::Is("'week'"),
    about: "The unit of the times; the model keeps it",
};

/// Pull towards the start.
pub(crate) const L2: Parameter = Parameter {
    name: "l2",
    kind: Kind::Number(0.0, f64::MAX),
    otherwise: Otherwise::Is("0"),
    about: "Pull of the logarithms of the parameters towards where the search starts; 0 is none",
};

/// The limit of the search.
pub(crate) const MAX_ITER: Parameter = Parameter {
    name: "max_iter",
    kind: Kind::Count(1, 100_000),
    otherwise: Otherwise::Is("1000"),
    about: "The most steps of the search",
};

/// Where the search starts.
pub(crate) const START: Parameter = Parameter {
    name: "start",
    kind: Kind::Positives,
    otherwise: Otherwise::Absent,
    about: "Where the search starts, in the order of params; taken from the data if it is left out",
};

/// The likelihood of some of very many customers, to find where the search over all begins.
pub(crate) struct Sample<'a> {
    pub(crate) customers: f64,
    pub(crate) cost: &'a dyn Fn(&[f64]) -> Look,
}

/// Where the search is content: the largest slope per customer.
const FLAT: f64 = 1e-11;

/// What is searched, and how.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    names: &'static [&'static str],
    start: Option<Vec<f64>>,
    penalty: f64,
    steps: usize,
}

impl Options {
    /// Reads `start`, `l2` and `max_iter`; `names` are the parameters in order.
    pub(crate) fn read(arguments: &Arguments, names: &'static [&'static str]) -> Result<Self> {
        let start = arguments.has("start").then(|| arguments.positives("start")).transpose()?;
        // Empty while it is not known yet.
        if let Some(start) = &start
            && !start.is_empty()
            && start.len() != names.len()
        {
            return Err(DataFusionError::Plan(format!(
                "{}: start has {} numbers, it takes {}: {}",
                arguments.spec().name,
                start.len(),
                names.len(),
                names.join(", ")
            )));
        }
        Ok(Self {
            names,
            start: start.filter(|start| !start.is_empty()),
            penalty: arguments.number("l2")?,
            steps: usize::try_from(arguments.count("max_iter")?).unwrap_or(usize::MAX),
        })
    }

    /// Searches from `otherwise`, unless the call says where to start. `cost` is minus the log-likelihood
    /// and its derivatives by the logarithms; one unit of a parameter of the search is so many of `units` in
    /// the answer. The log-likelihood of the answer is larger by `offset`.
    pub(crate) fn estimate<L: Into<Look>>(
        &self,
        mut fitted: Fitted,
        otherwise: &[f64],
        units: &[f64],
        offset: f64,
        cost: impl Fn(&[f64]) -> L,
        sample: Option<&Sample<'_>>,
    ) -> Fitted {
        let customers = fitted.n;
        let given = self.start.as_ref().map(|start| start.iter().zip(units).map(|(s, u)| s / u));
        let start: Vec<f64> = given
            .map_or_else(|| otherwise.to_vec(), Iterator::collect)
            .into_iter()
            .map(f64::ln)
            .collect();
        // Per customer, so that the slope that counts as flat does not depend on their number.
        let pull = |look: Look, customers: f64, logs: &[f64]| {
            let Look { mut value, mut gradient, mut curvature } = look;
            value /= customers;
            for (axis, slope) in gradient.iter_mut().enumerate() {
                let away = logs[axis] - start[axis];
                value += self.penalty * away * away;
                *slope = *slope / customers + 2.0 * self.penalty * away;
            }
            for (axis, row) in curvature.iter_mut().flatten().enumerate() {
                row.iter_mut().for_each(|cell| *cell /= customers);
                row[axis] += 2.0 * self.penalty;
            }
            Look { value, gradient, curvature }
        };
        let pulled = |logs: &[f64]| pull(cost(logs).into(), customers, logs);
        let lowest = match sample {
            None => minimize(start.clone(), FLAT, self.steps, pulled),
            Some(Sample { customers, cost }) => {
                let sample = |logs: &[f64]| pull(cost(logs), *customers, logs);
                minimize_by_sample(start.clone(), FLAT, self.steps, sample, pulled)
            }
        };
        let found = lowest.point.iter().zip(units).map(|(log, unit)| log.exp() * unit);
        fitted.params = found.collect();
        let away = lowest.point.iter().zip(&start).map(|(log, start)| log - start);
        let penalty = away.map(|away| self.penalty * away * away).sum::<f64>();
        fitted.ll = offset - (lowest.value - penalty) * customers;
        fitted.gradient = largest(&lowest.gradient);
        fitted.steps = lowest.steps;
        let mut curved = lowest.curved(pulled);
        curved.iter_mut().flatten().for_each(|cell| *cell *= customers);
        let flat = fitted.gradient < 1e-5 * (1.0 + fitted.ll.abs()) / customers;
        fitted.covariance = scale_covariance(invert(&curved), &fitted.params);
        fitted.status = match (flat, fitted.covariance.is_empty()) {
            (true, false) => "ok",
            (true, true) => "ridge",
            (false, _) => "unfinished",
        };
        match fitted.status {
            "ridge" => fitted.note = Some(ridge(&flattest(&curved), self.names)),
            "unfinished" => fitted.note = Some(format!("not flat after {} steps", fitted.steps)),
            _ => {}
        }
        fitted
    }
}

/// Names the direction along which the likelihood does not change: `+a +b`, `+r -alpha`.
fn ridge(direction: &[f64], names: &[&str]) -> String {
    const PART: f64 = 0.2;
    let parts = direction.iter().zip(names).filter(|(weight, _)| weight.abs() > PART);
    let parts =
        parts.map(|(weight, name)| format!("{}{name}", if *weight > 0.0 { '+' } else { '-' }));
    let along = parts.collect::<Vec<_>>().join(" ");
    format!(
        "the likelihood is flat along {along} (logarithms): the data do not tell these parameters"
    )
}

/// From the logarithms of the parameters to the parameters.
fn scale_covariance(inverse: Option<Vec<Vec<f64>>>, params: &[f64]) -> Vec<Vec<f64>> {
    let rows = inverse.unwrap_or_default().into_iter().zip(params);
    rows.map(|(row, p)| row.into_iter().zip(params).map(|(cell, q)| cell * p * q).collect())
        .collect()
}

/// Refuses rows that describe no customer: the first in order is named, and how many there are.
pub(crate) fn check_rows(
    function: &str,
    rows: &Rows,
    problem: impl Fn(&[f64; WIDTH]) -> Option<String>,
) -> Result<()> {
    let wrong = |(numbers, weight): &([f64; WIDTH], f64)| {
        let heavy = (0.0..f64::INFINITY).contains(weight);
        problem(numbers)
            .or_else(|| (!heavy).then(|| format!("a weight of {weight} is no number of customers")))
    };
    let Some(first) = rows.iter().find_map(wrong) else { return Ok(()) };
    let all = rows.iter().filter(|row| wrong(row).is_some()).count();
    Err(DataFusionError::Execution(format!("{function}: {first} ({all} such histories)")))
}
