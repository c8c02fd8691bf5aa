//! What a scenario wants spelled out in the description of a result, put into Pareto's.
//!
//! | Scenario | Pareto's description | What is put in |
//! |---|---|---|
//! | `flight_sql`, `flight_sql:extension` | a column, described | the scenario's description of it (`description.rs`) |
//! | `location:reuse_connection` | an endpoint without a location, which is one of the connection that is there | the URI which says so |
//! | `expiration_time:..` | three endpoints that expire | the first one's moment is left out, so that nothing is promised of it |
//! | `app_metadata_flight_info_endpoint` | the command that was asked for, as its descriptor | the same command, as metadata |
//!
//! Where Pareto's description is not the one of the table, nothing is put in; with an expiry and a command, which would not be
//! missed otherwise, the call fails.

use arrow_flight::{FlightDescriptor, FlightInfo, Location};
use tonic::Status;

use crate::description;

/// How the protocol spells out that there is no other location.
const SAME_CONNECTION: &str = "arrow-flight-reuse-connection://?";

/// Pareto's description of what was `asked` for in Pareto's words, as the scenario that said `word` wants it.
pub(crate) fn spell_out(
    word: &FlightDescriptor,
    asked: &FlightDescriptor,
    info: &mut FlightInfo,
) -> Result<(), Status> {
    info.schema = description::of_schema(std::mem::take(&mut info.schema))?;
    match word.cmd.as_ref() {
        b"reuse" => name_locations(info),
        b"expiration_time" | b"expiration" => leave_expiry_out(info)?,
        b"foobar" => answer_with_command(word, asked, info)?,
        _ => {}
    }
    Ok(())
}

fn name_locations(info: &mut FlightInfo) {
    for endpoint in info.endpoint.iter_mut().filter(|one| one.location.is_empty()) {
        endpoint.location.push(Location { uri: SAME_CONNECTION.to_owned() });
    }
}

fn leave_expiry_out(info: &mut FlightInfo) -> Result<(), Status> {
    match info.endpoint.as_mut_slice() {
        [first, second, third]
            if [&*first, second, third].iter().all(|one| one.expiration_time.is_some()) =>
        {
            first.expiration_time = None;
            Ok(())
        }
        _ => Err(Status::internal("Pareto's result is not one of three endpoints that expire")),
    }
}

fn answer_with_command(
    word: &FlightDescriptor,
    asked: &FlightDescriptor,
    info: &mut FlightInfo,
) -> Result<(), Status> {
    if info.flight_descriptor.as_ref() != Some(asked) {
        return Err(Status::internal("Pareto's result does not name the command it is of"));
    }
    info.app_metadata = word.cmd.clone();
    for endpoint in &mut info.endpoint {
        endpoint.app_metadata = word.cmd.clone();
    }
    Ok(())
}
