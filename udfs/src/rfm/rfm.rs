//! `rfm(last_purchase, frequency, money)`: all three scores at once, with their cell.
//!
//! Independent: three times `rfm_score`. Nested: frequency is scored among the customers with the
//! same recency score, money among those with the same two; the cells are more even, but a 5 under
//! one recency is not the 5 under another.
//!
//! By hand, k = 2: customers (day 1, 1, 10), (day 2, 1, 20), (day 3, 2, 30), (day 4, 2, 40). Recency
//! 1, 1, 2, 2. Frequency independent 1, 1, 2, 2; nested the first two are equal and both 1, so are
//! the last two.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, StringArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{DataFusionError, Result};

use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::ranking::Ordered;
use crate::ranking::bins::{self, SIDE, Side, Ties};
use crate::window::{self, Whole};

static SPEC: Spec = Spec {
    name: "rfm",
    aliases: &[],
    package: "RFM",
    summary: "The three scores of a customer, the cell they make and the score they add up to.",
    parameters: &[
        Parameter {
            name: "recency_date",
            kind: Kind::Measure,
            otherwise: Otherwise::Required,
            about: "Last purchase; later is better",
        },
        Parameter {
            name: "freq",
            kind: Kind::Measure,
            otherwise: Otherwise::Required,
            about: "Number of purchases; more is better",
        },
        Parameter {
            name: "money",
            kind: Kind::Measure,
            otherwise: Otherwise::Required,
            about: "Money spent; more is better",
        },
        Parameter {
            name: "k",
            kind: Kind::Count(1, 10_000),
            otherwise: Otherwise::Is("5"),
            about: "The best score, and the number of bins",
        },
        Parameter {
            name: "mode",
            kind: Kind::Choice(&["independent", "nested"]),
            otherwise: Otherwise::Is("'independent'"),
            about: "Each score among all customers, or frequency within recency and money within both",
        },
        SIDE,
    ],
    returns: "STRUCT(r INT, f INT, m INT, cell TEXT, score INT): cell is 'r-f-m', score is 100 r + 10 f \
              + m and NULL for k above 9, where digits would run into each other.",
    nulls: "NULL if any of the three is NULL or NaN; such a customer is not counted for any score.",
    ties: "Together, in the bin of the worst of them (side => 'low'), the middle or the best.",
    errors: "Planning: k, mode or side out of range. Execution: an infinite value.",
    formula: "rfm_score(value, k) for each; nested: f among equal r, m among equal r and f.",
    source: "IBM SPSS RFM binning, independent and nested; weights 100, 10, 1 of IBM SPSS Modeler.",
    example: "SELECT v, rfm(v, v, v, k => 2) OVER ()['cell'] AS cell FROM (VALUES (1), (2), (3), (4)) AS \
              t(v) ORDER BY v",
    answer: &["1 1-1-1", "2 1-1-1", "3 2-2-2", "4 2-2-2"],
};

/// The function.
pub(crate) fn function() -> Function {
    window::function(&SPEC, |_| DataType::Struct(fields()), plan)
}

fn fields() -> Fields {
    let score = |name: &str| Field::new(name, DataType::Int32, true);
    Fields::from(vec![
        score("r"),
        score("f"),
        score("m"),
        Field::new("cell", DataType::Utf8, true),
        score("score"),
    ])
}

fn plan(arguments: &Arguments) -> Result<Whole> {
    let k = arguments.count("k")?;
    let nested = arguments.choice("mode")? == "nested";
    let ties = Ties::Together(match arguments.choice("side")? {
        "mid" => Side::Mid,
        "high" => Side::High,
        _ => Side::Low,
    });
    let labels = ["recency_date", "freq", "money"].map(|name| arguments.label(name));
    Ok(Box::new(move |columns| {
        let [recency, frequency, money] = columns else {
            return Err(DataFusionError::Internal("rfm takes three columns".to_owned()));
        };
        let columns = [recency, frequency, money];
        let columns = columns
            .into_iter()
            .zip(&labels)
            .map(|(column, label)| Ordered::read(column, label))
            .collect::<Result<Vec<_>>>()?;
        let rows = recency.len();
        let counted: Vec<usize> =
            (0..rows).filter(|row| columns.iter().all(|column| column.is_valid(*row))).collect();
        let scores = if nested {
            nest(&columns, &counted, k, ties)?
        } else {
            apart(&columns, &counted, k, ties)?
        };
        answer(rows, &counted, &scores, k)
    }))
}

/// Each score among all counted customers; one list per measure, in the order of the rows.
fn apart(columns: &[Ordered], counted: &[usize], k: u64, ties: Ties) -> Result<Vec<Vec<i32>>> {
    columns.iter().map(|column| bins::scores(&column.pick(counted), None, k, ties)).collect()
}

/// Each score among the customers that agree on the scores before it.
fn nest(columns: &[Ordered], counted: &[usize], k: u64, ties: Ties) -> Result<Vec<Vec<i32>>> {
    // Places in `counted`, brought together by the scores so far.
    let mut groups: Vec<Vec<usize>> = vec![(0..counted.len()).collect()];
    let mut lists = vec![];
    for column in columns {
        let mut list = vec![0; counted.len()];
        let mut next = vec![];
        for group in groups {
            let rows: Vec<usize> = group.iter().map(|place| counted[*place]).collect();
            let scores = bins::scores(&column.pick(&rows), None, k, ties)?;
            let mut finer: std::collections::BTreeMap<i32, Vec<usize>> = [].into();
            for (place, score) in group.into_iter().zip(scores) {
                list[place] = score;
                finer.entry(score).or_default().push(place);
            }
            next.extend(finer.into_values());
        }
        groups = next;
        lists.push(list);
    }
    Ok(lists)
}

fn answer(rows: usize, counted: &[usize], scores: &[Vec<i32>], k: u64) -> Result<ArrayRef> {
    let mut present = vec![false; rows];
    let mut lists = vec![vec![0; rows]; 4];
    for (place, row) in counted.iter().enumerate() {
        present[*row] = true;
        for (list, scores) in lists.iter_mut().zip(scores) {
            list[*row] = scores[place];
        }
        lists[3][*row] = scores.iter().fold(0, |total, scores| total * 10 + scores[place]);
    }
    let nulls = NullBuffer::from(present);
    let cell = |row: usize| {
        let [r, f, m] = [0, 1, 2].map(|list: usize| lists[list][row]);
        nulls.is_valid(row).then(|| format!("{r}-{f}-{m}"))
    };
    let cells: StringArray = (0..rows).map(cell).collect();
    let score = lists.pop().unwrap_or_default();
    let score = if k <= 9 {
        Int32Array::try_new(score.into(), Some(nulls.clone()))?
    } else {
        Int32Array::new_null(rows)
    };
    let mut arrays: Vec<ArrayRef> = vec![];
    for list in lists {
        arrays.push(Arc::new(Int32Array::try_new(list.into(), Some(nulls.clone()))?));
    }
    arrays.push(Arc::new(cells));
    arrays.push(Arc::new(score));
    Ok(Arc::new(StructArray::try_new(fields(), arrays, Some(nulls))?))
}
