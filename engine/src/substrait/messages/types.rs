//! Types as a plan writes them.
//!
//! Twenty kinds have the same two fields and many others the same three; they share a struct here. Whether a value may be
//! NULL is a part of every type and is not read: the tables know.
//!
//! Example: `decimal<10, 2>` is `{ decimal: { scale: 2, precision: 10 } }`.

use super::Nothing;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Type {
    #[prost(
        oneof = "Kind",
        tags = "1, 2, 3, 5, 7, 10, 11, 12, 13, 14, 16, 17, 19, 20, 21, 22, 23, 24, 25, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38"
    )]
    pub(crate) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Kind {
    #[prost(message, tag = "1")]
    Bool(Plain),
    #[prost(message, tag = "2")]
    I8(Plain),
    #[prost(message, tag = "3")]
    I16(Plain),
    #[prost(message, tag = "5")]
    I32(Plain),
    #[prost(message, tag = "7")]
    I64(Plain),
    #[prost(message, tag = "10")]
    Fp32(Plain),
    #[prost(message, tag = "11")]
    Fp64(Plain),
    #[prost(message, tag = "12")]
    Text(Plain),
    #[prost(message, tag = "13")]
    Binary(Plain),
    #[prost(message, tag = "14")]
    Timestamp(Plain),
    #[prost(message, tag = "16")]
    Date(Plain),
    #[prost(message, tag = "17")]
    Time(Plain),
    #[prost(message, tag = "19")]
    IntervalYear(Plain),
    #[prost(message, tag = "20")]
    IntervalDay(Plain),
    #[prost(message, tag = "21")]
    FixedChar(Measured),
    #[prost(message, tag = "22")]
    VarChar(Measured),
    #[prost(message, tag = "23")]
    FixedBinary(Measured),
    #[prost(message, tag = "24")]
    Decimal(Decimal),
    #[prost(message, tag = "25")]
    Struct(Struct),
    #[prost(message, tag = "27")]
    List(Box<List>),
    #[prost(message, tag = "28")]
    Map(Box<Map>),
    #[prost(message, tag = "29")]
    TimestampTz(Plain),
    #[prost(message, tag = "30")]
    UserDefined(UserDefined),
    #[prost(uint32, tag = "31")]
    UserDefinedReference(u32),
    #[prost(message, tag = "32")]
    Uuid(Plain),
    #[prost(message, tag = "33")]
    PrecisionTimestamp(Measured),
    #[prost(message, tag = "34")]
    PrecisionTimestampTz(Measured),
    #[prost(message, tag = "35")]
    IntervalCompound(Plain),
    #[prost(message, tag = "36")]
    PrecisionTime(Measured),
    #[prost(message, tag = "37")]
    Alias(Nothing),
    #[prost(message, tag = "38")]
    Function(Nothing),
}

/// A type without parameters that matter.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Plain {
    #[prost(uint32, tag = "1")]
    pub(crate) variation: u32,
    #[prost(int32, tag = "2")]
    pub(crate) nullability: i32,
}

/// A type with a length, or with as many digits of a second.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Measured {
    #[prost(int32, tag = "1")]
    pub(crate) size: i32,
    #[prost(uint32, tag = "2")]
    pub(crate) variation: u32,
    #[prost(int32, tag = "3")]
    pub(crate) nullability: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Decimal {
    #[prost(int32, tag = "1")]
    pub(crate) scale: i32,
    #[prost(int32, tag = "2")]
    pub(crate) precision: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Struct {
    #[prost(message, repeated, tag = "1")]
    pub(crate) types: Vec<Type>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct List {
    #[prost(message, optional, boxed, tag = "1")]
    pub(crate) item: Option<Box<Type>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Map {
    #[prost(message, optional, boxed, tag = "1")]
    pub(crate) key: Option<Box<Type>>,
    #[prost(message, optional, boxed, tag = "2")]
    pub(crate) value: Option<Box<Type>>,
}

/// A type that an extension declares, by its anchor.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UserDefined {
    #[prost(uint32, tag = "1")]
    pub(crate) reference: u32,
}

/// Columns with their names; those of structs follow their column, depth first.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NamedStruct {
    #[prost(string, repeated, tag = "1")]
    pub(crate) names: Vec<String>,
    #[prost(message, optional, tag = "2")]
    pub(crate) columns: Option<Struct>,
}
