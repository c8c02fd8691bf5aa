//! How rows are divided and sorted: the terms of `PARTITIONED BY` and `ORDER BY`.
//!
//! A partition is a column or a date rounded down by `date_trunc`; the rounded value is kept in a column that queries
//! do not see. Anything else would need a value that cannot be derived from a filter, and is refused.
//!
//! Example: `PARTITIONED BY (channel, date_trunc('month', sold_on)) ORDER BY (sold_on, customer_id DESC)`.

use super::keys::known;
use crate::error::{EngineError, Result};
use crate::sql::reader::{Reader, normalize};
use arrow::datatypes::DataType;
use pareto_catalog::{PartitionTerm, SortTerm, Table};
use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value, ValueWithSpan};

/// One term of `PARTITIONED BY`.
#[derive(Debug)]
pub(super) struct Partition(PartitionTerm);

/// One term of `ORDER BY`.
#[derive(Debug)]
pub(super) struct Sort(SortTerm);

pub(super) fn partition(reader: &mut Reader<'_>) -> Result<Partition> {
    let place = reader.place();
    let expr = reader.parser().parse_expr()?;
    let term = match &expr {
        Expr::Identifier(ident) => Some(PartitionTerm::Column { column: normalize(ident) }),
        Expr::Function(function)
            if function.name.to_string().eq_ignore_ascii_case("date_trunc") =>
        {
            truncated(&function.args)
        }
        _ => None,
    };
    term.map(Partition).ok_or_else(|| {
        EngineError::invalid(format!("\"{expr}\" cannot partition a table"))
            .with_hint("partition by a column or by date_trunc('month', column)")
            .at(place.0, place.1)
    })
}

fn truncated(arguments: &FunctionArguments) -> Option<PartitionTerm> {
    let FunctionArguments::List(list) = arguments else { return None };
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(unit),
            ..
        }))),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(column))),
    ] = list.args.as_slice()
    else {
        return None;
    };
    Some(PartitionTerm::DateTrunc { unit: unit.to_lowercase(), column: normalize(column) })
}

pub(super) fn sort(reader: &mut Reader<'_>) -> Result<Sort> {
    let place = reader.place();
    let term = reader.parser().parse_order_by_expr()?;
    let Expr::Identifier(column) = &term.expr else {
        return Err(EngineError::invalid(format!(
            "a table is ordered by columns, not by \"{}\"",
            term.expr
        ))
        .at(place.0, place.1));
    };
    let descending = term.options.asc == Some(false);
    // As in queries: NULLs count as the largest value.
    let nulls_first = term.options.nulls_first.unwrap_or(descending);
    Ok(Sort(SortTerm { column: normalize(column), descending, nulls_first }))
}

fn one(table: &Table, column: &str) -> Result<String> {
    let mut found = known(table, &[column.to_owned()])?;
    found.pop().ok_or_else(|| EngineError::internal("a column without a name"))
}

impl Partition {
    /// The term with the column as the table spells it.
    pub(super) fn resolve(&self, table: &Table) -> Result<PartitionTerm> {
        match &self.0 {
            PartitionTerm::Column { column } => {
                Ok(PartitionTerm::Column { column: one(table, column)? })
            }
            PartitionTerm::DateTrunc { unit, column } => {
                if !PartitionTerm::UNITS.contains(&unit.as_str()) {
                    return Err(EngineError::invalid(format!(
                        "\"{unit}\" is not a unit that partitions are made by"
                    ))
                    .with_hint(format!("use one of {}", PartitionTerm::UNITS.join(", "))));
                }
                let column = one(table, column)?;
                let data_type = table.column(&column).map(|column| column.data_type.clone());
                match data_type {
                    Some(DataType::Date32 | DataType::Timestamp(_, _)) => {
                        Ok(PartitionTerm::DateTrunc { unit: unit.clone(), column })
                    }
                    _ => Err(EngineError::invalid(format!(
                        "date_trunc partitions by a DATE or TIMESTAMP; column \"{column}\" is neither"
                    ))),
                }
            }
        }
    }
}

impl Sort {
    /// The term with the column as the table spells it.
    pub(super) fn resolve(&self, table: &Table) -> Result<SortTerm> {
        Ok(SortTerm { column: one(table, &self.0.column)?, ..self.0.clone() })
    }
}
