//! The client of `pareto sql --connect` against a server: the same answers and the same errors as in one process.

use futures::TryStreamExt;
use pareto_engine::{ErrorKind, Outcome};
use pareto_server::remote::{Credentials, Remote};

use crate::harness::{TestServer, text};

async fn connect(server: &TestServer) -> Remote {
    Remote::connect(&format!("grpc://{}", server.flight), &Credentials::default()).await.unwrap()
}

#[tokio::test]
async fn outcomes_are_those_of_a_session() {
    let server = TestServer::start().await;
    let remote = connect(&server).await;
    assert!(matches!(
        remote.execute("CREATE TABLE t (a BIGINT, b VARCHAR)").await.unwrap(),
        Outcome::Done
    ));
    let inserted = remote.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')").await.unwrap();
    assert!(matches!(inserted, Outcome::Affected(2)));
    let Outcome::Rows(rows) = remote.execute("SELECT b FROM t ORDER BY a").await.unwrap() else {
        panic!("rows")
    };
    assert_eq!(rows.schema().field(0).name(), "b");
    let batches: Vec<_> = rows.try_collect().await.unwrap();
    assert_eq!(text(&batches[0]), [["x"], ["y"]]);
    let Outcome::Rows(none) = remote.execute("SELECT b FROM t WHERE false").await.unwrap() else {
        panic!("rows")
    };
    assert_eq!(none.schema().fields().len(), 1, "an empty result has its columns");
    assert!(none.try_collect::<Vec<_>>().await.unwrap().is_empty());
}

#[tokio::test]
async fn errors_read_as_in_one_process() {
    let server = TestServer::start().await;
    let remote = connect(&server).await;
    let Err(error) = remote.execute("SELECT nothing FROM nowhere").await else {
        panic!("an error")
    };
    assert_eq!(error.kind, ErrorKind::NotFound);
    let shown = error.to_string();
    assert!(shown.starts_with("error: ") && !shown.starts_with("error: error"), "{shown}");
    assert!(shown.contains("at line 1, column"), "{shown}");
    let Err(error) = Remote::connect("grpc://127.0.0.1:1", &Credentials::default()).await else {
        panic!("an error")
    };
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn settings_live_with_the_connection() {
    let server = TestServer::start().await;
    let remote = connect(&server).await;
    assert!(matches!(remote.execute("SET pareto.rewrite = off").await.unwrap(), Outcome::Done));
    let Outcome::Rows(rows) = remote.execute("SHOW pareto.rewrite").await.unwrap() else {
        panic!("rows")
    };
    let batches: Vec<_> = rows.try_collect().await.unwrap();
    assert!(text(&batches[0])[0].iter().any(|value| value == "off"));
}
