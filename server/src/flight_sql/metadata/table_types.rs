//! GetTableTypes, and the names under which tables are announced.
//!
//! `information_schema` says `BASE TABLE`; drivers and the tools on top of them ask for `TABLE`, as JDBC spells it.
//! Tables about the warehouse itself are `SYSTEM TABLE`, so that a tool can leave them out.
//!
//! ```text
//! table_type: utf8 not null
//! ```

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tonic::Status;

use super::{assemble, text_column};

const TABLE: &str = "TABLE";
const VIEW: &str = "VIEW";
const SYSTEM: &str = "SYSTEM TABLE";

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("table_type", DataType::Utf8, false)]))
}

pub(crate) fn batch() -> Result<RecordBatch, Status> {
    assemble(schema(), vec![text_column([Some(SYSTEM), Some(TABLE), Some(VIEW)])])
}

/// The type of a table as drivers know it.
pub(crate) fn announce(table_schema: &str, table_type: &str) -> &'static str {
    if table_schema == "information_schema" || table_schema == "system" {
        SYSTEM
    } else if table_type.contains("VIEW") {
        VIEW
    } else {
        TABLE
    }
}

/// Is this announced type among those asked for? None asked for means all; `BASE TABLE` is a name for `TABLE`.
pub(crate) fn is_wanted(wanted: &[String], announced: &str) -> bool {
    wanted.is_empty()
        || wanted.iter().any(|wanted| {
            wanted.eq_ignore_ascii_case(announced)
                || (announced == TABLE && wanted.eq_ignore_ascii_case("BASE TABLE"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_that_tools_ask_for() {
        assert_eq!(announce("public", "BASE TABLE"), "TABLE");
        assert_eq!(announce("public", "VIEW"), "VIEW");
        assert_eq!(announce("public", "MATERIALIZED VIEW"), "VIEW");
        assert_eq!(announce("information_schema", "VIEW"), "SYSTEM TABLE");
        assert!(is_wanted(&[], "VIEW"));
        assert!(is_wanted(&["base table".into()], "TABLE"));
        assert!(is_wanted(&["table".into()], "TABLE"));
        assert!(!is_wanted(&["TABLE".into()], "VIEW"));
    }
}
