//! A plan: the functions it names, its relations, and values for its parameters.
//!
//! Functions are declared once under a number, their anchor, and used by it. Older plans say where a function is
//! published by URI, newer ones by URN; both are read.
//!
//! Example: the declaration `{ extension_function: { function_anchor: 7, name: "add:i64_i64" } }`.

use super::RelBytes;
use super::literals::Literal;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Plan {
    #[prost(message, repeated, tag = "1")]
    pub(crate) extension_uris: Vec<Place>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) extensions: Vec<Declaration>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) relations: Vec<PlanRel>,
    #[prost(message, optional, tag = "6")]
    pub(crate) version: Option<Version>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) parameter_bindings: Vec<ParameterBinding>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) extension_urns: Vec<Place>,
}

/// `SimpleExtensionURI` and `SimpleExtensionURN`, which have the same shape.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Place {
    #[prost(uint32, tag = "1")]
    pub(crate) anchor: u32,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Declaration {
    #[prost(oneof = "Declared", tags = "1, 2, 3")]
    pub(crate) declared: Option<Declared>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Declared {
    #[prost(message, tag = "1")]
    Type(Named),
    #[prost(message, tag = "2")]
    TypeVariation(Named),
    #[prost(message, tag = "3")]
    Function(Named),
}

/// A name under an anchor, and where it is published.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Named {
    #[prost(uint32, tag = "1")]
    pub(crate) uri_reference: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) anchor: u32,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(uint32, tag = "4")]
    pub(crate) urn_reference: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PlanRel {
    #[prost(oneof = "PlanRelKind", tags = "1, 2")]
    pub(crate) kind: Option<PlanRelKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum PlanRelKind {
    #[prost(bytes = "bytes", tag = "1")]
    Rel(RelBytes),
    #[prost(message, tag = "2")]
    Root(RelRoot),
}

/// The relation whose rows are the answer, with the names of its columns.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RelRoot {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) input: RelBytes,
    #[prost(string, repeated, tag = "2")]
    pub(crate) names: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Version {
    #[prost(uint32, tag = "1")]
    pub(crate) major: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) minor: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) patch: u32,
    #[prost(string, tag = "5")]
    pub(crate) producer: String,
}

/// A value for a parameter that comes with the plan.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ParameterBinding {
    #[prost(uint32, tag = "1")]
    pub(crate) anchor: u32,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<Literal>,
}
