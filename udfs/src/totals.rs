//! Totals that keep the type of their column.
//!
//! A column of whole numbers has a BIGINT total, a decimal one a decimal with ten more digits, as SUM
//! gives; inside, sums are carried so wide that only the answer can be too large. Floats are added in
//! the order the caller gives, with their rounding error kept, so callers add in an order that does
//! not depend on how the rows came in.

use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Decimal128Type, Decimal256Type, DecimalType, Float64Type,
    Int64Type, i256,
};

use crate::amount::{Amount, Precise};

/// A column type that money is in.
pub(crate) trait Money: ArrowPrimitiveType<Native: ArrowNativeTypeOp> + Send {
    /// What it adds up in.
    type Sum: Amount + Send;
    /// One value, ready to be added.
    fn wide(value: Self::Native) -> Self::Sum;
    /// The sum as a value of this type; None if it is too large.
    fn total(sum: Self::Sum, total_type: &DataType) -> Option<Self::Native>;
    /// One whole unit of money.
    fn unit(data_type: &DataType) -> Self::Sum;

    /// The value if it is a float, which may be one that is no amount.
    fn float(_value: Self::Native) -> Option<f64> {
        None
    }
}

/// The type of a total of this column.
pub(crate) fn total_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Decimal128(precision, scale) => {
            DataType::Decimal128((precision + 10).min(38), *scale)
        }
        DataType::Decimal256(precision, scale) => {
            DataType::Decimal256((precision + 10).min(76), *scale)
        }
        other => other.clone(),
    }
}

fn digits(data_type: &DataType) -> (u8, i8) {
    match data_type {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            (*precision, *scale)
        }
        _ => (0, 0),
    }
}

/// Ten to the scale; a negative scale, which no column of ours has, counts as none.
fn power(data_type: &DataType) -> i256 {
    let scale = u32::try_from(digits(data_type).1).unwrap_or_default();
    i256::from_i128(10).wrapping_pow(scale)
}

impl Money for Int64Type {
    type Sum = i128;

    fn wide(value: i64) -> i128 {
        i128::from(value)
    }

    fn total(sum: i128, _total_type: &DataType) -> Option<i64> {
        i64::try_from(sum).ok()
    }

    fn unit(_data_type: &DataType) -> i128 {
        1
    }
}

impl Money for Float64Type {
    type Sum = Precise;

    fn wide(value: f64) -> Precise {
        Precise::new(value)
    }

    fn total(sum: Precise, _total_type: &DataType) -> Option<f64> {
        Some(sum.value()).filter(|value| value.is_finite())
    }

    fn unit(_data_type: &DataType) -> Precise {
        Precise::new(1.0)
    }

    fn float(value: f64) -> Option<f64> {
        Some(value)
    }
}

impl Money for Decimal128Type {
    type Sum = i256;

    fn wide(value: i128) -> i256 {
        i256::from_i128(value)
    }

    fn total(sum: i256, total_type: &DataType) -> Option<i128> {
        let fits = |value: &i128| Self::is_valid_decimal_precision(*value, digits(total_type).0);
        sum.to_i128().filter(fits)
    }

    fn unit(data_type: &DataType) -> i256 {
        power(data_type)
    }
}

impl Money for Decimal256Type {
    type Sum = i256;

    fn wide(value: i256) -> i256 {
        value
    }

    fn total(sum: i256, total_type: &DataType) -> Option<i256> {
        Some(sum).filter(|sum| Self::is_valid_decimal_precision(*sum, digits(total_type).0))
    }

    fn unit(data_type: &DataType) -> i256 {
        power(data_type)
    }
}
