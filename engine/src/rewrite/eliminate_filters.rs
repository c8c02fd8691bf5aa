//! Rule: a condition that the files answer is not asked of their rows.
//!
//! Dashboards ask for months, quarters and years, and a table of sales has a partition for each month. Once the files of
//! other months are pruned, every row that is left satisfies the condition:
//!
//! ```text
//! FilterExec: sold_on >= 2025-09-01             DataSourceExec: files of September to December
//!   DataSourceExec: files of September    =>
//!     to December
//! ```
//!
//! A condition is answered when it compares a column with a constant and the least and greatest value of every file, which
//! are exact, decide it, and the column has no NULL; `IS NOT NULL` by the latter alone. Conditions that are not answered
//! stay: whatever a file's bounds leave open, its rows are asked.

use crate::settings::ParetoOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{ColumnStatistics, Result, ScalarValue};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, IsNotNullExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;
use std::sync::Arc;

/// The rule; `pareto.filter_elimination` switches it.
#[derive(Debug)]
pub(crate) struct EliminateFilters;

impl PhysicalOptimizerRule for EliminateFilters {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !ParetoOptions::switched_on(options, |own| own.filter_elimination) {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            let less = node.downcast_ref::<FilterExec>().map(without_answered).transpose()?;
            Ok(less.flatten().map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "eliminate_filters"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What stands for a filter over files that answer some of it.
fn without_answered(filter: &FilterExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(source) = filter.input().downcast_ref::<DataSourceExec>() else { return Ok(None) };
    let Some(scan) = source.data_source().downcast_ref::<FileScanConfig>() else {
        return Ok(None);
    };
    let conditions = split_conjunction(filter.predicate());
    let all = conditions.len();
    let open: Vec<Arc<dyn PhysicalExpr>> =
        conditions.into_iter().filter(|one| !answered(one, scan)).map(Arc::clone).collect();
    if open.len() == all || filter.fetch().is_some() {
        return Ok(None);
    }
    if !open.is_empty() {
        let fewer = FilterExecBuilder::from(filter).with_predicate(conjunction(open)).build()?;
        return Ok(Some(Arc::new(fewer)));
    }
    let Some(columns) = filter.projection() else {
        return Ok(Some(Arc::clone(filter.input())));
    };
    let schema = filter.input().schema();
    let column = |place: &usize| {
        let name = schema.field(*place).name().clone();
        (Arc::new(Column::new(&name, *place)) as Arc<dyn PhysicalExpr>, name)
    };
    let columns: Vec<_> = columns.iter().map(column).collect();
    let projection = ProjectionExec::try_new(columns, Arc::clone(filter.input()))?;
    let narrower = source.try_swapping_with_projection(&projection)?;
    Ok(Some(narrower.unwrap_or_else(|| Arc::new(projection))))
}

/// Whether a condition holds for every row of every file.
fn answered(condition: &Arc<dyn PhysicalExpr>, scan: &FileScanConfig) -> bool {
    let Some((place, what)) = asked(condition) else { return false };
    let source = scan.file_source();
    let Some(projection) = source.projection() else { return false };
    let column = projection.as_ref().get(place).map(|one| &one.expr);
    let Some(column) = column.and_then(|expr| expr.downcast_ref::<Column>()) else { return false };
    let files = || scan.file_groups.iter().flat_map(|group| group.files());
    let known = |file: &datafusion::datasource::listing::PartitionedFile| {
        let statistics = file.statistics.as_ref()?;
        Some(holds(statistics.column_statistics.get(column.index())?, what))
    };
    files().next().is_some() && files().all(|file| known(file) == Some(true))
}

/// What a condition asks of a column: that it is not NULL, and how it compares with a constant.
type Asked<'a> = Option<(Operator, &'a ScalarValue)>;

/// The column that a condition asks, and what; of constants only kinds whose bounds are what they say.
fn asked(condition: &Arc<dyn PhysicalExpr>) -> Option<(usize, Asked<'_>)> {
    if let Some(known) = condition.downcast_ref::<IsNotNullExpr>() {
        return Some((known.arg().downcast_ref::<Column>()?.index(), None));
    }
    let binary = condition.downcast_ref::<BinaryExpr>()?;
    let sides = (
        binary.left().downcast_ref::<Column>(),
        binary.right().downcast_ref::<Literal>(),
        binary.left().downcast_ref::<Literal>(),
        binary.right().downcast_ref::<Column>(),
    );
    let (column, operator, value) = match sides {
        (Some(column), Some(literal), _, _) => (column, *binary.op(), literal.value()),
        (_, _, Some(literal), Some(column)) => (column, binary.op().swap()?, literal.value()),
        _ => return None,
    };
    let kind = value.data_type();
    let whole = kind.is_integer() || matches!(kind, DataType::Date32 | DataType::Decimal128(..));
    (whole && !value.is_null()).then_some((column.index(), Some((operator, value))))
}

/// Whether what is asked holds for every value of a column of which this is known.
fn holds(known: &ColumnStatistics, what: Asked<'_>) -> bool {
    if known.null_count != Precision::Exact(0) {
        return false;
    }
    let Some((operator, value)) = what else { return true };
    let (Precision::Exact(least), Precision::Exact(most)) = (&known.min_value, &known.max_value)
    else {
        return false;
    };
    // Values of different types do not compare.
    let (Some(least), Some(most)) = (least.partial_cmp(value), most.partial_cmp(value)) else {
        return false;
    };
    match operator {
        Operator::Gt => least.is_gt(),
        Operator::GtEq => least.is_ge(),
        Operator::Lt => most.is_lt(),
        Operator::LtEq => most.is_le(),
        Operator::Eq => least.is_eq() && most.is_eq(),
        Operator::NotEq => least.is_gt() || most.is_lt(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(least: i64, most: i64) -> ColumnStatistics {
        ColumnStatistics {
            null_count: Precision::Exact(0),
            min_value: Precision::Exact(ScalarValue::Int64(Some(least))),
            max_value: Precision::Exact(ScalarValue::Int64(Some(most))),
            ..ColumnStatistics::new_unknown()
        }
    }

    #[test]
    fn a_comparison_holds_when_it_holds_for_every_value_between_the_bounds() {
        let operators = [
            (Operator::Gt, i64::gt as fn(&i64, &i64) -> bool),
            (Operator::GtEq, i64::ge),
            (Operator::Lt, i64::lt),
            (Operator::LtEq, i64::le),
            (Operator::Eq, i64::eq),
            (Operator::NotEq, i64::ne),
        ];
        for (operator, compare) in operators {
            for (least, most, value) in bounds([-1, 0, 1, 2]) {
                let all = (least..=most).all(|one| compare(&one, &value));
                let value = ScalarValue::Int64(Some(value));
                assert_eq!(holds(&known(least, most), Some((operator, &value))), all, "{operator}");
            }
        }
    }

    /// Bounds and a value of some numbers.
    fn bounds(numbers: [i64; 4]) -> impl Iterator<Item = (i64, i64, i64)> {
        let pairs = numbers.into_iter().flat_map(move |one| numbers.map(|other| (one, other)));
        let pairs = pairs.filter(|(one, other)| one <= other);
        pairs.flat_map(move |(one, other)| numbers.map(|value| (one, other, value)))
    }

    #[test]
    fn what_is_not_known_for_certain_is_asked() {
        let value = ScalarValue::Int64(Some(0));
        let with = |change: fn(&mut ColumnStatistics)| {
            let mut known = known(5, 9);
            change(&mut known);
            holds(&known, Some((Operator::Gt, &value)))
        };
        assert!(with(|_| {}));
        assert!(!with(|known| known.null_count = Precision::Exact(1)));
        assert!(!with(|known| known.null_count = Precision::Absent));
        assert!(!with(|known| known.min_value = Precision::Inexact(ScalarValue::Int64(Some(5)))));
        assert!(!with(|known| known.max_value = Precision::Absent));
        assert!(!with(|known| known.min_value = Precision::Exact(ScalarValue::Int32(Some(5)))));
        assert!(!holds(&known(5, 9), Some((Operator::IsDistinctFrom, &value))));
        assert!(holds(&ColumnStatistics { min_value: Precision::Absent, ..known(5, 9) }, None));
        let nulls = ColumnStatistics { null_count: Precision::Exact(1), ..known(5, 9) };
        assert!(!holds(&nulls, None));
    }
}
