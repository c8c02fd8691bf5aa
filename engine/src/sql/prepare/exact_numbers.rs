//! Numbers with more digits than a DOUBLE keeps become DECIMAL, digit for digit.
//!
//! The planner reads every number with a point, and every whole one beyond 64 bits, as a DOUBLE. Most keep their digits that
//! way, and stay what they are. One that would come back with other digits, and fits a DECIMAL, is written as one. A number
//! with an exponent is a DOUBLE by the standard and is left alone.
//!
//! Example: `12345678901234567.89` becomes `CAST('12345678901234567.89' AS DECIMAL(19, 2))`; `0.1` stays.

use sqlparser::ast::{CastKind, DataType, ExactNumberInfo, Expr, Value, ValueWithSpan};

/// The most digits of a DECIMAL.
const DIGITS_LIMIT: u64 = 38;

/// Rewrites a number that a DOUBLE would change.
pub(super) fn expr(expr: &mut Expr) {
    let Expr::Value(ValueWithSpan { value: Value::Number(written, _), span }) = expr else {
        return;
    };
    let Some((precision, scale)) = decimal(written) else { return };
    let value = Value::SingleQuotedString(std::mem::take(written));
    *expr = Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(ValueWithSpan { value, span: *span })),
        data_type: DataType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, scale)),
        array: false,
        format: None,
    };
}

/// Precision and scale of the DECIMAL that keeps a number which neither 64 bits nor a DOUBLE keep.
fn decimal(written: &str) -> Option<(u64, i64)> {
    let (whole, fraction) = written.split_once('.').unwrap_or((written, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) || written.parse::<u64>().is_ok() {
        return None;
    }
    let shortest = written.parse::<f64>().ok()?.to_string();
    let (kept_whole, kept_fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let whole = whole.trim_start_matches('0');
    if whole == kept_whole.trim_start_matches('0')
        && fraction.trim_end_matches('0') == kept_fraction
    {
        return None;
    }
    let (digits, scale) = (whole.len() + fraction.len(), i64::try_from(fraction.len()).ok()?);
    let precision = u64::try_from(digits).ok()?;
    (precision <= DIGITS_LIMIT).then_some((precision, scale))
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn only_what_a_double_would_change_becomes_a_decimal() {
        for kept in ["0.1", "1.50", "007.5", "18446744073709551615", "1e400", "0.30000000000000004"]
        {
            assert_eq!(decimal(kept), None, "{kept}");
        }
        assert_eq!(decimal("12345678901234567.89"), Some((19, 2)));
        assert_eq!(decimal("18446744073709551617"), Some((20, 0)));
        assert_eq!(decimal("0.12345678901234567891"), Some((20, 20)));
        assert_eq!(decimal(&"9".repeat(39)), None, "longer than a DECIMAL");
    }
}
