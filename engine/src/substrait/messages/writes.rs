//! Relations that change a table.
//!
//! `WriteRel` says what is done with the rows of its input; `UpdateRel` needs none: it names the rows by a condition and
//! the new values by column.
//!
//! Example: `{ named_table: ["sales"], op: INSERT, input: .. }`.

use super::relations::NamedTable;
use super::types::NamedStruct;
use super::{ExpressionBytes, Nothing, RelBytes};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Write {
    #[prost(oneof = "Target", tags = "1, 2")]
    pub(crate) target: Option<Target>,
    #[prost(message, optional, tag = "3")]
    pub(crate) schema: Option<NamedStruct>,
    #[prost(enumeration = "WriteOp", tag = "4")]
    pub(crate) op: i32,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) input: RelBytes,
    #[prost(enumeration = "OutputMode", tag = "6")]
    pub(crate) output: i32,
    #[prost(enumeration = "CreateMode", tag = "8")]
    pub(crate) create_mode: i32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Target {
    #[prost(message, tag = "1")]
    Table(NamedTable),
    #[prost(message, tag = "2")]
    Extension(Nothing),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum WriteOp {
    Unspecified = 0,
    Insert = 1,
    Delete = 2,
    Update = 3,
    Ctas = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum OutputMode {
    Unspecified = 0,
    NoOutput = 1,
    ModifiedRecords = 2,
}

/// What becomes of a table that exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum CreateMode {
    Unspecified = 0,
    AppendIfExists = 1,
    ReplaceIfExists = 2,
    IgnoreIfExists = 3,
    ErrorIfExists = 4,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Update {
    #[prost(message, optional, tag = "1")]
    pub(crate) table: Option<NamedTable>,
    #[prost(message, optional, tag = "2")]
    pub(crate) schema: Option<NamedStruct>,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) condition: ExpressionBytes,
    #[prost(message, repeated, tag = "4")]
    pub(crate) values: Vec<NewValue>,
}

/// A new value for the column at a place.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NewValue {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) expression: ExpressionBytes,
    #[prost(int32, tag = "2")]
    pub(crate) column: i32,
}
