//! The customers that are measured: ten million rows of what a warehouse knows about each, and files of fewer for fits.
//!
//! Histories come from the seeded generator, so the parameters that a fit must find are known. The same customer stands
//! in every file with the same numbers.
//!
//! | Column | What it is |
//! |---|---|
//! | `last`, `frequency`, `value` | the date of the last purchase, purchases, money: DATE, INT, DECIMAL(12,2) |
//! | `x`, `tx`, `t` | repeat purchases, last purchase and time observed in days, continuous: DOUBLE |
//! | `tx_day`, `t_day` | the same to the nearest day |
//! | `m` | mean spend: DOUBLE |

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
};
use arrow::error::ArrowError;
use pareto_testdata::star::history::{History, Shapes, history};
use parquet::arrow::ArrowWriter;

const SEED: u64 = 42;
const BATCH: u64 = 100_000;
/// The last day of observation, in days since 1970.
const TODAY: i32 = 20_454;

/// The files, as tables are named, and their share of the customers.
pub(crate) const FILES: [(&str, f64); 3] =
    [("customers", 1.0), ("million", 0.1), ("hundred_thousand", 0.01)];

/// Rows of a file.
pub(crate) fn rows(file: &str, millions: f64) -> f64 {
    let share = FILES.iter().find(|(name, _)| *name == file).map_or(0.0, |(_, share)| *share);
    (millions * 1e6 * share).round()
}

/// Writes the files.
pub(crate) fn write(folder: &Path, millions: f64) -> Result<(), String> {
    for (name, _) in FILES {
        let file = folder.join(format!("{name}.parquet"));
        write_file(&file, whole(rows(name, millions)).unsigned_abs())
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn write_file(file: &Path, rows: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut writer = ArrowWriter::try_new(File::create(file)?, batch(0..1)?.schema(), None)?;
    for first in (0..rows).step_by(usize::try_from(BATCH)?) {
        writer.write(&batch(first..(first + BATCH).min(rows))?)?;
    }
    writer.close()?;
    Ok(())
}

fn batch(customers: std::ops::Range<u64>) -> Result<RecordBatch, ArrowError> {
    let shapes = Shapes::default();
    let ids: Int64Array = customers.clone().map(|id| id.cast_signed()).map(Some).collect();
    let told: Vec<History> = customers.map(|id| history(&shapes, SEED, id)).collect();
    let float = |of: &dyn Fn(&History) -> f64| -> ArrayRef {
        Arc::new(told.iter().map(|history| Some(of(history))).collect::<Float64Array>())
    };
    let day = |history: &History| history.last.round() - history.observed.round();
    let last: Date32Array = told
        .iter()
        .map(|history| i32::try_from(whole(day(history))).ok()?.checked_add(TODAY))
        .collect();
    let frequency: Int32Array =
        told.iter().map(|history| i32::try_from(history.purchases + 1).ok()).collect();
    let cents = |history: &History| {
        i128::from(whole(history.spend * f64::from(history.purchases + 1) * 100.0))
    };
    let value: Decimal128Array = told.iter().map(|history| Some(cents(history))).collect();
    let columns: [(&str, ArrayRef); 10] = [
        ("id", Arc::new(ids)),
        ("last", Arc::new(last)),
        ("frequency", Arc::new(frequency)),
        ("value", Arc::new(value.with_precision_and_scale(12, 2)?)),
        ("x", float(&|history| f64::from(history.purchases))),
        ("tx", float(&|history| history.last)),
        ("t", float(&|history| history.observed)),
        ("tx_day", float(&|history| history.last.round())),
        ("t_day", float(&|history| history.observed.round())),
        ("m", float(&|history| history.spend)),
    ];
    RecordBatch::try_from_iter(columns)
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and the numbers are small")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}
