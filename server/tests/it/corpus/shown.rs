//! Values as text, as DataFusion's runner shows them.
//!
//! ```text
//! NULL, and every value of type Null   NULL            1.5e20          150000000000000000000
//! the empty text                       (empty)         0.1 + 0.2       0.3, for 12 digits are kept after the point
//! several lines                        01) 02) ..      DECIMAL 1.500   1.5
//! ```

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};

/// Digits after the point of a floating number.
const DIGITS: usize = 12;

/// The rows of some batches. A row whose last value has several lines becomes several.
pub(super) fn rows(batches: &[RecordBatch]) -> Result<Vec<Vec<String>>, ArrowError> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(values).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            expand(columns.iter().map(|column| column[row].clone()).collect(), &mut rows);
        }
    }
    Ok(rows)
}

/// A value with lines, such as a plan, goes on in rows of one numbered line each, indentation shown as dashes.
fn expand(mut row: Vec<String>, rows: &mut Vec<Vec<String>>) {
    let last = row.pop().unwrap_or_default();
    if !last.contains('\n') {
        row.push(last);
        rows.push(row);
        return;
    }
    rows.push(row);
    rows.extend(last.split('\n').enumerate().map(|(index, line)| {
        let text = line.trim_start();
        vec![format!("{:02}){}{text}", index + 1, "-".repeat(line.len() - text.len()))]
    }));
}

fn values(column: &ArrayRef) -> Result<Vec<String>, ArrowError> {
    let plain = match column.data_type() {
        DataType::Dictionary(_, value) => cast(column, value)?,
        _ => ArrayRef::clone(column),
    };
    let options =
        FormatOptions::default().with_null("NULL").with_duration_format(DurationFormat::Pretty);
    let formatter = ArrayFormatter::try_new(&plain, &options)?;
    (0..plain.len())
        .map(|row| {
            if plain.is_null(row) {
                return Ok("NULL".to_owned());
            }
            Ok(match plain.data_type() {
                // Display of Rust's numbers has no exponent; that of Arrow may.
                DataType::Float64 => {
                    float(plain.as_primitive::<arrow::datatypes::Float64Type>().value(row))
                }
                DataType::Float32 => {
                    float(plain.as_primitive::<arrow::datatypes::Float32Type>().value(row))
                }
                DataType::Float16 => {
                    float(plain.as_primitive::<arrow::datatypes::Float16Type>().value(row).to_f32())
                }
                data_type if data_type.is_decimal() => {
                    trimmed(&formatter.value(row).try_to_string()?)
                }
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                    text(&formatter.value(row).try_to_string()?)
                }
                _ => formatter.value(row).try_to_string()?,
            })
        })
        .collect()
}

fn text(value: &str) -> String {
    if value.is_empty() {
        return "(empty)".to_owned();
    }
    value.trim_end_matches('\n').replace('\0', "\\0")
}

fn float(value: impl Into<f64> + std::fmt::Display + Copy) -> String {
    let wide: f64 = value.into();
    if wide.is_nan() {
        return "NaN".to_owned();
    }
    if wide.is_infinite() {
        return if wide > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    rounded(&value.to_string())
}

/// A number in plain digits, rounded half to even.
fn rounded(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() <= DIGITS {
        return trimmed(&format!("{sign}{digits}"));
    }
    let (kept, rest) = fraction.split_at(DIGITS);
    let mut number: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
    let half = format!("5{}", "0".repeat(rest.len() - 1));
    let is_odd = number.last().is_some_and(|digit| digit % 2 == 1);
    if rest > half.as_str() || rest == half && is_odd {
        add_one(&mut number);
    }
    let number = String::from_utf8_lossy(&number).into_owned();
    let (whole, fraction) = number.split_at(number.len() - DIGITS);
    trimmed(&format!("{sign}{whole}.{fraction}"))
}

fn add_one(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// Without zeros that say nothing; there is one zero, and it has no sign.
fn trimmed(number: &str) -> String {
    let short = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    let is_zero = short.bytes().all(|byte| matches!(byte, b'0' | b'-'));
    if is_zero { "0".to_owned() } else { short.to_owned() }
}

#[test]
fn numbers_are_shown_as_the_runner_of_datafusion_shows_them() {
    for (value, shown) in [
        (0.1 + 0.2, "0.3"),
        (-0.0, "0"),
        (1.5e20, "150000000000000000000"),
        (1e-13, "0"),
        (0.999_999_999_999_9, "1"),
        (9.999_999_999_999_9, "10"),
        (-2.5, "-2.5"),
        (f64::NEG_INFINITY, "-Infinity"),
        (-f64::NAN, "NaN"),
    ] {
        assert_eq!(float(value), shown);
    }
    assert_eq!(trimmed("1.500"), "1.5");
    assert_eq!(trimmed("100"), "100");
    assert_eq!(trimmed("0000"), "0");
    assert_eq!(text("a\n\n"), "a");
}
