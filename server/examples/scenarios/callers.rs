//! Who calls: what says so goes through to Pareto, and Pareto says who it is.
//!
//! Sessions and tokens pass in both directions. Put in is the scenarios' middleware, which the interpreter is, and one
//! password: Pareto refuses passwords as short as the scenarios'. Their action without a name asks who is calling, which in
//! Pareto is a query:
//!
//! ```text
//! DoAction ""  ──> SELECT current_user()
//! ```

use arrow::array::AsArray;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{BasicAuth, FlightDescriptor, HandshakeRequest};
use futures::TryStreamExt;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// The scenarios' password, and the one in its place.
const PASSWORDS: (&str, &str) = ("flight", "arrow and flight");

/// A request to Pareto from whoever sent this one, for the same session.
pub(crate) fn onward<T>(headers: &MetadataMap, message: T) -> Request<T> {
    let mut request = Request::new(message);
    for name in ["authorization", "cookie"] {
        if let Some(value) = headers.get(name) {
            request.metadata_mut().insert(name, value.clone());
        }
    }
    if let Some(token) = headers.get_bin("auth-token-bin") {
        request.metadata_mut().insert_bin("auth-token-bin", token.clone());
    }
    request
}

/// The header that the scenarios' middleware sends and waits for, in any answer.
pub(crate) fn echo<T>(
    headers: &MetadataMap,
    mut answer: Result<Response<T>, Status>,
) -> Result<Response<T>, Status> {
    if let Some(value) = headers.get("x-middleware") {
        match &mut answer {
            Ok(response) => response.metadata_mut().insert("x-middleware", value.clone()),
            Err(status) => status.metadata_mut().insert("x-middleware", value.clone()),
        };
    }
    answer
}

/// A greeting with Pareto's password in place of the scenarios'.
pub(crate) fn translate_greeting(mut greeting: HandshakeRequest) -> HandshakeRequest {
    if let Ok(mut auth) = BasicAuth::decode(greeting.payload.clone())
        && auth.password == PASSWORDS.0
    {
        PASSWORDS.1.clone_into(&mut auth.password);
        greeting.payload = auth.encode_to_vec().into();
    }
    greeting
}

/// Who is calling, as Pareto knows them.
pub(crate) async fn who(
    mut pareto: FlightServiceClient<Channel>,
    headers: &MetadataMap,
) -> Result<arrow_flight::Result, Status> {
    let query =
        CommandStatementQuery { query: "SELECT current_user()".to_owned(), transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(query.as_any().encode_to_vec());
    let info = pareto.get_flight_info(onward(headers, descriptor)).await?.into_inner();
    let ticket = info.endpoint.into_iter().next().and_then(|endpoint| endpoint.ticket);
    let rows = pareto.do_get(onward(headers, ticket.unwrap_or_default())).await?.into_inner();
    let mut rows = FlightRecordBatchStream::new_from_flight_data(rows.map_err(FlightError::from));
    let batch = rows.try_next().await.map_err(Status::from)?;
    let user = batch.as_ref().and_then(|batch| batch.column(0).as_string_opt::<i32>());
    let user = user.ok_or_else(|| Status::internal("who is calling is no text"))?;
    Ok(arrow_flight::Result { body: user.value(0).to_owned().into() })
}
