//! Which files a filter can be answered from, decided from the log alone.
//!
//! A file is left out only when its bounds prove that no row can match. Bounds that are not exact still prove that, those
//! of floating-point columns do not ([`floats`]).

use super::{DataFile, floats};
use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, Result, ScalarValue};
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use std::collections::HashSet;
use std::sync::Arc;

/// The files that may hold a row for which `predicate`, over the scanned columns, is true.
pub(super) fn matching<'a>(
    files: &'a [DataFile],
    scanned: &SchemaRef,
    predicate: &Arc<dyn PhysicalExpr>,
) -> Result<Vec<&'a DataFile>> {
    let proving = split_conjunction(predicate);
    let proving = proving.into_iter().filter(|part| floats::may_prune(part, scanned)).cloned();
    let Some(pruning) = PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(scanned))
        .with_max_in_list_size(200)
        .build(conjunction(proving))
    else {
        return Ok(files.iter().collect());
    };
    let keep = pruning.prune(&Bounds { files, scanned })?;
    Ok(files.iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
}

struct Bounds<'a> {
    files: &'a [DataFile],
    scanned: &'a SchemaRef,
}

impl Bounds<'_> {
    fn values(
        &self,
        column: &Column,
        of: impl Fn(&ColumnStatistics) -> &Precision<ScalarValue>,
    ) -> Option<ArrayRef> {
        let place = self.scanned.index_of(column.name()).ok()?;
        let null = ScalarValue::try_from(self.scanned.field(place).data_type()).ok()?;
        let value = |file: &DataFile| {
            let known = file
                .known
                .column_statistics
                .get(place)
                .and_then(|column| of(column).get_value().cloned());
            known.unwrap_or_else(|| null.clone())
        };
        ScalarValue::iter_to_array(self.files.iter().map(value)).ok()
    }
}

impl PruningStatistics for Bounds<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, |statistics| &statistics.min_value)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, |statistics| &statistics.max_value)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let place = self.scanned.index_of(column.name()).ok()?;
        let count = |file: &DataFile| {
            let known = file.known.column_statistics.get(place)?.null_count.get_value()?;
            u64::try_from(*known).ok()
        };
        Some(Arc::new(self.files.iter().map(count).collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(
            self.files
                .iter()
                .map(|file| {
                    file.known.num_rows.get_value().and_then(|rows| u64::try_from(*rows).ok())
                })
                .collect::<UInt64Array>(),
        ))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
