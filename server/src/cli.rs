//! The command line: `pareto demo | serve | sql | doctor`.
//!
//! ```text
//! arguments > environment > pareto.toml ──> Settings ──> one of
//!     demo    makes a warehouse, loads it, prints the customer-value report, then serves
//!     serve   Flight SQL and HTTP for one warehouse, until SIGTERM or Ctrl-C
//!     sql     statements or a prompt, on a warehouse or on a server
//!     doctor  checks the store and the catalog
//! ```
//!
//! Data goes to standard output and everything else to standard error, so that `pareto sql ... | next` always works.
//! The program ends with 0 when all went well, 1 when a statement or a check failed, and 2 when it was called wrongly.
//! It never prints a Rust debug dump, and a reader that goes away (`| head`) ends it quietly.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

mod access;
pub(crate) mod args;
pub(crate) mod batch;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod doctor;
pub(crate) mod error;
pub(crate) mod interrupt;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod prompt;
pub(crate) mod run;
pub(crate) mod script;
pub(crate) mod serve;
pub(crate) mod settings;

use args::{Arguments, Command};
use error::{CliError, Result};
use settings::Settings;

/// What the process does with its arguments: everything.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(defect));
    match std::panic::catch_unwind(|| run(std::env::args_os().collect())) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => report(&error),
        // The hook has told the user.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Tells of a defect of ours in the form of every other error; where it happened, for the report.
fn defect(panic: &std::panic::PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("no reason was given");
    let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
    // Standard error may be closed; there is nobody left to tell then.
    let _ = writeln!(
        std::io::stderr(),
        "error: a defect of Pareto: {what}{}\n  hint: please report it with the statement; \
         PARETO_LOG=debug tells more",
        place.unwrap_or_default()
    );
    tracing::debug!("{}", std::backtrace::Backtrace::force_capture());
}

/// Parses, settles, starts a runtime and hands over to the command.
fn run(arguments: Vec<OsString>) -> Result<()> {
    let matches = Arguments::command().try_get_matches_from(arguments)?;
    let arguments = Arguments::from_arg_matches(&matches)?;
    start_logging();
    let settings = Settings::settle(&arguments, &matches)?;
    let runtime = start_runtime()?;
    let outcome = match arguments.command {
        Command::Demo(_) => runtime.block_on(crate::demo::run(&settings)),
        Command::Serve(_) => runtime.block_on(serve::run(&settings)),
        Command::Sql(_) => sql(&runtime, &settings),
        Command::Doctor(_) => runtime.block_on(doctor::run(&settings)),
    };
    // A cancelled statement may still hold a worker thread for a moment; nobody should wait for that.
    runtime.shutdown_background();
    outcome
}

/// The threads that everything runs on.
fn start_runtime() -> Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|source| CliError::io("starting the worker threads", source))
}

/// Planning a deep statement recurses; address space is cheap.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Statements when there are some, the prompt on a terminal, else whatever standard input brings.
fn sql(runtime: &Runtime, settings: &Settings) -> Result<()> {
    if settings.sql.sources.is_empty() && std::io::stdin().is_terminal() {
        return prompt::run(runtime, settings);
    }
    runtime.block_on(batch::run(settings))
}

/// Log lines go to standard error; `PARETO_LOG=info` or `PARETO_LOG=pareto_engine=debug` asks for more than warnings.
fn start_logging() {
    let filter = EnvFilter::try_from_env("PARETO_LOG").unwrap_or_else(|_| {
        EnvFilter::new("off,pareto_catalog=warn,pareto_engine=warn,pareto_server=warn")
    });
    let colours = std::io::stderr().is_terminal();
    // A second subscriber in one process (a test) is refused; the first keeps working.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .try_init();
}

/// Tells the user what went wrong and picks the exit code.
fn report(error: &CliError) -> ExitCode {
    match error {
        CliError::Arguments(source) => {
            // clap knows whether this is help (standard output, 0) or a mistake (standard error, 2).
            let _ = source.print();
        }
        CliError::ReaderGone | CliError::Reported => {}
        CliError::Usage { .. }
        | CliError::Statement { .. }
        | CliError::Engine(_)
        | CliError::Failed { .. }
        | CliError::Io { .. }
        | CliError::Interrupted => {
            // Standard error may be closed as well; there is nobody left to tell then.
            let _ = writeln!(std::io::stderr(), "{error}");
        }
    }
    error.exit_code()
}
