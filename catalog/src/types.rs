//! The types a table can hold, and what other types become when they are stored.
//!
//! Delta Lake knows fewer types than Arrow: integers are signed, timestamps count microseconds, decimals have at most
//! 38 digits. What fits without loss is widened; what does not is refused by name. Nothing is narrowed silently.
//!
//! Example: `UInt32` is stored as `Int64`; an interval is refused.

use crate::{CatalogError, Result};
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use std::sync::Arc;

/// The type that `data_type` is stored as.
///
/// # Errors
/// `Invalid`, naming the column, for a type that tables cannot hold.
pub fn storable(column: &str, data_type: &DataType) -> Result<DataType> {
    use DataType as T;
    let field = |f: &FieldRef| -> Result<FieldRef> {
        Ok(Arc::new(Field::new(f.name(), storable(column, f.data_type())?, f.is_nullable())))
    };
    Ok(match data_type {
        T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::Float32
        | T::Float64
        | T::Date32 => data_type.clone(),
        T::UInt8 => T::Int16,
        T::UInt16 => T::Int32,
        T::UInt32 => T::Int64,
        T::UInt64 => T::Decimal128(20, 0),
        T::Float16 => T::Float32,
        T::Decimal32(precision, scale)
        | T::Decimal64(precision, scale)
        | T::Decimal128(precision, scale)
            if (0..=i8::try_from(*precision).unwrap_or(i8::MAX)).contains(scale) =>
        {
            T::Decimal128(*precision, *scale)
        }
        T::Utf8 | T::LargeUtf8 | T::Utf8View => T::Utf8,
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => T::Binary,
        T::Date64 => T::Timestamp(TimeUnit::Microsecond, None),
        T::Timestamp(_, None) => T::Timestamp(TimeUnit::Microsecond, None),
        T::Timestamp(_, Some(_)) => T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        T::Dictionary(_, values) => storable(column, values)?,
        T::List(item)
        | T::LargeList(item)
        | T::ListView(item)
        | T::LargeListView(item)
        | T::FixedSizeList(item, _) => T::List(field(item)?),
        T::Struct(fields) => {
            T::Struct(fields.iter().map(field).collect::<Result<Vec<_>>>()?.into())
        }
        T::Map(entries, sorted) => T::Map(field(entries)?, *sorted),
        T::Null => {
            return Err(CatalogError::invalid(format!(
                "column {column:?} has no type: every value is NULL"
            ))
            .with_hint(format!(
                "say which type it should have, for example CAST(NULL AS VARCHAR) AS {column}"
            )));
        }
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => {
            return Err(CatalogError::invalid(format!(
                "column {column:?} has type {data_type}, which no table can hold"
            ))
            .with_hint("use DECIMAL(p, s) with p at most 38 and s from 0 to p"));
        }
        T::Time32(_)
        | T::Time64(_)
        | T::Duration(_)
        | T::Interval(_)
        | T::Union(..)
        | T::RunEndEncoded(..) => {
            return Err(CatalogError::invalid(format!(
                "column {column:?} has type {data_type}, which no table can hold"
            ))
            .with_hint("store it as TIMESTAMP, BIGINT or VARCHAR"));
        }
    })
}

/// The type that a stored type is read as: texts and binaries come as views, which are cheaper to filter and group. The
/// items of lists are named as functions over lists name them, whatever the log calls them.
pub(crate) fn as_read(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => with_plain_items(other),
    }
}

fn with_plain_items(data_type: &DataType) -> DataType {
    match data_type {
        DataType::List(item) => {
            let values = with_plain_items(item.data_type());
            DataType::List(Arc::new(Field::new_list_field(values, item.is_nullable())))
        }
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| {
                    let values = with_plain_items(field.data_type());
                    Arc::new(Field::new(field.name(), values, field.is_nullable()))
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_widened_and_what_does_not_is_refused() {
        assert_eq!(storable("n", &DataType::UInt32).unwrap(), DataType::Int64);
        assert_eq!(
            storable("at", &DataType::Timestamp(TimeUnit::Nanosecond, Some("+02:00".into())))
                .unwrap(),
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        );
        let error = storable("gap", &DataType::Duration(TimeUnit::Second)).unwrap_err();
        assert!(error.message.contains("\"gap\""), "{error}");
        assert!(storable("x", &DataType::Null).is_err());
        assert!(storable("x", &DataType::Decimal256(50, 2)).is_err());
    }

    #[test]
    fn items_have_one_name_at_every_depth() {
        let list = |name: &str, of| DataType::List(Arc::new(Field::new(name, of, true)));
        let nested = |name: &str| {
            let inner = Field::new("marks", list(name, DataType::Utf8), true);
            list(name, DataType::Struct(vec![inner].into()))
        };
        assert_eq!(as_read(&nested("element")), nested("item"));
    }
}
