//! The last statements, for `system.queries`.
//!
//! A ring of bounded size in memory: what ran, how long, how many rows, how it ended. An entry is written when the
//! statement starts and finished when its stream ends or is dropped; a statement whose caller goes away is
//! `cancelled`. Passwords are not remembered, and nothing here is kept over a restart.
//!
//! Example: `SELECT sql, elapsed_ms FROM system.queries WHERE state = 'failed'`.

use crate::error::{EngineError, ErrorKind};
use crate::session::Outcome;
use crate::sql::redact;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::Stream;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use uuid::Uuid;

/// How many statements are remembered.
const ENTRIES: usize = 1_000;
/// How much of a statement's text is remembered, in characters.
const SQL_CHARS: usize = 4_000;

/// How a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryState {
    Running,
    Done,
    Failed,
    Cancelled,
}

impl QueryState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One statement.
#[derive(Debug, Clone)]
pub(crate) struct QueryEntry {
    pub(crate) id: u64,
    pub(crate) session: Uuid,
    pub(crate) user: String,
    pub(crate) sql: String,
    pub(crate) started_at_ms: i64,
    pub(crate) started: Instant,
    pub(crate) elapsed_ms: Option<u64>,
    pub(crate) rows: u64,
    pub(crate) state: QueryState,
    pub(crate) error: Option<String>,
}

/// The ring.
#[derive(Debug, Default)]
pub(crate) struct QueryLog {
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    next: u64,
    entries: VecDeque<QueryEntry>,
}

impl QueryLog {
    /// Notes that a statement starts.
    pub(crate) fn begin(self: &Arc<Self>, session: Uuid, user: String, sql: &str) -> Running {
        let sql = redact(sql);
        let secret = matches!(sql, Cow::Owned(_));
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let id = ring.next;
        ring.next += 1;
        if ring.entries.len() == ENTRIES {
            ring.entries.pop_front();
        }
        ring.entries.push_back(QueryEntry {
            id,
            session,
            user,
            sql: sql.chars().take(SQL_CHARS).collect(),
            started_at_ms: chrono::Utc::now().timestamp_millis(),
            started: Instant::now(),
            elapsed_ms: None,
            rows: 0,
            state: QueryState::Running,
            error: None,
        });
        Running { log: Arc::clone(self), id, rows: 0, ended: false, secret }
    }

    /// All that are remembered, oldest first.
    pub(crate) fn entries(&self) -> Vec<QueryEntry> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).entries.iter().cloned().collect()
    }

    fn end(&self, id: u64, rows: u64, state: QueryState, error: Option<String>) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = ring.entries.iter_mut().find(|entry| entry.id == id) {
            entry.elapsed_ms = u64::try_from(entry.started.elapsed().as_millis()).ok();
            entry.rows = rows;
            entry.state = state;
            entry.error = error;
        }
    }
}

/// A statement under way; dropping it unfinished means its caller gave up.
#[derive(Debug)]
pub(crate) struct Running {
    log: Arc<QueryLog>,
    id: u64,
    rows: u64,
    ended: bool,
    /// The text names a password, and an error may quote the text.
    secret: bool,
}

impl Running {
    /// Follows an outcome to its end; the errors of its stream become ours, with their place in the SQL.
    pub(crate) fn follow(mut self, outcome: Outcome, sql: &str) -> Outcome {
        match outcome {
            Outcome::Rows(inner) => {
                Outcome::Rows(Box::pin(Followed { inner, running: self, sql: sql.to_owned() }))
            }
            Outcome::Affected(rows) => {
                self.rows = rows;
                self.done();
                Outcome::Affected(rows)
            }
            Outcome::Done => {
                self.done();
                Outcome::Done
            }
        }
    }

    /// It failed.
    pub(crate) fn fail(&mut self, error: &EngineError) {
        self.ended = true;
        let state = if error.kind == ErrorKind::Cancelled {
            QueryState::Cancelled
        } else {
            QueryState::Failed
        };
        let message = if self.secret {
            "not kept, because the statement names a password".to_owned()
        } else {
            error.message.clone()
        };
        self.log.end(self.id, self.rows, state, Some(message));
    }

    fn done(&mut self) {
        self.ended = true;
        self.log.end(self.id, self.rows, QueryState::Done, None);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.log.end(self.id, self.rows, QueryState::Cancelled, None);
        }
    }
}

/// A stream that reports how it went.
struct Followed {
    inner: SendableRecordBatchStream,
    running: Running,
    sql: String,
}

impl Stream for Followed {
    type Item = PlanResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.inner.as_mut().poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(batch))) => self.running.rows += batch.num_rows() as u64,
            Poll::Ready(None) => self.running.done(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled.map_err(|error| {
            let error = EngineError::from(error).locate(&self.sql);
            self.running.fail(&error);
            DataFusionError::from(error)
        })
    }
}

impl RecordBatchStream for Followed {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }
}
