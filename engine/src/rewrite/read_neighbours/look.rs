//! What one window reads of its neighbours, and its answers for a stretch of rows.

use arrow::array::{Array, ArrayRef, UInt32Array, UInt32Builder, UInt64Array};
use arrow::compute::{partition, take};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::window::{
    StandardWindowExpr, StandardWindowFunctionExpr, WindowExpr,
};
use datafusion::physical_plan::windows::WindowUDFExpr;
use std::ops::Range;
use std::sync::Arc;

/// A shift by more rows is left to DataFusion: so many rows are held.
pub(super) const FARTHEST: usize = 1024;

/// What the windows are over: PARTITION BY and ORDER BY.
#[derive(Debug, Clone)]
pub(super) struct Over {
    pub(super) partition: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) order: Vec<Arc<dyn PhysicalExpr>>,
}

/// What one window reads.
#[derive(Debug, Clone)]
pub(super) enum Look {
    /// `lag`: a value so many rows before.
    Back(usize, Shifted),
    /// `lead`: a value so many rows after.
    Ahead(usize, Shifted),
    RowNumber,
    Rank,
    DenseRank,
}

/// The value that `lag` and `lead` read, and what they give where their partition has no such row.
#[derive(Debug, Clone)]
pub(super) struct Shifted {
    pub(super) value: Arc<dyn PhysicalExpr>,
    pub(super) default: ScalarValue,
}

impl Look {
    /// Reads a window; `None` if it is another.
    pub(super) fn of(window: &Arc<dyn WindowExpr>) -> Option<Self> {
        let standard = window.as_any().downcast_ref::<StandardWindowExpr>()?;
        let function = standard.get_standard_func_expr();
        let udf = function.as_any().downcast_ref::<WindowUDFExpr>()?;
        let gives_numbers =
            function.field().is_ok_and(|field| *field.data_type() == DataType::UInt64);
        match udf.fun().name() {
            "lag" => shift(udf, true),
            "lead" => shift(udf, false),
            "row_number" if gives_numbers => Some(Self::RowNumber),
            "rank" if gives_numbers => Some(Self::Rank),
            "dense_rank" if gives_numbers => Some(Self::DenseRank),
            _ => None,
        }
    }

    /// How many rows before and after one it reads.
    pub(super) fn reach(&self) -> (usize, usize) {
        match self {
            Self::Back(rows, _) => (*rows, 0),
            Self::Ahead(rows, _) => (0, *rows),
            Self::RowNumber | Self::Rank | Self::DenseRank => (1, 0),
        }
    }
}

/// `lag` and `lead` by a constant.
fn shift(udf: &WindowUDFExpr, back: bool) -> Option<Look> {
    let constant = |place: usize| match udf.args().get(place) {
        None => Some(None),
        Some(argument) => argument.downcast_ref::<Literal>().map(|it| Some(it.value().clone())),
    };
    let rows = match constant(1)? {
        None => 1,
        Some(rows) => match rows.cast_to(&DataType::Int64).ok()? {
            ScalarValue::Int64(Some(rows)) => usize::try_from(rows).ok()?,
            _ => return None,
        },
    };
    let field = udf.field().ok()?;
    let default = match constant(2)? {
        Some(value) if !value.is_null() => value.cast_to(field.data_type()).ok()?,
        _ => ScalarValue::try_from(field.data_type()).ok()?,
    };
    let value = Arc::clone(udf.expressions().first()?);
    let shifted = Shifted { value, default };
    let is_short = (1..=FARTHEST).contains(&rows);
    (is_short && does_so(udf, &shifted, rows, back)?)
        .then(|| if back { Look::Back(rows, shifted) } else { Look::Ahead(rows, shifted) })
}

/// Whether a function does what its name and arguments say. It may also ignore NULLs or run from the end, and says so to
/// nobody, so that it is asked about a value, NULLs, and the value again.
fn does_so(udf: &WindowUDFExpr, shifted: &Shifted, rows: usize, back: bool) -> Option<bool> {
    let field = udf.field().ok()?;
    let value = ScalarValue::new_default(field.data_type()).ok()?;
    let nothing = ScalarValue::try_from(field.data_type()).ok()?;
    let mut values = vec![nothing; rows + 2];
    values[0] = value.clone();
    values[rows + 1] = value;
    let values = ScalarValue::iter_to_array(values).ok()?;
    let count = values.len();
    let mut evaluator = udf.create_evaluator().ok()?;
    let theirs = evaluator.evaluate_all(&[Arc::clone(&values)], count).ok()?;
    let stretch = Stretch::new(0..count, count, &[], None).ok()?;
    let ours = stretch.shifted(&values, &shifted.default, rows, back).ok()?;
    Some(ours.as_ref() == theirs.as_ref())
}

