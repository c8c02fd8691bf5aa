//! `segment(r, f, m)`: the name of a customer with these scores.
//!
//! By hand, with the map `standard10`: 5, 5, 5 is a champion by the first rule. 3, 2, 3 is no
//! champion and no potential loyalist (frequency 3 to 5), but a loyal customer (all three 2 to 4).
//! With a map of one's own, `segment(4, 1, 2, map => 'New: r 4-5, f 1; Rest: any')` is `New`.

use std::sync::Arc;

use arrow::array::{Array, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, Result};

use super::map_text::{MAP, chosen};
use super::rules::{OTHERS, cell};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::scalar::{self, Each};

static SPEC: Spec = Spec {
    name: "segment",
    aliases: &["rfm_segment"],
    package: "Segments",
    summary: "The name of the segment that a customer with these three scores belongs to.",
    parameters: &[
        Parameter {
            name: "r",
            kind: Kind::Whole,
            otherwise: Otherwise::Required,
            about: "Recency score, 1 = longest ago",
        },
        Parameter {
            name: "f",
            kind: Kind::Whole,
            otherwise: Otherwise::Required,
            about: "Frequency score, 1 = rarest",
        },
        Parameter {
            name: "m",
            kind: Kind::Whole,
            otherwise: Otherwise::Required,
            about: "Money score, 1 = least",
        },
        Parameter {
            name: "map",
            kind: MAP,
            otherwise: Otherwise::Is("'standard10'"),
            about: "Which names, on which scores: standard10, shopify11 and pyramid take scores 1 to \
                    5, pm5 takes 1 to 4. Rules: a name, a colon, and the scores it takes, a score not \
                    mentioned being any; `f+m` is their sum, a bar means or, a semicolon ends a rule",
        },
    ],
    returns: "TEXT. The first rule of the map that matches; 'Others' if none does, also for scores \
              outside the map. segment(value, ...) OVER (...) reads as value_tier.",
    nulls: "NULL if any score is NULL.",
    ties: "None: the name depends on the scores alone.",
    errors: "Planning: an unknown map, a rule that cannot be read, which is named, a score that is not \
             a whole number.",
    formula: "Ordered rules over the three scores; the earlier rule has the cell where two overlap.",
    source: "standard10: R package rfm; pm5: pymc-marketing; shopify11: names of Shopify's customer \
             groups, our boundaries; pyramid: Curry's customer pyramid.",
    example: "SELECT segment(5, 5, 5) AS best, segment(3, 2, 3) AS middle, \
              segment(1, 1, 1, map => 'pm5') AS gone",
    answer: &["Champions Loyal Customers Inactive Customer"],
};

/// The function.
pub(crate) fn function() -> Function {
    scalar::function(&SPEC, |_| DataType::Utf8, plan)
}

fn plan(arguments: &Arguments) -> Result<Each> {
    let rules = chosen(arguments)?;
    let table = rules.table();
    Ok(Box::new(move |columns| {
        let [r, f, m] = columns else {
            return Err(DataFusionError::Internal("segment takes three columns".to_owned()));
        };
        let scores = [r, f, m].map(|column| column.as_primitive::<Int64Type>());
        let rows = r.len();
        let mut segments = StringBuilder::with_capacity(rows, rows * 12);
        for row in 0..rows {
            if scores.iter().any(|score| score.is_null(row)) {
                segments.append_null();
                continue;
            }
            let [r, f, m] = scores.map(|score| score.value(row));
            let rule = cell(r, f, m).and_then(|cell| table[cell]);
            segments.append_value(rule.map_or(OTHERS, |rule| rules.name(rule)));
        }
        Ok(Arc::new(segments.finish()))
    }))
}
