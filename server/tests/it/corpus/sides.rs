//! The two sides: a session in process, and a client of a server with a warehouse of its own.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::flight_service_client::FlightServiceClient;
use futures::TryStreamExt;
use pareto_engine::{Engine, EngineError, ErrorKind, Outcome, Session};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::shown;
use crate::harness::{TestServer, options, query, ticket};

/// What the wire says of a statement whose parameters are not bound.
const UNBOUND: &str = "none was bound";

/// So much of an error's first line is compared: what the wire cuts off comes later.
const REFUSAL_CHARS: usize = 500;

/// Words of questions that no two sides answer with the same values.
const CHANGING: [&str; 10] = [
    "random",
    "rand(",
    "uuid",
    "now()",
    "current_",
    "today()",
    "version()",
    "analyze",
    "system.",
    "pg_",
];

/// What a side answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Rows(Vec<Vec<String>>),
    /// A statement without rows, and how many it changed if it counts.
    Changed(Option<u64>),
    Failed {
        message: String,
        is_defect: bool,
    },
}

impl Answer {
    pub(super) fn panicked() -> Self {
        Self::Failed { message: "it panicked".to_owned(), is_defect: true }
    }

    /// Whether it is a panic or `INTERNAL`, which no question may be answered with.
    pub(super) const fn is_defect(&self) -> bool {
        matches!(self, Self::Failed { is_defect: true, .. })
    }

    fn of_engine(error: &EngineError) -> Self {
        Self::Failed { message: error.to_string(), is_defect: error.kind == ErrorKind::Internal }
    }

    fn of_wire(status: &Status) -> Self {
        let is_defect = matches!(status.code(), Code::Internal | Code::Unknown);
        Self::Failed { message: status.message().to_owned(), is_defect }
    }

    fn of_batches(batches: &[RecordBatch]) -> Self {
        match shown::rows(batches) {
            Ok(rows) => Self::Rows(rows),
            Err(error) => Self::Failed { message: error.to_string(), is_defect: true },
        }
    }
}

/// Both, each with a fresh warehouse.
pub(super) struct Sides {
    session: Arc<Session>,
    client: FlightServiceClient<Channel>,
    _server: TestServer,
    _warehouse: TempDir,
}

impl Sides {
    pub(super) async fn start() -> Self {
        let warehouse = TempDir::new().unwrap();
        let session = Engine::open(options(&warehouse)).await.unwrap().session();
        let server = TestServer::start().await;
        let client = server.raw().await.max_decoding_message_size(usize::MAX);
        Self { session, client, _server: server, _warehouse: warehouse }
    }

    pub(super) async fn in_process(&self, sql: &str) -> Answer {
        match self.session.execute(sql).await {
            Ok(Outcome::Rows(rows)) => match rows.try_collect::<Vec<RecordBatch>>().await {
                Ok(batches) => Answer::of_batches(&batches),
                Err(error) => Answer::of_engine(&EngineError::from(error)),
            },
            Ok(Outcome::Affected(count)) => Answer::Changed(Some(count)),
            Ok(Outcome::Done) => Answer::Changed(None),
            Err(error) => Answer::of_engine(&error),
        }
    }

    pub(super) async fn over_the_wire(&self, sql: &str) -> Answer {
        self.fetch(sql).await.unwrap_or_else(|status| Answer::of_wire(&status))
    }

    async fn fetch(&self, sql: &str) -> Result<Answer, Status> {
        let mut client = self.client.clone();
        let info = client.get_flight_info(query(sql)).await?.into_inner();
        let has_rows = !crate::harness::announced(&info).fields().is_empty();
        let messages = client.do_get(ticket(&info)).await?.into_inner();
        let stream = FlightRecordBatchStream::new_from_flight_data(messages.map_err(Into::into));
        let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(Status::from)?;
        if has_rows {
            return Ok(Answer::of_batches(&batches));
        }
        Ok(Answer::Changed(u64::try_from(info.total_records).ok()))
    }
}

/// How two answers to one question differ, if they do.
pub(super) fn compare(sql: &str, process: &Answer, wire: &Answer) -> Option<String> {
    let is_same = match (process, wire) {
        (Answer::Rows(process), Answer::Rows(wire)) => same_rows(sql, process, wire),
        // The wire describes a statement before it runs it, and for that its parameters must be bound.
        (_, Answer::Failed { message, .. }) if message.contains(UNBOUND) => true,
        (Answer::Failed { .. }, Answer::Failed { .. }) if process.is_defect() => wire.is_defect(),
        (Answer::Failed { message: process, .. }, Answer::Failed { message: wire, .. }) => {
            same_refusal(process, wire)
        }
        // What broke on one side only is a defect, and counted as one.
        (process, wire) => {
            let is_free = process.is_defect() || wire.is_defect() || is_any_row(sql);
            process == wire || is_free
        }
    };
    (!is_same).then(|| format!("differs\nin process:    {process:?}\nover the wire: {wire:?}"))
}

/// The first line says what is wrong. A long text is cut on the wire, and which of several names is the nearest, which a
/// hint tells, is open.
fn same_refusal(process: &str, wire: &str) -> bool {
    let start = |text: &str| -> String {
        let line = without_paths(text.lines().next().unwrap_or_default());
        line.chars().take(REFUSAL_CHARS).collect()
    };
    start(process) == start(wire)
}

/// A text without the names of files, which no two warehouses share.
fn without_paths(text: &str) -> String {
    let kept = text.split_inclusive(['[', ']', ',', ' ']).map(|word| {
        if word.contains(".parquet") || word.contains("/warehouse/") { "file" } else { word }
    });
    kept.collect()
}

fn same_rows(sql: &str, process: &[Vec<String>], wire: &[Vec<String>]) -> bool {
    let named = |rows: &[Vec<String>]| {
        let shown = rows.iter().map(|row| row.iter().map(|value| without_paths(value)).collect());
        shown.collect::<Vec<Vec<String>>>()
    };
    let (process, wire) = (&named(process), &named(wire));
    if process == wire || is_changing(sql) && process.len() == wire.len() {
        return true;
    }
    let sorted = |rows: &[Vec<String>]| {
        let mut rows = rows.to_vec();
        rows.sort();
        rows
    };
    // Ties may fall either way; whether the order is right, the file tells.
    is_any_row(sql) && process.len() == wire.len() || sorted(process) == sorted(wire)
}

/// Whether the rows themselves are ordered, not those of a window, an aggregate or a query inside.
pub(super) fn is_ordered(sql: &str) -> bool {
    let sql = sql.to_lowercase();
    let is_outside = |text: &str| text.matches('(').count() <= text.matches(')').count();
    sql.match_indices("order by").any(|(at, _)| is_outside(&sql[..at]))
}

/// Whether a limit without an order leaves the choice of rows open.
fn is_any_row(sql: &str) -> bool {
    sql.to_lowercase().contains("limit ") && !is_ordered(sql)
}

fn is_changing(sql: &str) -> bool {
    let sql = sql.to_lowercase();
    CHANGING.iter().any(|word| sql.contains(word))
}
