//! What the scenario `flight_sql:extension` wants the server to be, in place of what Pareto says it is.
//!
//! The scenario compares values that are true of its own server alone:
//!
//! ```text
//! FLIGHT_SQL_SERVER_SQL                     true     ──> false          and the scenario sends SQL all the same
//! FLIGHT_SQL_SERVER_SUBSTRAIT_MIN_VERSION   0.20.0   ──> min_version
//! FLIGHT_SQL_SERVER_SUBSTRAIT_MAX_VERSION   0.85.0   ──> max_version
//! FLIGHT_SQL_SERVER_STATEMENT_TIMEOUT       0        ──> 42
//! FLIGHT_SQL_SERVER_TRANSACTION_TIMEOUT     28800000 ──> 7
//! ```
//!
//! The three others that it asks for (Substrait, transactions with savepoints, cancellation) are Pareto's own. A value is
//! replaced where Pareto has answered that number with a value of that type; where it has not, the call fails. Whoever asks
//! for other numbers gets Pareto's answer.
//!
//! The client of Java names no number, which asks for everything, and can read no lists, of which Pareto's everything has some.
//! These eight are everything that the scenario looks at, so Pareto is asked for them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, StringArray, UnionArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, UInt32Type};
use arrow::record_batch::RecordBatch;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::sql::SqlInfo::{
    self, FlightSqlServerCancel, FlightSqlServerSql, FlightSqlServerStatementTimeout,
    FlightSqlServerSubstrait, FlightSqlServerSubstraitMaxVersion,
    FlightSqlServerSubstraitMinVersion, FlightSqlServerTransaction,
    FlightSqlServerTransactionTimeout,
};
use arrow_flight::sql::{Any, Command};
use arrow_flight::{FlightData, Ticket};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use prost::Message;
use tonic::{Status, Streaming};

/// What the scenario asks for, in its order.
const ASKED: [SqlInfo; 8] = [
    FlightSqlServerSql,
    FlightSqlServerSubstrait,
    FlightSqlServerSubstraitMinVersion,
    FlightSqlServerSubstraitMaxVersion,
    FlightSqlServerTransaction,
    FlightSqlServerCancel,
    FlightSqlServerStatementTimeout,
    FlightSqlServerTransactionTimeout,
];

/// The scenario's value, where it is not Pareto's.
fn theirs(info: SqlInfo) -> Option<ArrayRef> {
    let text = |text| Some(Arc::new(StringArray::from(vec![text])) as ArrayRef);
    let number = |number| Some(Arc::new(Int32Array::from(vec![number])) as ArrayRef);
    match info {
        FlightSqlServerSql => Some(Arc::new(BooleanArray::from(vec![false]))),
        FlightSqlServerSubstraitMinVersion => text("min_version"),
        FlightSqlServerSubstraitMaxVersion => text("max_version"),
        FlightSqlServerStatementTimeout => number(42),
        FlightSqlServerTransactionTimeout => number(7),
        _ => None,
    }
}

/// Puts what the scenario looks at in the place of everything there is.
pub(crate) fn put(asked: &mut Vec<u32>) {
    if asked.is_empty() {
        asked.extend(ASKED.map(|info| info as u32));
    }
}

/// Whether a ticket fetches what the scenario asks for.
pub(crate) fn is_asked_for(ticket: &Ticket) -> bool {
    let any = Any::decode(ticket.ticket.clone()).ok();
    match any.and_then(|any| Command::try_from(any).ok()) {
        Some(Command::CommandGetSqlInfo(command)) => {
            command.info.iter().copied().map(named).eq(ASKED.map(Some))
        }
        _ => false,
    }
}

/// Pareto's answer with the scenario's values.
pub(crate) async fn replaced(
    answer: Streaming<FlightData>,
) -> Result<impl Stream<Item = Result<FlightData, Status>>, Status> {
    let ours = FlightRecordBatchStream::new_from_flight_data(answer.map_err(FlightError::from));
    let ours: Vec<RecordBatch> = ours.try_collect().await?;
    let mut answered = Vec::new();
    let mut batches = Vec::new();
    for batch in &ours {
        let numbers = batch.column(0).as_primitive_opt::<UInt32Type>();
        let infos = numbers.ok_or_else(|| wrong("the numbers are no numbers"))?.values();
        let infos: Vec<Option<SqlInfo>> = infos.iter().copied().map(named).collect();
        let values = replace(&infos, batch.column(1))?;
        let columns = vec![Arc::clone(batch.column(0)), values];
        batches.push(Ok(RecordBatch::try_new(batch.schema(), columns).map_err(FlightError::from)?));
        answered.extend(infos);
    }
    if let Some(missing) = ASKED.iter().find(|info| !answered.contains(&Some(**info))) {
        return Err(wrong(&format!("{} is not answered", missing.as_str_name())));
    }
    let data = FlightDataEncoderBuilder::new().build(stream::iter(batches));
    Ok(data.map_err(Status::from).boxed())
}

/// A column of values with the scenario's in place of Pareto's, each of the type that Pareto gave it.
fn replace(infos: &[Option<SqlInfo>], values: &ArrayRef) -> Result<ArrayRef, Status> {
    let (DataType::Union(fields, _), Some(values)) =
        (values.data_type(), values.as_any().downcast_ref::<UnionArray>())
    else {
        return Err(wrong("the values are no union"));
    };
    let mut children: Vec<Vec<ArrayRef>> =
        fields.iter().map(|(id, _)| vec![values.child(id).slice(0, 0)]).collect();
    let mut offsets = Vec::new();
    for (row, info) in infos.iter().enumerate() {
        let ours = values.value(row);
        let value = info.and_then(theirs).unwrap_or_else(|| Arc::clone(&ours));
        let place = fields.iter().position(|(id, _)| id == values.type_id(row));
        let child = place.and_then(|place| children.get_mut(place));
        let child = child.filter(|_| value.data_type() == ours.data_type());
        let child = child.ok_or_else(|| wrong("a value is of another type"))?;
        offsets.push(i32::try_from(child.len() - 1).map_err(|_| wrong("too many values"))?);
        child.push(value);
    }
    let children = children.iter().map(|values| {
        let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
        concat(&values)
    });
    let children = children.collect::<Result<Vec<_>, _>>().map_err(FlightError::from)?;
    let ids = values.type_ids().clone();
    let replaced = UnionArray::try_new(fields.clone(), ids, Some(offsets.into()), children);
    Ok(Arc::new(replaced.map_err(FlightError::from)?))
}

fn named(number: u32) -> Option<SqlInfo> {
    i32::try_from(number).ok().and_then(|number| SqlInfo::try_from(number).ok())
}

fn wrong(what: &str) -> Status {
    Status::internal(format!(
        "Pareto's answer to GetSqlInfo is not what the scenario asks for: {what}"
    ))
}
