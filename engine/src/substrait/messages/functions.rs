//! Calls of functions: scalar, aggregate, window.
//!
//! A call names the anchor that the plan declares the function under. Older plans write bare expressions as arguments;
//! newer ones say which argument is a value, a type or a word of an enumeration.
//!
//! Example: `extract(YEAR from x)` has the arguments `{ word: "YEAR" }` and `{ value: x }`.

use super::types::Type;
use super::{ExpressionBytes, Nothing};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Argument {
    #[prost(oneof = "ArgumentKind", tags = "1, 2, 3")]
    pub(crate) kind: Option<ArgumentKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum ArgumentKind {
    #[prost(string, tag = "1")]
    Word(String),
    #[prost(message, tag = "2")]
    Type(Type),
    #[prost(bytes = "bytes", tag = "3")]
    Value(ExpressionBytes),
}

/// How a corner case is to be decided: the ways that would do, best first.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FunctionOption {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, repeated, tag = "2")]
    pub(crate) preferences: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ScalarFunction {
    #[prost(uint32, tag = "1")]
    pub(crate) reference: u32,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) args: Vec<ExpressionBytes>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) arguments: Vec<Argument>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) options: Vec<FunctionOption>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AggregateFunction {
    #[prost(uint32, tag = "1")]
    pub(crate) reference: u32,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) args: Vec<ExpressionBytes>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) sorts: Vec<SortField>,
    #[prost(enumeration = "Phase", tag = "4")]
    pub(crate) phase: i32,
    #[prost(enumeration = "Invocation", tag = "6")]
    pub(crate) invocation: i32,
    #[prost(message, repeated, tag = "7")]
    pub(crate) arguments: Vec<Argument>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) options: Vec<FunctionOption>,
}

/// Which part of an aggregation is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Phase {
    Unspecified = 0,
    InitialToIntermediate = 1,
    IntermediateToIntermediate = 2,
    InitialToResult = 3,
    IntermediateToResult = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Invocation {
    Unspecified = 0,
    All = 1,
    Distinct = 2,
}

/// A window function, as an expression or (without `sorts`, `partitions` and `args`) in a window relation.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WindowFunction {
    #[prost(uint32, tag = "1")]
    pub(crate) reference: u32,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) partitions: Vec<ExpressionBytes>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) sorts: Vec<SortField>,
    #[prost(message, optional, tag = "4")]
    pub(crate) upper_bound: Option<Bound>,
    #[prost(message, optional, tag = "5")]
    pub(crate) lower_bound: Option<Bound>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub(crate) args: Vec<ExpressionBytes>,
    #[prost(message, repeated, tag = "9")]
    pub(crate) arguments: Vec<Argument>,
    #[prost(enumeration = "Invocation", tag = "10")]
    pub(crate) invocation: i32,
    #[prost(message, repeated, tag = "11")]
    pub(crate) options: Vec<FunctionOption>,
    #[prost(enumeration = "BoundsType", tag = "12")]
    pub(crate) bounds_type: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum BoundsType {
    Unspecified = 0,
    Rows = 1,
    Range = 2,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Bound {
    #[prost(oneof = "BoundKind", tags = "1, 2, 3, 4")]
    pub(crate) kind: Option<BoundKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum BoundKind {
    #[prost(message, tag = "1")]
    Preceding(Offset),
    #[prost(message, tag = "2")]
    Following(Offset),
    #[prost(message, tag = "3")]
    CurrentRow(Nothing),
    #[prost(message, tag = "4")]
    Unbounded(Nothing),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Offset {
    #[prost(int64, tag = "1")]
    pub(crate) offset: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SortField {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) expression: ExpressionBytes,
    #[prost(oneof = "SortKind", tags = "2, 3")]
    pub(crate) kind: Option<SortKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum SortKind {
    #[prost(enumeration = "Direction", tag = "2")]
    Direction(i32),
    #[prost(uint32, tag = "3")]
    ComparisonFunction(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Direction {
    Unspecified = 0,
    AscNullsFirst = 1,
    AscNullsLast = 2,
    DescNullsFirst = 3,
    DescNullsLast = 4,
    Clustered = 5,
}
