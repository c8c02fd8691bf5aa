//! Substrait plans: what SQL text can do, a plan can do.
//!
//! ```text
//! GetFlightInfo, PollFlightInfo, GetSchema, DoPut (CommandStatementSubstraitPlan)    as with SQL text
//! CreatePreparedSubstraitPlan(plan)     ──> handle, run by the calls of prepared statements
//! ```
//!
//! The plan is bytes here; the engine reads them. The version of Substrait that a client names beside its plan is not
//! looked at: a plan is read for what it holds, and what is not understood is refused by its name.

use arrow::datatypes::SchemaRef;
use arrow_flight::sql::{CommandStatementSubstraitPlan, SubstraitPlan};
use arrow_flight::{FlightDescriptor, FlightInfo};
use bytes::Bytes;
use pareto_engine::Prepared;
use std::sync::Arc;
use tonic::Status;

use super::sessions::Caller;
use super::statement::{self, Asked};
use super::wire::Types;
use super::{FlightSql, transaction};
use crate::status::{from_engine, invalid};

/// GetFlightInfo of a plan.
pub(crate) async fn info(
    front: &FlightSql,
    caller: &Caller,
    command: CommandStatementSubstraitPlan,
    types: Types,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo, Status> {
    let prepared = prepare(front, caller, command.plan, command.transaction_id.as_ref()).await?;
    let asked = Asked { prepared: Arc::new(prepared), parameters: Vec::new(), types };
    statement::announce(front, caller, asked, descriptor).await
}

/// GetSchema of a plan.
pub(crate) async fn schema(
    front: &FlightSql,
    caller: &Caller,
    command: CommandStatementSubstraitPlan,
    types: Types,
) -> Result<SchemaRef, Status> {
    let prepared = prepare(front, caller, command.plan, command.transaction_id.as_ref()).await?;
    Ok(statement::announced_schema(&prepared, types))
}

/// DoPut of a plan: runs it and counts.
pub(crate) async fn update(
    front: &FlightSql,
    caller: &Caller,
    command: CommandStatementSubstraitPlan,
) -> Result<i64, Status> {
    let prepared = prepare(front, caller, command.plan, command.transaction_id.as_ref()).await?;
    statement::check_parameters(&prepared, &[])?;
    Ok(statement::run_update(&prepared, &[]).await?.unwrap_or(0))
}

/// Reads a plan.
pub(crate) async fn prepare(
    front: &FlightSql,
    caller: &Caller,
    plan: Option<SubstraitPlan>,
    transaction: Option<&Bytes>,
) -> Result<Prepared, Status> {
    let caller = transaction::within(front, caller, transaction)?;
    let plan = plan.ok_or_else(|| {
        invalid("the command holds no plan\n  hint: set SubstraitPlan.plan to an encoded substrait.Plan")
    })?;
    caller.session.prepare_substrait(&plan.plan).await.map_err(|error| from_engine(&error))
}
