//! What `CREATE TABLE .. WITH (..)` may say. An option that is not known is refused by name: a misspelt one must not be lost.
//!
//! | Option | Meaning |
//! |---|---|
//! | `target_file_size` | the bytes that `OPTIMIZE` packs files to |
//!
//! Example: `WITH (target_file_size = 134217728)`.

use crate::error::{EngineError, Result};
use std::collections::BTreeMap;

/// The bytes that `OPTIMIZE` packs files to.
pub(in crate::sql::statement) const TARGET_FILE_SIZE: &str = "target_file_size";

/// Refuses options that no table has, and values they cannot have.
pub(super) fn check(options: &BTreeMap<String, String>) -> Result<()> {
    for (key, value) in options {
        if key != TARGET_FILE_SIZE {
            return Err(EngineError::invalid(format!("a table has no option \"{key}\""))
                .with_nearest(key, [TARGET_FILE_SIZE]));
        }
        bytes(value)?;
    }
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
