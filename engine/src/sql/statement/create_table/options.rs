//! What `CREATE TABLE .. WITH (..)` may say. An option that is not known is refused by name: a misspelt one must not be lost.
//!
//! | Option | Meaning |
//! |---|---|
//! | `target_file_size` | the bytes that `OPTIMIZE` packs files to |
//! | `surrogate_key` | the column that is numbered 1, 2, 3 .. where rows are written without a value in it |
//!
//! A surrogate key that is not among the columns becomes the first one, a `BIGINT`. It never is NULL.
//!
//! Example: `WITH (target_file_size = 134217728, surrogate_key = 'customer_key')`.

use crate::error::{EngineError, Result};
use crate::sql::types::a_sql_type;
use arrow::datatypes::DataType;
use pareto_catalog::{Column, Table};
use std::collections::BTreeMap;

/// The bytes that `OPTIMIZE` packs files to.
pub(in crate::sql::statement) const TARGET_FILE_SIZE: &str = "target_file_size";

/// Refuses options that no table has, and values they cannot have.
pub(super) fn check(options: &BTreeMap<String, String>) -> Result<()> {
    for (key, value) in options {
        match key.as_str() {
            TARGET_FILE_SIZE => {
                bytes(value)?;
            }
            Table::SURROGATE_KEY => {}
            _ => {
                return Err(EngineError::invalid(format!("a table has no option \"{key}\""))
                    .with_nearest(key, [TARGET_FILE_SIZE, Table::SURROGATE_KEY]));
            }
        }
    }
    Ok(())
}

/// Finds the surrogate key among the columns, or puts it before them.
pub(super) fn surrogate_key(
    columns: &mut Vec<Column>,
    options: &mut BTreeMap<String, String>,
) -> Result<()> {
    let Some(wanted) = options.get_mut(Table::SURROGATE_KEY) else { return Ok(()) };
    let place = columns.iter().position(|column| column.name.eq_ignore_ascii_case(wanted));
    let place = place.unwrap_or_else(|| {
        columns.insert(0, Column::new(wanted.clone(), DataType::Int64));
        0
    });
    let key = &mut columns[place];
    if !matches!(key.data_type, DataType::Int32 | DataType::Int64) {
        return Err(EngineError::invalid(format!(
            "a surrogate key is an INT or a BIGINT, and \"{}\" is {}",
            key.name,
            a_sql_type(&key.data_type)
        ))
        .with_hint("leave the column out of the list: it is made, as a BIGINT"));
    }
    if key.default.is_some() {
        return Err(EngineError::invalid(format!(
            "the surrogate key \"{}\" cannot have a default: rows without a value are numbered",
            key.name
        )));
    }
    key.nullable = false;
    wanted.clone_from(&key.name);
    Ok(())
}

/// The value of [`TARGET_FILE_SIZE`].
pub(in crate::sql::statement) fn bytes(value: &str) -> Result<u64> {
    let bytes = value.parse().ok().filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| {
        EngineError::invalid(format!("{TARGET_FILE_SIZE} is a number of bytes, not \"{value}\""))
            .with_hint("write it in digits: 268435456 for 256 MiB")
    })
}
