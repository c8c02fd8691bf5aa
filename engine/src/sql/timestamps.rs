//! `TIMESTAMP` counts microseconds, as the columns of tables do.
//!
//! The planner counts nanoseconds where nothing is said, and those end in the year 2262: the `TIMESTAMP '9999-12-31'` that
//! closes the last period of a dimension would be an error, and every comparison with a column a conversion. A precision
//! that is said is kept.
//!
//! Example: `TIMESTAMP '9999-12-31 00:00:00'` is a value; `TIMESTAMP(9)` counts nanoseconds.

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::{DataType as SqlType, TimezoneInfo};
use std::sync::Arc;

/// What the planner asks about types.
#[derive(Debug)]
pub(crate) struct Timestamps;

impl TypePlanner for Timestamps {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let microseconds = || {
            let data_type = DataType::Timestamp(TimeUnit::Microsecond, None);
            Arc::new(Field::new("", data_type, true))
        };
        Ok(match sql_type {
            SqlType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)
            | SqlType::Datetime(None) => Some(microseconds()),
            _ => None,
        })
    }
}
