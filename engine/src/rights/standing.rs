//! Rights that are lost while a query runs: it ends then, in the middle of its rows.
//!
//! A query may stream for hours. Each time it is asked for rows, it looks whether the server has seen a newer catalog since,
//! and if so whether its user still is one and still may read what the statement named. That is one number compared for
//! each batch. A `REVOKE` by this server is seen at once, one by another process with the next request to this server.
//!
//! Example: `REVOKE SELECT ON sales FROM ada` ends ada's running `SELECT * FROM sales` with "rights were revoked".

use crate::context::StatementContext;
use crate::error::{EngineError, ErrorKind, Result};
use crate::login::{Identity, holds};
use crate::session::Session;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::Stream;
use pareto_catalog::{Name, Right};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Rows for as long as their user may read them. Of the process that opened the warehouse they are as they come.
pub(crate) fn watch(
    context: &StatementContext,
    rows: SendableRecordBatchStream,
) -> SendableRecordBatchStream {
    match context.session.identity() {
        Identity::Owner => rows,
        Identity::Anybody | Identity::User(_) => Box::pin(Standing {
            rows: Some(rows),
            session: Arc::clone(&context.session),
            names: context.relations().read(),
            seen: context.catalog.version,
            schema: None,
        }),
    }
}

struct Standing {
    /// `None` once the rights are lost.
    rows: Option<SendableRecordBatchStream>,
    session: Arc<Session>,
    /// What the statement itself names and reads.
    names: BTreeSet<Name>,
    /// The catalog by which the rights were last checked.
    seen: u64,
    /// The columns, once the rows are gone.
    schema: Option<SchemaRef>,
}

impl Standing {
    fn check(&mut self) -> Result<()> {
        let newest = self.session.engine().admission().newest();
        let Some(newest) = newest.filter(|newest| newest.version > self.seen) else {
            return Ok(());
        };
        self.seen = newest.version;
        holds(self.session.identity(), &newest)?;
        let rights = self.session.rights(&newest)?;
        let there = |name: &&Name| newest.table(name).is_ok() || newest.view(name).is_ok();
        for name in self.names.iter().filter(there) {
            rights.require(Right::Select, name).map_err(|error| {
                EngineError::new(
                    ErrorKind::Denied,
                    format!("rights were revoked while the query ran: {}", error.message),
                )
            })?;
        }
        Ok(())
    }
}

impl Stream for Standing {
    type Item = PlanResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Err(lost) = self.check() {
            self.schema = self.rows.take().map(|rows| rows.schema());
            return Poll::Ready(Some(Err(DataFusionError::from(lost))));
        }
        match &mut self.rows {
            Some(rows) => rows.as_mut().poll_next(context),
            None => Poll::Ready(None),
        }
    }
}

impl RecordBatchStream for Standing {
    fn schema(&self) -> SchemaRef {
        match (&self.rows, &self.schema) {
            (Some(rows), _) => rows.schema(),
            (None, Some(schema)) => Arc::clone(schema),
            (None, None) => crate::session::no_columns(),
        }
    }
}
