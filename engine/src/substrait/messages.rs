//! The messages of Substrait, as far as they are read here: field numbers and shapes, nothing else.
//!
//! The published protocol buffers say which number means what; these structs say it in Rust, so that no compiler of
//! protocol buffers is needed to build. Fields that nothing here reads (hints, statistics, advanced extensions) are left
//! out: decoding skips them. What nests without end, a relation in a relation or an expression in an expression, stays
//! bytes until somebody reads it. So the depth of a plan is bounded by its reader, which counts, and never by the decoder,
//! whose own bound of a hundred messages would refuse a filter of forty conditions.
//!
//! Example: `FilterRel { input, condition }` holds an encoded `Rel` and an encoded `Expression`.

pub(crate) mod expressions;
pub(crate) mod functions;
pub(crate) mod literals;
pub(crate) mod plan;
pub(crate) mod references;
pub(crate) mod relations;
pub(crate) mod types;
pub(crate) mod writes;

use bytes::Bytes;

/// An encoded [`relations::Rel`]; empty when there is none.
pub(crate) type RelBytes = Bytes;
/// An encoded [`expressions::Expression`]; empty when there is none.
pub(crate) type ExpressionBytes = Bytes;

/// A message without fields that are read.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Nothing {}
