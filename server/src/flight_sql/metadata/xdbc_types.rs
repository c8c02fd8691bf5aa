//! GetXdbcTypeInfo: the SQL types, as ODBC and JDBC describe types, optionally one of them.
//!
//! ```text
//! DECIMAL   size 38   create_params precision, scale   radix 10   scale 0..38
//! ```

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{
    CommandGetXdbcTypeInfo, Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode,
};
use tonic::Status;

use crate::status::internal;

pub(crate) fn schema() -> SchemaRef {
    XdbcTypeInfoDataBuilder::new().schema()
}

pub(crate) fn batch(command: &CommandGetXdbcTypeInfo) -> Result<RecordBatch, Status> {
    types()?.record_batch(command.data_type).map_err(|source| internal("listing types", source))
}

fn types() -> Result<XdbcTypeInfoData, Status> {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    let rows = [
        plain("BOOLEAN", XdbcDataType::XdbcBit, 1),
        number("TINYINT", XdbcDataType::XdbcTinyint, 3),
        number("SMALLINT", XdbcDataType::XdbcSmallint, 5),
        number("INTEGER", XdbcDataType::XdbcInteger, 10),
        number("BIGINT", XdbcDataType::XdbcBigint, 19),
        number("REAL", XdbcDataType::XdbcReal, 7),
        number("DOUBLE", XdbcDataType::XdbcDouble, 15),
        XdbcTypeInfo {
            create_params: Some(vec!["precision".to_owned(), "scale".to_owned()]),
            minimum_scale: Some(0),
            maximum_scale: Some(38),
            ..number("DECIMAL", XdbcDataType::XdbcDecimal, 38)
        },
        XdbcTypeInfo {
            create_params: Some(vec!["length".to_owned()]),
            case_sensitive: true,
            ..quoted("VARCHAR", XdbcDataType::XdbcVarchar, i32::MAX, "'")
        },
        quoted("BYTEA", XdbcDataType::XdbcVarbinary, i32::MAX, "X'"),
        quoted("DATE", XdbcDataType::XdbcDate, 10, "DATE '"),
        XdbcTypeInfo {
            datetime_subcode: Some(XdbcDatetimeSubcode::XdbcSubcodeTime),
            ..quoted("TIME", XdbcDataType::XdbcTime, 18, "TIME '")
        },
        XdbcTypeInfo {
            datetime_subcode: Some(XdbcDatetimeSubcode::XdbcSubcodeTimestamp),
            ..quoted("TIMESTAMP", XdbcDataType::XdbcTimestamp, 29, "TIMESTAMP '")
        },
        quoted("INTERVAL", XdbcDataType::XdbcInterval, 64, "INTERVAL '"),
    ];
    for row in rows {
        builder.append(row);
    }
    builder.build().map_err(|source| internal("listing types", source))
}

fn plain(name: &str, data_type: XdbcDataType, size: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        type_name: name.to_owned(),
        data_type,
        column_size: Some(size),
        nullable: Nullable::NullabilityNullable,
        searchable: Searchable::Full,
        local_type_name: Some(name.to_owned()),
        sql_data_type: data_type,
        ..XdbcTypeInfo::default()
    }
}

fn number(name: &str, data_type: XdbcDataType, digits: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        unsigned_attribute: Some(false),
        auto_increment: Some(false),
        num_prec_radix: Some(10),
        ..plain(name, data_type, digits)
    }
}

fn quoted(name: &str, data_type: XdbcDataType, size: i32, prefix: &str) -> XdbcTypeInfo {
    XdbcTypeInfo {
        literal_prefix: Some(prefix.to_owned()),
        literal_suffix: Some("'".to_owned()),
        ..plain(name, data_type, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_types_or_one() {
        assert_eq!(batch(&CommandGetXdbcTypeInfo { data_type: None }).unwrap().num_rows(), 14);
        let one =
            batch(&CommandGetXdbcTypeInfo { data_type: Some(XdbcDataType::XdbcDecimal.into()) })
                .unwrap();
        assert_eq!(one.num_rows(), 1);
        assert_eq!(one.schema(), schema());
    }
}
