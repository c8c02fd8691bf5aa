//! What the server speaks, told by the server itself: gRPC reflection.
//!
//! Tools that have no `.proto` files (`grpcurl`, Postman, load generators) ask for the services and messages here. The
//! answer is the protocol as Apache Arrow publishes it, and says nothing of the data; so anybody may ask, as for health.
//!
//! ```text
//! grpcurl -plaintext localhost:31337 list                                  arrow.flight.protocol.FlightService, ..
//! grpcurl -plaintext localhost:31337 describe arrow.flight.protocol.sql.CommandStatementQuery
//! ```
//!
//! `arrow-flight` compiles the protocol without keeping its description. `reflection/flight_sql.bin` is that description: a
//! `google.protobuf.FileDescriptorSet` of `Flight.proto` and `FlightSql.proto` as compiled into Apache Arrow's Go module
//! v18.7.0 (`file_Flight_proto_rawDesc` and its like in `arrow/flight/gen/flight`), with the two files of protobuf that they
//! import before them. `protoc --include_imports --descriptor_set_out` writes the same from the `.proto` files.

use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tonic_reflection::server::{Builder, Error};

/// Flight, and the messages of Flight SQL, which travel inside Flight's.
const FLIGHT_SQL: &[u8] = include_bytes!("reflection/flight_sql.bin");

/// The service that describes all the services of the Flight SQL address, itself included.
pub(crate) fn service() -> Result<ServerReflectionServer<impl ServerReflection>, Error> {
    Builder::configure()
        .register_encoded_file_descriptor_set(FLIGHT_SQL)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
}
