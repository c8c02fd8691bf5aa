//! Cancelling queries and keeping tickets alive.
//!
//! ```text
//! CancelFlightInfo(info)        every ticket of the info is forgotten and its running streams end with CANCELLED
//! CancelQuery(info)             the same, in the older form; both stop a query that is still being polled for
//! RenewFlightEndpoint(endpoint) the ticket lives its full time again, counted from now
//! ```
//!
//! What is over already is answered with `NOT_CANCELLABLE`, which is no error: a client cancels to be sure. Dropping a
//! stream cancels its query too, without any of this.

use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult, ProstMessageExt};
use arrow_flight::{
    CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightEndpoint, FlightInfo,
    RenewFlightEndpointRequest,
};
use bytes::Bytes;
use prost::Message;
use tonic::Status;

use super::command::Fetch;
use super::sessions::Caller;
use super::{FlightSql, poll, statement};
use crate::handle::Handle;
use crate::status::invalid;

/// CancelFlightInfo.
pub(crate) fn flight_info(
    front: &FlightSql,
    caller: &Caller,
    request: &CancelFlightInfoRequest,
) -> Result<Bytes, Status> {
    let info = request.info.as_ref().ok_or_else(|| invalid("there is no FlightInfo to cancel"))?;
    let status = cancel(front, caller, info)?;
    Ok(CancelFlightInfoResult { status: status.into() }.encode_to_vec().into())
}

/// CancelQuery, whose request holds the bytes of a FlightInfo and whose results are numbered as those of above.
pub(crate) fn query(
    front: &FlightSql,
    caller: &Caller,
    request: &ActionCancelQueryRequest,
) -> Result<Bytes, Status> {
    let info = FlightInfo::decode(request.info.clone()).map_err(|source| {
        invalid(format!("what is to be cancelled is not a FlightInfo: {source}"))
    })?;
    let status = cancel(front, caller, &info)?;
    Ok(ActionCancelQueryResult { result: status.into() }.as_any().encode_to_vec().into())
}

/// RenewFlightEndpoint: the endpoint with its new time.
pub(crate) fn renew(
    front: &FlightSql,
    caller: &Caller,
    request: RenewFlightEndpointRequest,
) -> Result<Bytes, Status> {
    let mut endpoint = request.endpoint.ok_or_else(|| invalid("there is no endpoint to renew"))?;
    let handle = ticket(&endpoint)?.ok_or_else(|| {
        invalid("this endpoint never expires\n  hint: only the tickets of statements do")
    })?;
    statement::owned(front, caller, handle)?;
    statement::expire_later(front, &mut endpoint);
    Ok(endpoint.encode_to_vec().into())
}

fn cancel(front: &FlightSql, caller: &Caller, info: &FlightInfo) -> Result<CancelStatus, Status> {
    let mut status = CancelStatus::NotCancellable;
    if let Some(descriptor) = &info.flight_descriptor
        && poll::stop(front, caller, descriptor)
    {
        status = CancelStatus::Cancelled;
    }
    for endpoint in &info.endpoint {
        let Some(handle) = ticket(endpoint)? else { continue };
        if let Ok(ticketed) = statement::owned(front, caller, handle) {
            ticketed.cancel.cancel();
            front.tickets.take(handle).ok();
            status = CancelStatus::Cancelled;
        }
    }
    Ok(status)
}

/// The handle in an endpoint; metadata commands have none.
fn ticket(endpoint: &FlightEndpoint) -> Result<Option<Handle>, Status> {
    let ticket = endpoint.ticket.as_ref().ok_or_else(|| invalid("the endpoint has no ticket"))?;
    match Fetch::decode(&ticket.ticket)? {
        Fetch::Ticket(handle) => Ok(Some(handle)),
        Fetch::Query(_) => Ok(None),
    }
}
