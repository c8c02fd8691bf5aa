//! Where statements are sent: a session in this process, or a server over Flight SQL.
//!
//! Both answer with the engine's [`Outcome`], so nothing above knows the difference; dropping an outcome's rows cancels
//! the statement in both.
//!
//! Example: `--user ada --connect grpc://127.0.0.1:31337` sends the statements to `pareto serve` there.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use pareto_engine::{Engine, EngineError, ErrorKind, Outcome, Progress, Session};

use super::error::{CliError, Result};
use super::settings::{Settings, Target};
use crate::remote::Remote;

/// Where statements are sent.
pub(crate) enum Connection {
    /// A session of an engine in this process.
    Session(Arc<Session>),
    /// A server.
    Server(Remote),
}

impl Connection {
    /// Opens the warehouse, or connects to the server, that the settings name.
    pub(crate) async fn open(
        settings: &Settings,
        progress: Option<Arc<dyn Progress>>,
    ) -> Result<Self> {
        match &settings.target {
            Target::Warehouse(url) => {
                let mut options = settings.resources.engine_options(url)?;
                options.progress = progress;
                let engine = Engine::open(options).await?;
                Ok(Self::Session(engine.session()))
            }
            Target::Server(url) => match Remote::connect(url, &settings.credentials).await {
                Ok(remote) => Ok(Self::Server(remote)),
                // An address that is none is a mistake in the call.
                Err(EngineError { kind: ErrorKind::Invalid, message, hint, .. }) => {
                    Err(CliError::Usage { message, hint })
                }
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Waits for what is kept on disk for the next process.
    pub(crate) async fn close(&self) {
        if let Self::Session(session) = self {
            session.engine().close().await;
        }
    }

    /// Runs one statement.
    pub(crate) async fn execute(&self, sql: &str) -> pareto_engine::Result<Outcome> {
        match self {
            Self::Session(session) => session.execute(sql).await.map_err(|error| error.locate(sql)),
            // The server has located its errors already, and its text holds the excerpt.
            Self::Server(remote) => remote.execute(sql).await,
        }
    }

    /// Reads the error of a row that did not come.
    pub(crate) fn explain(&self, error: DataFusionError, sql: &str) -> EngineError {
        let error = EngineError::from(error);
        match self {
            Self::Session(_) => error.locate(sql),
            Self::Server(_) => error,
        }
    }
}
