//! What the bounds of a floating-point column do not tell.
//!
//! Bounds leave NaN out, in the log as in Parquet, and a comparison puts NaN beyond all numbers, on the side of its sign.
//! So a row may satisfy `x > 5` in a file whose largest `x` is said to be 3: bounds rule nothing out for such a condition.
//! Only `x = 5` is true of no NaN.
//!
//! Our own source passes such conditions over. DataFusion's cannot, so it is given no bounds where there are such columns.

use arrow::datatypes::Schema;
use datafusion::common::stats::Precision;
use datafusion::common::{ScalarValue, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use std::sync::Arc;

/// Whether bounds that do not count NaN may rule rows out for a condition over these columns.
pub(super) fn may_prune(condition: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    split_conjunction(condition)
        .into_iter()
        .all(|part| !reads_floats(part, schema) || is_equal_to_number(part.as_ref()))
}

/// Whether a column of these is of floating point.
pub(super) fn among(schema: &Schema) -> bool {
    schema.fields().iter().any(|field| field.data_type().is_floating())
}

/// A file of these columns, without the bounds of those of floating point.
pub(super) fn unbounded(mut file: PartitionedFile, schema: &Schema) -> PartitionedFile {
    let Some(known) = file.statistics.as_deref() else { return file };
    let mut known = known.clone();
    forget_bounds(&mut known, schema);
    file.statistics = Some(Arc::new(known));
    file
}

/// Forgets the bounds of floating-point columns.
pub(super) fn forget_bounds(known: &mut Statistics, schema: &Schema) {
    for (column, field) in known.column_statistics.iter_mut().zip(schema.fields()) {
        if field.data_type().is_floating() {
            (column.min_value, column.max_value) = (Precision::Absent, Precision::Absent);
        }
    }
}

/// Has a Parquet source look at no bounds of row groups and pages.
pub(super) fn ignore_bounds(options: &mut TableParquetOptions) {
    options.global.pruning = false;
    options.global.enable_page_index = false;
}

fn reads_floats(part: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let is_float = |column: &Column| {
        schema.field_with_name(column.name()).is_ok_and(|field| field.data_type().is_floating())
    };
    collect_columns(part).iter().any(is_float)
}

fn is_equal_to_number(part: &dyn PhysicalExpr) -> bool {
    let Some(compared) = part.downcast_ref::<BinaryExpr>() else { return false };
    let (left, right) = (compared.left().as_ref(), compared.right().as_ref());
    let are =
        (left.is::<Column>() && is_number(right)) || (right.is::<Column>() && is_number(left));
    compared.op() == &Operator::Eq && are
}

fn is_number(value: &dyn PhysicalExpr) -> bool {
    match value.downcast_ref::<Literal>().map(Literal::value) {
        Some(ScalarValue::Float32(Some(value))) => !value.is_nan(),
        Some(ScalarValue::Float64(Some(value))) => !value.is_nan(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field};
    use datafusion::physical_expr::expressions::{binary, col};

    #[test]
    fn a_condition_that_nan_may_satisfy_rules_nothing_out() {
        let schema = Schema::new(vec![
            Field::new("x", DataType::Float64, true),
            Field::new("k", DataType::Int64, true),
        ]);
        let compare = |name: &str, op: Operator, value: ScalarValue| {
            let value = Arc::new(Literal::new(value));
            binary(col(name, &schema).unwrap(), op, value, &schema).unwrap()
        };
        let number = || ScalarValue::Float64(Some(5.0));
        let key = compare("k", Operator::Gt, ScalarValue::Int64(Some(5)));
        assert!(may_prune(&key, &schema));
        assert!(may_prune(&compare("x", Operator::Eq, number()), &schema));
        for op in [Operator::Gt, Operator::Lt, Operator::NotEq] {
            assert!(!may_prune(&compare("x", op, number()), &schema));
        }
        let nan = compare("x", Operator::Eq, ScalarValue::Float64(Some(f64::NAN)));
        assert!(!may_prune(&nan, &schema));
        let both = binary(key, Operator::And, nan, &schema).unwrap();
        assert!(!may_prune(&both, &schema));
    }
}
