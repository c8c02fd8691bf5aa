//! Cancelling queries and keeping tickets alive.
//!
//! ```text
//! CancelFlightInfo(info)        every ticket of the info is void and its running streams end with CANCELLED
//! CancelQuery(info)             the same, in the older form; both stop a query that is still being polled for
//! RenewFlightEndpoint(endpoint) a ticket for the same rows with its full time, counted from now
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
use super::ticket::Sealed;
use super::{FlightSql, poll, redeem};
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

/// RenewFlightEndpoint: the endpoint with a new ticket and its time. The old ticket is good for as long as it says.
pub(crate) fn renew(
    front: &FlightSql,
    caller: &Caller,
    request: RenewFlightEndpointRequest,
) -> Result<Bytes, Status> {
    let mut endpoint = request.endpoint.ok_or_else(|| invalid("there is no endpoint to renew"))?;
    let sealed = ticket(&endpoint)?.ok_or_else(|| {
        invalid("this endpoint never expires\n  hint: only the tickets of statements do")
    })?;
    let renewed = redeem::renew(front, caller, &sealed)?;
    endpoint.ticket = renewed.ticket;
    endpoint.expiration_time = renewed.expiration_time;
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
        let Some(sealed) = ticket(endpoint)? else { continue };
        if redeem::cancel(front, caller, &sealed) {
            status = CancelStatus::Cancelled;
        }
    }
    Ok(status)
}

/// The ticket of a statement in an endpoint; metadata commands have none.
fn ticket(endpoint: &FlightEndpoint) -> Result<Option<Sealed>, Status> {
    let ticket = endpoint.ticket.as_ref().ok_or_else(|| invalid("the endpoint has no ticket"))?;
    match Fetch::decode(&ticket.ticket)? {
        Fetch::Ticket(sealed) => Ok(Some(sealed)),
        Fetch::Query(_) => Ok(None),
    }
}
