//! Expressions.
//!
//! One message with a field per kind. Expressions and relations inside of expressions stay bytes.
//!
//! Example: `CASE WHEN a THEN b END` is `{ if_then: { clauses: [{ condition: a, value: b }] } }`.

use super::functions::{ScalarFunction, WindowFunction};
use super::literals::Literal;
use super::references::FieldReference;
use super::types::Type;
use super::{ExpressionBytes, Nothing, RelBytes};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Expression {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16")]
    pub(crate) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Kind {
    #[prost(message, tag = "1")]
    Literal(Literal),
    #[prost(message, tag = "2")]
    Selection(FieldReference),
    #[prost(message, tag = "3")]
    ScalarFunction(ScalarFunction),
    #[prost(message, tag = "5")]
    WindowFunction(WindowFunction),
    #[prost(message, tag = "6")]
    IfThen(IfThen),
    #[prost(message, tag = "7")]
    Switch(Switch),
    #[prost(message, tag = "8")]
    InList(InList),
    #[prost(message, tag = "9")]
    MultiInList(MultiInList),
    #[prost(message, tag = "10")]
    Word(Word),
    #[prost(message, tag = "11")]
    Cast(Cast),
    #[prost(message, tag = "12")]
    Subquery(Subquery),
    #[prost(message, tag = "13")]
    Nested(Nested),
    #[prost(message, tag = "14")]
    Parameter(Parameter),
    #[prost(message, tag = "15")]
    Lambda(Nothing),
    #[prost(message, tag = "16")]
    LambdaInvocation(Nothing),
}

/// A word of an enumeration, as older plans write it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Word {
    #[prost(string, tag = "1")]
    pub(crate) specified: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IfThen {
    #[prost(message, repeated, tag = "1")]
    pub(crate) clauses: Vec<IfClause>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) otherwise: ExpressionBytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IfClause {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) condition: ExpressionBytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: ExpressionBytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Switch {
    #[prost(message, repeated, tag = "1")]
    pub(crate) cases: Vec<SwitchCase>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) otherwise: ExpressionBytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) subject: ExpressionBytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SwitchCase {
    #[prost(message, optional, tag = "1")]
    pub(crate) equals: Option<Literal>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: ExpressionBytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct InList {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) value: ExpressionBytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) options: Vec<ExpressionBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MultiInList {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) values: Vec<ExpressionBytes>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) options: Vec<Expressions>,
}

/// Several expressions: of a row, a struct, a list, a record of a list.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Expressions {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) expressions: Vec<ExpressionBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Cast {
    #[prost(message, optional, tag = "1")]
    pub(crate) to: Option<Type>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) input: ExpressionBytes,
    #[prost(enumeration = "CastFailure", tag = "3")]
    pub(crate) failure: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum CastFailure {
    Unspecified = 0,
    ReturnNull = 1,
    ThrowException = 2,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Nested {
    #[prost(oneof = "NestedKind", tags = "3, 4, 5")]
    pub(crate) kind: Option<NestedKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum NestedKind {
    #[prost(message, tag = "3")]
    Struct(Expressions),
    #[prost(message, tag = "4")]
    List(Expressions),
    #[prost(message, tag = "5")]
    Map(NestedMap),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NestedMap {
    #[prost(message, repeated, tag = "1")]
    pub(crate) entries: Vec<NestedEntry>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NestedEntry {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) key: ExpressionBytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: ExpressionBytes,
}

/// `DynamicParameter`: a value that is bound when the plan runs.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Parameter {
    #[prost(message, optional, tag = "1")]
    pub(crate) of: Option<Type>,
    #[prost(uint32, tag = "2")]
    pub(crate) reference: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Subquery {
    #[prost(oneof = "SubqueryKind", tags = "1, 2, 3, 4")]
    pub(crate) kind: Option<SubqueryKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum SubqueryKind {
    #[prost(message, tag = "1")]
    Scalar(Scalar),
    #[prost(message, tag = "2")]
    In(InSubquery),
    #[prost(message, tag = "3")]
    Set(SetPredicate),
    #[prost(message, tag = "4")]
    Comparison(SetComparison),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Scalar {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) input: RelBytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct InSubquery {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) needles: Vec<ExpressionBytes>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) haystack: RelBytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetPredicate {
    #[prost(enumeration = "PredicateOp", tag = "1")]
    pub(crate) op: i32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) tuples: RelBytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum PredicateOp {
    Unspecified = 0,
    Exists = 1,
    Unique = 2,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetComparison {
    #[prost(enumeration = "Reduction", tag = "1")]
    pub(crate) reduction: i32,
    #[prost(enumeration = "Comparison", tag = "2")]
    pub(crate) comparison: i32,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) left: ExpressionBytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) right: RelBytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Reduction {
    Unspecified = 0,
    Any = 1,
    All = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Comparison {
    Unspecified = 0,
    Eq = 1,
    Ne = 2,
    Lt = 3,
    Gt = 4,
    Le = 5,
    Ge = 6,
}
