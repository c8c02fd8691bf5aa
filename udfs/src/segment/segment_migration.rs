//! `segment_migration(id, period, segment)`: who moved from which segment to which.
//!
//! For every two periods that follow each other each customer is one move: from his segment in the first
//! to his segment in the second. Who is in one of the two only comes from, or goes to, `(none)`, so that
//! the moves from a segment add up to its customers in the first period, and those to it in the second.
//!
//! By hand: in January 1 is gold, 2 and 3 are basic; in February 1 and 2 are gold, 4 is basic. Moves:
//! basic to gold 1, basic to (none) 1, gold to gold 1, (none) to basic 1. Half of the basic ones rose.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use datafusion::logical_expr::Accumulator;

use super::moves::{self, Labels, Moves};
use crate::aggregate::{self, Gather};
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

static SPEC: Spec = Spec {
    name: "segment_migration",
    aliases: &[],
    package: "Segments",
    summary: "How customers move between segments from one period to the next.",
    parameters: &[
        Parameter {
            name: "id",
            kind: Kind::Key,
            otherwise: Otherwise::Required,
            about: "The customer",
        },
        Parameter {
            name: "period",
            kind: Kind::Key,
            otherwise: Otherwise::Required,
            about: "The period, in order: a date, a number, or text that sorts by time such as '2024-01'",
        },
        Parameter {
            name: "seg",
            kind: Kind::Key,
            otherwise: Otherwise::Required,
            about: "His segment in the period: a name, or a number such as a decile",
        },
        Parameter {
            name: "value",
            kind: Kind::Amount,
            otherwise: Otherwise::Absent,
            about: "His money in the period",
        },
    ],
    returns: "LIST<STRUCT(from TEXT, to TEXT, n BIGINT, value_from, value_to, p DOUBLE)>, by from and to in the \
              order of the segments, '(none)' last. n counts moves over all pairs of periods; value_from and \
              value_to are the money of these customers before and after, of the type of SUM(value), NULL \
              where there is none; p is n as a share of all moves from the same segment. Empty with one period, \
              NULL without rows.",
    nulls: "Rows with NULL in id, period or seg are skipped: such a customer is in no segment. A NULL or NaN \
            value adds nothing.",
    ties: "None: a customer has one segment in a period.",
    errors: "Execution: a customer with several rows in a period, which are counted; a segment called '(none)'; \
             an infinite value; a total too large. Planning: DISTINCT.",
    formula: "Periods are those that occur in the group, in order; p = n / sum of n over the same from.",
    source: "The transition matrix of the R package rfm's plans (rfmr) and of gain and loss reports.",
    example: "SELECT m['from'], m['to'], m['n'], m['p'] FROM (SELECT unnest(segment_migration(id, month, seg)) AS m FROM \
              (VALUES (1, 1, 'gold'), (2, 1, 'basic'), (3, 1, 'basic'), (1, 2, 'gold'), (2, 2, 'gold'), (4, 2, \
              'basic')) AS t(id, month, seg))",
    answer: &["basic gold 1 0.5", "basic (none) 1 0.5", "gold gold 1 1.0", "(none) basic 1 1.0"],
};

/// The function.
pub(crate) fn function() -> Function {
    aggregate::function(&SPEC, Migration)
}

/// Customers between segments.
struct Migration;

impl Gather for Migration {
    fn check(&self, _arguments: &Arguments) -> Result<()> {
        Ok(())
    }

    fn returns(&self, given: &[DataType]) -> DataType {
        moves::returns(given)
    }

    /// The rows themselves: the moves are known only when all of them are there.
    fn state(&self, given: &[DataType]) -> Vec<(&'static str, DataType)> {
        let list =
            |item: &DataType| DataType::List(Arc::new(Field::new_list_field(item.clone(), true)));
        let names = ["ids", "periods", "segments", "values"];
        names.into_iter().zip(given.iter().map(list)).collect()
    }

    fn start(&self, arguments: &Arguments, given: &[DataType]) -> Result<Box<dyn Accumulator>> {
        let labels = Labels {
            keys: ["id", "period", "seg"].map(|name| arguments.label(name)),
            value: arguments.has("value").then(|| arguments.label("value")),
        };
        Ok(Box::new(Moves::new(labels, given)))
    }
}
