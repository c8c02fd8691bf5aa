//! Relations: what yields rows.
//!
//! One message with a field per kind. Relations inside of relations stay bytes. All of them have `common`, which says
//! which of the columns are passed on and in which order.
//!
//! Example: `LIMIT 10` is `{ fetch: { input: .., count: 10 } }`.

use super::expressions::Expressions;
use super::functions::{AggregateFunction, SortField, WindowFunction};
use super::literals::Struct;
use super::references::{FieldReference, Mask};
use super::types::NamedStruct;
use super::writes::{Update, Write};
use super::{ExpressionBytes, Nothing, RelBytes};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Rel {
    #[prost(
        oneof = "Kind",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22"
    )]
    pub(crate) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Kind {
    #[prost(message, tag = "1")]
    Read(Read),
    #[prost(message, tag = "2")]
    Filter(Filter),
    #[prost(message, tag = "3")]
    Fetch(Fetch),
    #[prost(message, tag = "4")]
    Aggregate(Aggregate),
    #[prost(message, tag = "5")]
    Sort(Sort),
    #[prost(message, tag = "6")]
    Join(Join),
    #[prost(message, tag = "7")]
    Project(Project),
    #[prost(message, tag = "8")]
    Set(Set),
    #[prost(message, tag = "9")]
    ExtensionSingle(Nothing),
    #[prost(message, tag = "10")]
    ExtensionMulti(Nothing),
    #[prost(message, tag = "11")]
    ExtensionLeaf(Nothing),
    #[prost(message, tag = "12")]
    Cross(Cross),
    #[prost(message, tag = "13")]
    HashJoin(KeyJoin),
    #[prost(message, tag = "14")]
    MergeJoin(KeyJoin),
    #[prost(message, tag = "15")]
    Exchange(Exchange),
    #[prost(message, tag = "16")]
    Expand(Nothing),
    #[prost(message, tag = "17")]
    Window(Window),
    #[prost(message, tag = "18")]
    NestedLoopJoin(LoopJoin),
    #[prost(message, tag = "19")]
    Write(Write),
    #[prost(message, tag = "20")]
    Ddl(Nothing),
    #[prost(message, tag = "21")]
    Reference(Reference),
    #[prost(message, tag = "22")]
    Update(Update),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Common {
    #[prost(message, optional, tag = "2")]
    pub(crate) emit: Option<Emit>,
}

/// Which columns are passed on, in which order.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Emit {
    #[prost(int32, repeated, tag = "1")]
    pub(crate) mapping: Vec<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Read {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(message, optional, tag = "2")]
    pub(crate) schema: Option<NamedStruct>,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) filter: ExpressionBytes,
    #[prost(message, optional, tag = "4")]
    pub(crate) projection: Option<Mask>,
    #[prost(oneof = "Source", tags = "5, 6, 7, 8, 9")]
    pub(crate) source: Option<Source>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Source {
    #[prost(message, tag = "5")]
    Virtual(VirtualTable),
    #[prost(message, tag = "6")]
    Files(Nothing),
    #[prost(message, tag = "7")]
    Table(NamedTable),
    #[prost(message, tag = "8")]
    Extension(Nothing),
    #[prost(message, tag = "9")]
    Iceberg(Nothing),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NamedTable {
    #[prost(string, repeated, tag = "1")]
    pub(crate) names: Vec<String>,
}

/// Rows in the plan itself: as literals in older plans, as expressions in newer ones.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct VirtualTable {
    #[prost(message, repeated, tag = "1")]
    pub(crate) values: Vec<Struct>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) expressions: Vec<Expressions>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Filter {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) input: RelBytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) condition: ExpressionBytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Project {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) input: RelBytes,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(crate) expressions: Vec<ExpressionBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Sort {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) input: RelBytes,
    #[prost(message, repeated, tag = "3")]
    pub(crate) sorts: Vec<SortField>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Fetch {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) input: RelBytes,
    #[prost(oneof = "Skip", tags = "3, 5")]
    pub(crate) skip: Option<Skip>,
    #[prost(oneof = "Count", tags = "4, 6")]
    pub(crate) count: Option<Count>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Skip {
    #[prost(int64, tag = "3")]
    Rows(i64),
    #[prost(bytes = "bytes", tag = "5")]
    Expression(ExpressionBytes),
}

