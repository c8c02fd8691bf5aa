//! What can go wrong on the command line, and the exit code each mistake earns.
//!
//! ```text
//! 0  ok (also: help was asked for, or the reader of our output went away)
//! 1  a statement or a check failed, was cancelled, or its result could not be written
//! 2  the program was called wrongly: arguments, environment, pareto.toml, a file that cannot be read
//! ```
//!
//! Texts say what is wrong, where, and what to do; an engine error keeps its own text, caret and hint.

use std::io;
use std::process::ExitCode;

use pareto_engine::EngineError;
use thiserror::Error;

/// The result of a command.
pub(crate) type Result<T> = std::result::Result<T, CliError>;

/// A command line that could not be carried out.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    /// clap refused the arguments, or printed help or the version.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// Arguments, variables or the configuration file make no sense together.
    #[error("error: {message}{}", hint_line(.hint.as_deref()))]
    Usage {
        /// What is wrong, and where.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// One of several statements failed; the text already names it.
    #[error("{text}")]
    Statement {
        /// The error as the user reads it, with position and caret.
        text: String,
    },
    /// The engine refused something that is no statement of the user's, such as opening the warehouse.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Something that the engine has no part in failed.
    #[error("error: {message}{}", hint_line(.hint.as_deref()))]
    Failed {
        /// What failed.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Reading or writing failed.
    #[error("error: {doing}: {source}")]
    Io {
        /// What was tried, on what.
        doing: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Ctrl-C stopped the running statement.
    #[error("cancelled")]
    Interrupted,
    /// The reader of standard output has gone away: nothing is left to do, and nothing is wrong.
    #[error("the reader of the output has gone away")]
    ReaderGone,
    /// The user has already been told, line by line.
    #[error("failed")]
    Reported,
}

impl CliError {
    /// A usage error.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    /// A failure outside the engine.
    pub(crate) fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), hint: Some(hint.into()) }
    }

    /// An I/O failure while `doing` something; a closed pipe is no failure.
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::Io { doing: doing.into(), source }
    }

    /// A failure to write a result.
    pub(crate) fn output(source: io::Error) -> Self {
        Self::io("writing the result to standard output", source)
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Arguments(source) => {
                ExitCode::from(u8::try_from(source.exit_code()).unwrap_or(2))
            }
            Self::Usage { .. } => ExitCode::from(2),
            Self::ReaderGone => ExitCode::SUCCESS,
            Self::Statement { .. }
            | Self::Engine(_)
            | Self::Failed { .. }
            | Self::Io { .. }
            | Self::Interrupted
            | Self::Reported => ExitCode::from(1),
        }
    }
}

/// The hint on a line of its own, as engine errors have it.
fn hint_line(hint: Option<&str>) -> String {
    hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let gone = CliError::output(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(gone, CliError::ReaderGone));
        let full = CliError::output(io::Error::other("no space left"));
        assert_eq!(full.to_string(), "error: writing the result to standard output: no space left");
    }

    #[test]
    fn hints_stand_on_their_own_line() {
        let error = CliError::usage("unknown key \"fligth\"", "did you mean \"flight\"?");
        assert_eq!(
            error.to_string(),
            "error: unknown key \"fligth\"\n  hint: did you mean \"flight\"?"
        );
    }
}
