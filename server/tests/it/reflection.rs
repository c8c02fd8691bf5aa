//! Reflection: tools without the protocol's files learn from the server what it speaks.

use futures::stream;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::harness::TestServer;

async fn ask(server: &TestServer, question: MessageRequest) -> MessageResponse {
    let mut client = ServerReflectionClient::new(server.channel().await);
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let answers = client.server_reflection_info(stream::iter([request])).await.unwrap();
    answers.into_inner().message().await.unwrap().unwrap().message_response.unwrap()
}

#[tokio::test]
async fn the_services_are_listed() {
    let server = TestServer::start().await;
    let answer = ask(&server, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "arrow.flight.protocol.FlightService",
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
        ]
    );
}

#[tokio::test]
async fn services_and_messages_are_described() {
    let server = TestServer::start().await;
    for (symbol, part) in [
        ("arrow.flight.protocol.FlightService", "PollFlightInfo"),
        ("arrow.flight.protocol.FlightService.DoGet", "DoGet"),
        ("arrow.flight.protocol.SetSessionOptionsRequest", "session_options"),
        ("arrow.flight.protocol.sql.CommandStatementIngest", "table_definition_options"),
        ("grpc.health.v1.Health", "HealthCheckRequest"),
    ] {
        let answer = ask(&server, MessageRequest::FileContainingSymbol(symbol.to_owned())).await;
        let MessageResponse::FileDescriptorResponse(found) = answer else {
            panic!("{symbol}: {answer:?}")
        };
        let described = found
            .file_descriptor_proto
            .iter()
            .any(|file| file.windows(part.len()).any(|window| window == part.as_bytes()));
        assert!(described, "{symbol}");
    }
}
