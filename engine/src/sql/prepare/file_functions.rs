//! The table functions that read files: `read_parquet`, `read_csv`, `read_json`.
//!
//! The first argument is a URL, a path, a glob, or an array of them; the others are named options. Everything is a
//! literal, because the files are opened before the statement is planned.
//!
//! Example: `read_csv('sales/*.csv', header => false, delimiter => ';')`.

use super::text;
use crate::error::{EngineError, Result};
use crate::relations::FileSource;
use pareto_catalog::FileFormat;
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, ObjectName, UnaryOperator, Value, ValueWithSpan,
};
use std::collections::BTreeMap;

/// The functions, by name.
pub(crate) const FUNCTIONS: [(&str, FileFormat); 3] = [
    ("read_parquet", FileFormat::Parquet),
    ("read_csv", FileFormat::Csv),
    ("read_json", FileFormat::Json),
];

/// What a call reads, when it is a call to one of ours.
pub(super) fn source(name: &ObjectName, arguments: &[FunctionArg]) -> Result<Option<FileSource>> {
    let called = name.to_string();
    let Some((function, format)) =
        FUNCTIONS.iter().find(|(function, _)| called.eq_ignore_ascii_case(function))
    else {
        return Ok(None);
    };
    let mut urls = None;
    let mut options = BTreeMap::new();
    for argument in arguments {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) if urls.is_none() => {
                urls = Some(addresses(expr).ok_or_else(|| wrong(function))?);
            }
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
                let value = literal(value).ok_or_else(|| {
                    EngineError::invalid(format!(
                        "option \"{}\" of {function} takes a literal",
                        name.value
                    ))
                })?;
                options.insert(name.value.to_lowercase(), value);
            }
            _ => return Err(wrong(function)),
        }
    }
    let urls = urls.ok_or_else(|| wrong(function))?;
    Ok(Some(FileSource {
        format: *format,
        urls,
        partition_columns: Vec::new(),
        options,
        schema: None,
    }))
}

fn wrong(function: &str) -> EngineError {
    EngineError::invalid(format!("{function} takes a URL or glob, then named options"))
        .with_hint(format!("{function}('data/*.csv', option => value)"))
}

fn addresses(expr: &Expr) -> Option<Vec<String>> {
    match expr {
        Expr::Array(array) if !array.elem.is_empty() => array.elem.iter().map(text).collect(),
        other => text(other).map(|url| vec![url]),
    }
}

fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(ValueWithSpan { value, .. }) => match value {
            Value::SingleQuotedString(text)
            | Value::DoubleQuotedString(text)
            | Value::EscapedStringLiteral(text) => Some(text.clone()),
            Value::Number(number, _) => Some(number.clone()),
            Value::Boolean(on) => Some(on.to_string()),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            literal(expr).map(|number| format!("-{number}"))
        }
        Expr::Identifier(word) => Some(word.value.clone()),
        _ => None,
    }
}
