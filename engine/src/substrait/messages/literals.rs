//! Values as a plan writes them.
//!
//! Every value has its type; a NULL says which type it is a NULL of. Decimals are sixteen bytes, lowest first; times count
//! units of the precision that stands beside them, since 1970 or since midnight.
//!
//! Example: 12.50 is `{ decimal: { value: [0xe2, 0x04, 0, ..], precision: 4, scale: 2 } }`.

use super::types;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Literal {
    #[prost(
        oneof = "Value",
        tags = "1, 2, 3, 5, 7, 10, 11, 12, 13, 14, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37"
    )]
    pub(crate) value: Option<Value>,
    #[prost(uint32, tag = "51")]
    pub(crate) variation: u32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Value {
    #[prost(bool, tag = "1")]
    Boolean(bool),
    #[prost(int32, tag = "2")]
    I8(i32),
    #[prost(int32, tag = "3")]
    I16(i32),
    #[prost(int32, tag = "5")]
    I32(i32),
    #[prost(int64, tag = "7")]
    I64(i64),
    #[prost(float, tag = "10")]
    Fp32(f32),
    #[prost(double, tag = "11")]
    Fp64(f64),
    #[prost(string, tag = "12")]
    Text(String),
    #[prost(bytes = "vec", tag = "13")]
    Binary(Vec<u8>),
    #[prost(int64, tag = "14")]
    Timestamp(i64),
    #[prost(int32, tag = "16")]
    Date(i32),
    #[prost(int64, tag = "17")]
    Time(i64),
    #[prost(message, tag = "19")]
    IntervalYear(IntervalYear),
    #[prost(message, tag = "20")]
    IntervalDay(IntervalDay),
    #[prost(string, tag = "21")]
    FixedChar(String),
    #[prost(message, tag = "22")]
    VarChar(VarChar),
    #[prost(bytes = "vec", tag = "23")]
    FixedBinary(Vec<u8>),
    #[prost(message, tag = "24")]
    Decimal(Decimal),
    #[prost(message, tag = "25")]
    Struct(Struct),
    #[prost(message, tag = "26")]
    Map(Map),
    #[prost(int64, tag = "27")]
    TimestampTz(i64),
    #[prost(bytes = "vec", tag = "28")]
    Uuid(Vec<u8>),
    #[prost(message, tag = "29")]
    Null(types::Type),
    #[prost(message, tag = "30")]
    List(Struct),
    #[prost(message, tag = "31")]
    EmptyList(Box<types::List>),
    #[prost(message, tag = "32")]
    EmptyMap(Box<types::Map>),
    #[prost(message, tag = "33")]
    UserDefined(types::UserDefined),
    #[prost(message, tag = "34")]
    PrecisionTimestamp(Precision),
    #[prost(message, tag = "35")]
    PrecisionTimestampTz(Precision),
    #[prost(message, tag = "36")]
    IntervalCompound(IntervalCompound),
    #[prost(message, tag = "37")]
    PrecisionTime(Precision),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct VarChar {
    #[prost(string, tag = "1")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Decimal {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) value: Vec<u8>,
    #[prost(int32, tag = "2")]
    pub(crate) precision: i32,
    #[prost(int32, tag = "3")]
    pub(crate) scale: i32,
}

/// So many units of ten to the power of minus `precision` seconds.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Precision {
    #[prost(int32, tag = "1")]
    pub(crate) precision: i32,
    #[prost(int64, tag = "2")]
    pub(crate) value: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IntervalYear {
    #[prost(int32, tag = "1")]
    pub(crate) years: i32,
    #[prost(int32, tag = "2")]
    pub(crate) months: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IntervalDay {
    #[prost(int32, tag = "1")]
    pub(crate) days: i32,
    #[prost(int32, tag = "2")]
    pub(crate) seconds: i32,
    #[prost(oneof = "Fraction", tags = "3, 4")]
    pub(crate) fraction: Option<Fraction>,
    #[prost(int64, tag = "5")]
    pub(crate) subseconds: i64,
}

/// How a part of a second is written: microseconds in older plans, a precision for `subseconds` in newer ones.
#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum Fraction {
    #[prost(int32, tag = "3")]
    Microseconds(i32),
    #[prost(int32, tag = "4")]
    Precision(i32),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IntervalCompound {
    #[prost(message, optional, tag = "1")]
    pub(crate) year: Option<IntervalYear>,
    #[prost(message, optional, tag = "2")]
    pub(crate) day: Option<IntervalDay>,
}

/// The values of a struct or of a list.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Struct {
    #[prost(message, repeated, tag = "1")]
    pub(crate) values: Vec<Literal>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Map {
    #[prost(message, repeated, tag = "1")]
    pub(crate) entries: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct KeyValue {
    #[prost(message, optional, boxed, tag = "1")]
    pub(crate) key: Option<Box<Literal>>,
    #[prost(message, optional, boxed, tag = "2")]
    pub(crate) value: Option<Box<Literal>>,
}
