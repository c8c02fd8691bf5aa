//! The HTTP door.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::TestServer;

/// One GET: the status line's code, and the body.
async fn get(server: &TestServer, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(server.http).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (code, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// A number of `/metrics`.
pub(crate) async fn gauge(server: &TestServer, name: &str) -> u64 {
    let (_, body) = get(server, "/metrics").await;
    let line = body.lines().find(|line| line.starts_with(name)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn health_and_metrics() {
    let server = TestServer::start().await;
    assert_eq!(get(&server, "/health").await, (200, "ok\n".to_owned()));
    assert_eq!(gauge(&server, "pareto_flight_sessions").await, 0);
    server.client().await.handshake("ana", "").await.unwrap();
    assert_eq!(gauge(&server, "pareto_flight_sessions").await, 1);
    assert_eq!(get(&server, "/").await.0, 404);
}