/// How many rows at most; -1 for all of them.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Count {
    #[prost(int64, tag = "4")]
    Rows(i64),
    #[prost(bytes = "bytes", tag = "6")]
    Expression(ExpressionBytes),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Aggregate {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) input: RelBytes,
    #[prost(message, repeated, tag = "3")]
    pub(crate) groupings: Vec<Grouping>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) measures: Vec<Measure>,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub(crate) expressions: Vec<ExpressionBytes>,
}

/// One grouping set: its expressions in older plans, their places in the aggregate's list in newer ones.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Grouping {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) expressions: Vec<ExpressionBytes>,
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) references: Vec<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Measure {
    #[prost(message, optional, tag = "1")]
    pub(crate) function: Option<AggregateFunction>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) filter: ExpressionBytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Window {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) input: RelBytes,
    #[prost(message, repeated, tag = "3")]
    pub(crate) functions: Vec<WindowFunction>,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub(crate) partitions: Vec<ExpressionBytes>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) sorts: Vec<SortField>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Join {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) left: RelBytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) right: RelBytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) expression: ExpressionBytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) after: ExpressionBytes,
    #[prost(enumeration = "JoinKind", tag = "6")]
    pub(crate) kind: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum JoinKind {
    Unspecified = 0,
    Inner = 1,
    Outer = 2,
    Left = 3,
    Right = 4,
    LeftSemi = 5,
    LeftAnti = 6,
    LeftSingle = 7,
    RightSemi = 8,
    RightAnti = 9,
    RightSingle = 10,
    LeftMark = 11,
    RightMark = 12,
}

/// `HashJoinRel` and `MergeJoinRel`, which have the same shape: a join whose algorithm the producer chose.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct KeyJoin {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) left: RelBytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) right: RelBytes,
    #[prost(message, repeated, tag = "4")]
    pub(crate) left_keys: Vec<FieldReference>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) right_keys: Vec<FieldReference>,
    #[prost(bytes = "bytes", tag = "6")]
    pub(crate) after: ExpressionBytes,
    #[prost(enumeration = "PhysicalJoinKind", tag = "7")]
    pub(crate) kind: i32,
    #[prost(message, repeated, tag = "8")]
    pub(crate) keys: Vec<JoinKey>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct JoinKey {
    #[prost(message, optional, tag = "1")]
    pub(crate) left: Option<FieldReference>,
    #[prost(message, optional, tag = "2")]
    pub(crate) right: Option<FieldReference>,
    #[prost(message, optional, tag = "3")]
    pub(crate) comparison: Option<KeyComparison>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct KeyComparison {
    #[prost(oneof = "KeyComparisonKind", tags = "1, 2")]
    pub(crate) kind: Option<KeyComparisonKind>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum KeyComparisonKind {
    #[prost(enumeration = "SimpleComparison", tag = "1")]
    Simple(i32),
    #[prost(uint32, tag = "2")]
    Custom(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum SimpleComparison {
    Unspecified = 0,
    Equal = 1,
    NotDistinct = 2,
    MightEqual = 3,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct LoopJoin {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) left: RelBytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) right: RelBytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) expression: ExpressionBytes,
    #[prost(enumeration = "PhysicalJoinKind", tag = "5")]
    pub(crate) kind: i32,
}

/// The kinds of join as the physical relations number them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum PhysicalJoinKind {
    Unspecified = 0,
    Inner = 1,
    Outer = 2,
    Left = 3,
    Right = 4,
    LeftSemi = 5,
    RightSemi = 6,
    LeftAnti = 7,
    RightAnti = 8,
    LeftSingle = 9,
    RightSingle = 10,
    LeftMark = 11,
    RightMark = 12,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Cross {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) left: RelBytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) right: RelBytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Set {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) inputs: Vec<RelBytes>,
    #[prost(enumeration = "SetOp", tag = "3")]
    pub(crate) op: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum SetOp {
    Unspecified = 0,
    MinusPrimary = 1,
    MinusMultiset = 2,
    IntersectionPrimary = 3,
    IntersectionMultiset = 4,
    UnionDistinct = 5,
    UnionAll = 6,
    MinusPrimaryAll = 7,
    IntersectionMultisetAll = 8,
}

/// A hint about where rows are computed; the rows themselves are its input's.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Exchange {
    #[prost(message, optional, tag = "1")]
    pub(crate) common: Option<Common>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) input: RelBytes,
}

/// Another relation of the plan, by its place.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Reference {
    #[prost(int32, tag = "1")]
    pub(crate) place: i32,
}