/// Some rows among their neighbours.
pub(super) struct Stretch {
    /// The rows that answers are for.
    pub(super) rows: Range<usize>,
    /// The partitions of all rows here, in order.
    partitions: Vec<Range<usize>>,
    /// Rows of a partition that are equal in order.
    peers: Vec<Range<usize>>,
}

/// How far the row before a stretch had counted.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counted {
    row_number: u64,
    rank: u64,
    dense_rank: u64,
}

impl Stretch {
    /// Rows among `count`, of which some columns are known.
    pub(super) fn new(
        rows: Range<usize>,
        count: usize,
        partition_by: &[ArrayRef],
        order_by: Option<&[ArrayRef]>,
    ) -> Result<Self> {
        let split = |columns: &[ArrayRef]| {
            Ok::<_, arrow::error::ArrowError>(if columns.is_empty() {
                std::iter::once(0..count).collect()
            } else {
                partition(columns)?.ranges()
            })
        };
        let partitions = split(partition_by)?;
        let peers = order_by.map(|keys| split(&[partition_by, keys].concat())).transpose()?;
        Ok(Self { rows, partitions, peers: peers.unwrap_or_default() })
    }

    /// The values so many rows before or after each.
    pub(super) fn shifted(
        &self,
        values: &ArrayRef,
        default: &ScalarValue,
        by: usize,
        back: bool,
    ) -> Result<ArrayRef> {
        let mut places = UInt32Builder::with_capacity(self.rows.len());
        for range in &self.partitions {
            let ours = range.start.max(self.rows.start)..range.end.min(self.rows.end);
            if ours.is_empty() {
                continue;
            }
            // Rows of the partition that are read, and how many rows have none to read.
            let read = if back {
                ours.start.saturating_sub(by).max(range.start)..ours.end.saturating_sub(by)
            } else {
                ours.start + by..(ours.end + by).min(range.end)
            };
            let without = ours.len() - read.len().min(ours.len());
            if back {
                places.append_nulls(without);
            }
            for place in read {
                places.append_value(u32::try_from(place).unwrap_or(u32::MAX));
            }
            if !back {
                places.append_nulls(without);
            }
        }
        shifted_or(values, &places.finish(), default)
    }

    /// How far each row has counted in its partition: row numbers, ranks and dense ranks, after what was counted before.
    pub(super) fn counted(&self, before: Counted) -> Vec<Counted> {
        let mut all: Vec<Counted> = Vec::with_capacity(self.rows.len());
        let mut last = before;
        let mut peers = self.peers.iter().peekable();
        for range in &self.partitions {
            for row in range.start.max(self.rows.start)..range.end.min(self.rows.end) {
                while peers.next_if(|peers| peers.end <= row).is_some() {}
                let first_of_peers = peers.peek().is_none_or(|peers| peers.start == row);
                if row == range.start {
                    last = Counted { row_number: 1, rank: 1, dense_rank: 1 };
                } else {
                    last.row_number += 1;
                    if first_of_peers {
                        last.rank = last.row_number;
                        last.dense_rank += 1;
                    }
                }
                all.push(last);
            }
        }
        all
    }
}

/// The values at some places, and a default where there is none.
fn shifted_or(values: &ArrayRef, places: &UInt32Array, default: &ScalarValue) -> Result<ArrayRef> {
    if default.is_null() || places.null_count() == 0 {
        return Ok(take(values, places, None)?);
    }
    let default = default.to_array()?;
    let behind = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let both = arrow::compute::concat(&[values.as_ref(), default.as_ref()])?;
    let places: UInt32Array = places.iter().map(|place| place.unwrap_or(behind)).collect();
    Ok(take(&both, &places, None)?)
}

/// One of the numbers of each row.
pub(super) fn numbers(look: &Look, counted: &[Counted]) -> ArrayRef {
    let number = |counted: &Counted| match look {
        Look::Rank => counted.rank,
        Look::DenseRank => counted.dense_rank,
        Look::RowNumber | Look::Back(..) | Look::Ahead(..) => counted.row_number,
    };
    Arc::new(UInt64Array::from_iter_values(counted.iter().map(number)))
}
