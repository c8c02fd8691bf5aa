//! What a predicate says of single columns: the range that their values must lie in, the keys they must be among, and
//! anything at all that it says of a text.
//!
//! A scan may leave out rows that its predicate rules out, and need not: who pushed the predicate down looks again at what
//! comes. So this reads the parts that kept columns decide fast, `column op literal` and lists, as ranges, and passes
//! over the rest. A predicate that a join or a top-k fills in while it runs is read as it is now.
//!
//! Example: `quantity < 25 AND day IN (5, 9) AND name LIKE 'a%'` says quantity <= 24, 5 <= day <= 9 and `name LIKE 'a%'`.

use super::super::key_set::{KeySet, Keys};
use super::texts::is_text;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, InListExpr, Literal};
use datafusion::physical_expr::split_conjunction;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::{is_volatile, snapshot_physical_expr};
use std::sync::Arc;

/// The values that a column must have, both ends included, in the integers that they are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// The place among the columns that are read.
    pub(super) column: usize,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// The keys that a column must be among.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Among {
    /// The place among the columns that are read.
    pub(super) column: usize,
    pub(super) keys: Arc<Keys>,
}

/// A condition on a text.
#[derive(Debug, Clone)]
pub(super) struct OfText {
    /// The place among the columns that are read.
    pub(super) column: usize,
    /// The condition, over a batch that has nothing but the text.
    pub(super) condition: Arc<dyn PhysicalExpr>,
}

/// What is looked at in every row.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    /// At most one for each column.
    pub(super) ranges: Vec<Range>,
    pub(super) sets: Vec<Among>,
    pub(super) texts: Vec<OfText>,
}

/// What a predicate implies for single columns.
pub(super) fn conditions(
    predicate: &Arc<dyn PhysicalExpr>,
    columns: &SchemaRef,
) -> Result<Conditions> {
    let predicate = snapshot_physical_expr(Arc::clone(predicate))?;
    let parts = split_conjunction(&predicate);
    let mut found = Conditions::default();
    for part in parts {
        if let Some(set) = among(part.as_ref(), columns) {
            found.sets.push(set);
        }
        if let Some(text) = of_text(part, columns)? {
            found.texts.push(text);
        }
        let Some(range) = range(part.as_ref(), columns) else { continue };
        match found.ranges.iter_mut().find(|known| known.column == range.column) {
            Some(known) => {
                known.from = known.from.max(range.from);
                known.to = known.to.min(range.to);
            }
            None => found.ranges.push(range),
        }
    }
    Ok(found)
}

fn among(part: &dyn PhysicalExpr, columns: &SchemaRef) -> Option<Among> {
    let set = part.downcast_ref::<KeySet>()?;
    let (column, kind) = column(set.key().as_ref(), columns)?;
    (kind == set.keys().kind()).then(|| Among { column, keys: Arc::clone(set.keys()) })
}

/// A part that reads nothing but one text, and says the same of it each time.
fn of_text(part: &Arc<dyn PhysicalExpr>, columns: &SchemaRef) -> Result<Option<OfText>> {
    let read = collect_columns(part);
    let mut read = read.iter();
    let (Some(only), None) = (read.next(), read.next()) else { return Ok(None) };
    let Some((column, kind)) = column(only, columns) else { return Ok(None) };
    if !is_text(kind) || is_volatile(part) {
        return Ok(None);
    }
    let alone = |expr: Arc<dyn PhysicalExpr>| {
        Ok(match expr.is::<Column>() {
            true => Transformed::yes(Arc::new(Column::new("text", 0)) as Arc<dyn PhysicalExpr>),
            false => Transformed::no(expr),
        })
    };
    let condition = Arc::clone(part).transform_up(alone).data()?;
    Ok(Some(OfText { column, condition }))
}

fn range(part: &dyn PhysicalExpr, columns: &SchemaRef) -> Option<Range> {
    if let Some(list) = part.downcast_ref::<InListExpr>() {
        let (column, kind) = column(list.expr().as_ref(), columns)?;
        let values = list.list().iter().map(|value| number(value.as_ref(), kind));
        let values: Vec<i64> = values.collect::<Option<_>>()?;
        if list.negated() {
            return None;
        }
        let (from, to) = (values.iter().min()?, values.iter().max()?);
        return Some(Range { column, from: *from, to: *to });
    }
    let compared = part.downcast_ref::<BinaryExpr>()?;
    let (left, right) = (compared.left().as_ref(), compared.right().as_ref());
    let (place, value, op) = match column(left, columns) {
        Some(place) => (place, right, *compared.op()),
        None => (column(right, columns)?, left, compared.op().swap()?),
    };
    let (column, kind) = place;
    let value = number(value, kind)?;
    let (from, to) = match op {
        Operator::Eq => (value, value),
        Operator::GtEq => (value, i64::MAX),
        Operator::Gt => (value.checked_add(1)?, i64::MAX),
        Operator::LtEq => (i64::MIN, value),
        Operator::Lt => (i64::MIN, value.checked_sub(1)?),
        _ => return None,
    };
    Some(Range { column, from, to })
}

/// The column's place and kind, when the expression is one that is read.
fn column<'a>(expr: &dyn PhysicalExpr, columns: &'a SchemaRef) -> Option<(usize, &'a DataType)> {
    let (place, field) = columns.column_with_name(expr.downcast_ref::<Column>()?.name())?;
    Some((place, field.data_type()))
}

