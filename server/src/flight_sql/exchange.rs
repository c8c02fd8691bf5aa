//! DoExchange: `echo`, which sends every message back as it came.
//!
//! Flight SQL asks its questions with the other calls. What a stream in both directions is good for here is the wire itself:
//! whether a proxy in between lets both run at once, and how fast it carries batches, without a query that takes time too.
//! One message is on its way at a time, so that whoever does not read is not read from either.
//!
//! Example: the descriptor's command is `echo`; each batch comes back with its metadata before the next one is needed.

use arrow_flight::FlightData;
use futures::stream::{self as streams, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tonic::{Status, Streaming};

use crate::status::{invalid, unimplemented};

/// The command that is known.
const ECHO: &[u8] = b"echo";

/// Answers a stream by what the descriptor of its first message asks for.
pub(crate) async fn exchange(
    mut messages: Streaming<FlightData>,
) -> Result<BoxStream<'static, Result<FlightData, Status>>, Status> {
    let Some(first) = messages.message().await? else {
        return Err(invalid("the exchange has no message; the first one says what is asked for"));
    };
    let command = first.flight_descriptor.as_ref().map(|descriptor| descriptor.cmd.as_ref());
    if command != Some(ECHO) {
        return Err(unimplemented(
            "this exchange",
            "the one that there is has the command \"echo\"; query with GetFlightInfo and DoGet",
        ));
    }
    let rest = messages.map_ok(undescribed);
    Ok(streams::iter([Ok(undescribed(first))]).chain(rest).boxed())
}

/// The descriptor is the caller's.
fn undescribed(message: FlightData) -> FlightData {
    FlightData { flight_descriptor: None, ..message }
}
