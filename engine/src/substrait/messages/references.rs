//! References to columns, and to what is inside of them.
//!
//! A column is a number: its place among the columns of the input, counted from zero. A reference starts at the input,
//! at the input of the query around a subquery, or at an expression, and may go on into structs, lists and maps.
//!
//! Example: the second column is `{ direct: { struct_field: { field: 1 } }, root: RootReference }`.

use super::literals::Literal;
use super::{ExpressionBytes, Nothing};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FieldReference {
    #[prost(oneof = "Path", tags = "1, 2")]
    pub(crate) path: Option<Path>,
    #[prost(oneof = "Root", tags = "3, 4, 5, 6")]
    pub(crate) root: Option<Root>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Path {
    #[prost(message, tag = "1")]
    Direct(Segment),
    #[prost(message, tag = "2")]
    Masked(Mask),
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Root {
    #[prost(bytes = "bytes", tag = "3")]
    Expression(ExpressionBytes),
    #[prost(message, tag = "4")]
    Input(Nothing),
    #[prost(message, tag = "5")]
    Outer(Outer),
    #[prost(message, tag = "6")]
    LambdaParameter(Nothing),
}

/// The input of the query so many subqueries further out.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Outer {
    #[prost(uint32, tag = "1")]
    pub(crate) steps_out: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Segment {
    #[prost(oneof = "Step", tags = "1, 2, 3")]
    pub(crate) step: Option<Step>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Step {
    #[prost(message, tag = "1")]
    MapKey(Box<MapKey>),
    #[prost(message, tag = "2")]
    StructField(Box<Place>),
    #[prost(message, tag = "3")]
    ListElement(Box<Place>),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MapKey {
    #[prost(message, optional, tag = "1")]
    pub(crate) key: Option<Literal>,
    #[prost(message, optional, boxed, tag = "2")]
    pub(crate) child: Option<Box<Segment>>,
}

/// A place counted from zero: of a field in a struct, of an element in a list.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Place {
    #[prost(int32, tag = "1")]
    pub(crate) place: i32,
    #[prost(message, optional, boxed, tag = "2")]
    pub(crate) child: Option<Box<Segment>>,
}

/// A choice of columns.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Mask {
    #[prost(message, optional, tag = "1")]
    pub(crate) select: Option<MaskSelect>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MaskSelect {
    #[prost(message, repeated, tag = "1")]
    pub(crate) items: Vec<MaskItem>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MaskItem {
    #[prost(int32, tag = "1")]
    pub(crate) field: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) child: Option<Nothing>,
}