/// A literal of the column's own kind as the integer that it is stored as.
fn number(expr: &dyn PhysicalExpr, kind: &DataType) -> Option<i64> {
    use ScalarValue as S;
    let value = expr.downcast_ref::<Literal>()?.value();
    if let (S::Decimal128(number, _, scale), DataType::Decimal128(_, wanted)) = (value, kind) {
        return (scale == wanted).then_some((*number)?.try_into().ok()).flatten();
    }
    if value.data_type() != *kind {
        return None;
    }
    match value {
        S::Int8(number) => number.map(Into::into),
        S::Int16(number) => number.map(Into::into),
        S::UInt8(number) => number.map(Into::into),
        S::UInt16(number) => number.map(Into::into),
        S::UInt32(number) => number.map(Into::into),
        S::Int32(number) | S::Date32(number) | S::Time32Second(number) => number.map(Into::into),
        S::Time32Millisecond(number) => number.map(Into::into),
        S::Int64(number) | S::Date64(number) | S::Time64Microsecond(number) => *number,
        S::Time64Nanosecond(number) => *number,
        S::TimestampSecond(number, _) | S::TimestampMillisecond(number, _) => *number,
        S::TimestampMicrosecond(number, _) | S::TimestampNanosecond(number, _) => *number,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{Field, Schema};
    use datafusion::physical_expr::expressions::{binary, col, in_list, lit};

    fn columns() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("a", DataType::Int64, true),
            Field::new("d", DataType::Decimal128(9, 2), true),
            Field::new("t", DataType::Utf8, true),
        ]))
    }

    fn compare(name: &str, op: Operator, value: ScalarValue) -> Arc<dyn PhysicalExpr> {
        binary(col(name, &columns()).unwrap(), op, lit(value), &columns()).unwrap()
    }

    fn and(one: Arc<dyn PhysicalExpr>, other: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
        binary(one, Operator::And, other, &columns()).unwrap()
    }

    fn ranges(predicate: &Arc<dyn PhysicalExpr>) -> Vec<Range> {
        conditions(predicate, &columns()).unwrap().ranges
    }

    #[test]
    fn what_it_understands_becomes_a_range_and_the_rest_is_passed_over() {
        let whole = |value: i64| ScalarValue::Int64(Some(value));
        let text = compare("t", Operator::Eq, ScalarValue::Utf8(Some("x".to_owned())));
        let money = compare("d", Operator::Gt, ScalarValue::Decimal128(Some(150), 9, 2));
        let other_scale = compare("d", Operator::Lt, ScalarValue::Decimal128(Some(1), 9, 2));
        let from = compare("a", Operator::GtEq, whole(3));
        let turned = binary(lit(9_i64), Operator::Gt, col("a", &columns()).unwrap(), &columns());
        let all = and(and(text, money), and(from, turned.unwrap()));
        let mut found = ranges(&all);
        found.sort_by_key(|range| range.column);
        assert_eq!(
            found,
            [Range { column: 0, from: 3, to: 8 }, Range { column: 1, from: 151, to: i64::MAX },]
        );
        assert_eq!(ranges(&other_scale).len(), 1);
        for passed in [
            compare("a", Operator::NotEq, whole(1)),
            compare("a", Operator::Gt, whole(i64::MAX)),
            compare("a", Operator::Eq, ScalarValue::Int64(None)),
            binary(
                compare("a", Operator::Eq, whole(1)),
                Operator::Or,
                compare("a", Operator::Eq, whole(2)),
                &columns(),
            )
            .unwrap(),
        ] {
            assert_eq!(ranges(&passed), []);
        }
    }

    #[test]
    fn a_list_is_the_range_of_its_values() {
        let a = col("a", &columns()).unwrap();
        let list = |negated| {
            in_list(Arc::clone(&a), vec![lit(7_i64), lit(2_i64)], &negated, &columns()).unwrap()
        };
        assert_eq!(ranges(&list(false)), [Range { column: 0, from: 2, to: 7 }]);
        assert_eq!(ranges(&list(true)), []);
    }

    #[test]
    fn keys_are_taken_where_the_column_has_their_type() {
        let keys: arrow::array::ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![4, 6]));
        let among = |name: &str| {
            let set = KeySet::of(col(name, &columns()).unwrap(), &keys).unwrap().unwrap();
            conditions(&(Arc::new(set) as Arc<dyn PhysicalExpr>), &columns()).unwrap()
        };
        let found = among("a");
        assert_eq!((found.ranges.len(), found.sets.len(), found.sets[0].column), (0, 1, 0));
        assert_eq!((among("t").ranges.len(), among("t").sets.len()), (0, 0));
    }

    #[test]
    fn what_is_said_of_one_text_is_a_condition_on_it() {
        let text =
            |value: &str| compare("t", Operator::Eq, ScalarValue::Utf8(Some(value.to_owned())));
        let or = |one, other| binary(one, Operator::Or, other, &columns()).unwrap();
        let found = |predicate| conditions(&predicate, &columns()).unwrap().texts;
        let whole = || compare("a", Operator::Eq, ScalarValue::Int64(Some(1)));
        let texts = found(and(or(text("x"), text("y")), and(whole(), text("z"))));
        let shown: Vec<String> = texts.iter().map(|one| one.condition.to_string()).collect();
        assert_eq!(shown, ["text@0 = x OR text@0 = y", "text@0 = z"]);
        assert!(texts.iter().all(|one| one.column == 2));
        assert!(found(or(text("x"), whole())).is_empty(), "it reads two columns");
    }
}
