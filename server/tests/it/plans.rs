//! Substrait plans for tests: those kept in `testdata/substrait`, and small ones put together from bytes.

use arrow_flight::FlightDescriptor;
use arrow_flight::sql::{CommandStatementSubstraitPlan, SubstraitPlan};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::command;

/// A plan that the published messages wrote.
pub(crate) fn kept(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/substrait/messages.json");
    let text = std::fs::read_to_string(path).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut all = all.as_array().unwrap().iter();
    let found = all.find(|plan| plan["name"] == name).unwrap_or_else(|| panic!("{name}"));
    STANDARD.decode(found["plan"].as_str().unwrap()).unwrap()
}

/// The command that carries a plan.
pub(crate) fn carried(plan: Vec<u8>) -> FlightDescriptor {
    command(&CommandStatementSubstraitPlan { plan: Some(substrait(plan)), transaction_id: None })
}

/// The plan as commands hold it.
pub(crate) fn substrait(plan: Vec<u8>) -> SubstraitPlan {
    SubstraitPlan { plan: plan.into(), version: "0.85.0".to_owned() }
}

/// A field that holds a message.
pub(crate) fn message(number: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(body.len() as u64, &mut bytes);
    bytes.extend_from_slice(body);
    bytes
}

/// A field that holds a number.
pub(crate) fn number(field: u32, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(field, prost::encoding::WireType::Varint, &mut bytes);
    prost::encoding::encode_varint(value, &mut bytes);
    bytes
}

/// `Rel { read: { named_table: [table] } }`: all columns of a table.
pub(crate) fn read(table: &str) -> Vec<u8> {
    message(1, &message(7, &message(1, table.as_bytes())))
}

/// `Plan { relations: [{ root: { input } }] }`.
pub(crate) fn plan(relation: &[u8]) -> Vec<u8> {
    message(3, &message(2, &message(1, relation)))
}

/// `Rel { write: { named_table: [table], op: INSERT, input } }`.
pub(crate) fn insert(table: &str, input: &[u8]) -> Vec<u8> {
    let target = message(1, &message(1, table.as_bytes()));
    message(19, &[target, number(4, 1), message(5, input)].concat())
}
