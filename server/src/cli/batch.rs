//! `pareto sql` with statements: every one in order, until one fails.
//!
//! Example: `pareto sql -c "CREATE TABLE t AS SELECT 1 AS a" -f load.sql -c "SELECT * FROM t" --timing`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::connection::Connection;
use super::error::{CliError, Result};
use super::interrupt::Interrupt;
use super::output::{Format, Printer};
use super::progress::LoadProgress;
use super::run::run as run_statement;
use super::script::Script;
use super::settings::{Settings, Source};

/// Runs what the settings say, or what standard input says.
pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let format = format(settings, std::io::stdout().is_terminal())?;
    let piped = [Source::File(PathBuf::from("-"))];
    let sources =
        if settings.sql.sources.is_empty() { &piped[..] } else { &settings.sql.sources[..] };
    let scripts = Script::read_all(sources)?;
    let mut interrupt = Interrupt::listen()?;
    let connection = tokio::select! {
        () = interrupt.requested() => return Err(CliError::Interrupted),
        connection = Connection::open(settings, LoadProgress::on_terminal()) => Arc::new(connection?),
    };
    let timing = settings.sql.timing;
    let outcome = run_scripts(&connection, scripts, format, timing, &mut interrupt).await;
    connection.close().await;
    outcome
}

/// Runs statement after statement.
async fn run_scripts(
    connection: &Arc<Connection>,
    scripts: Vec<Script>,
    format: Format,
    timing: bool,
    interrupt: &mut Interrupt,
) -> Result<()> {
    let mut printer = Printer::new(std::io::stdout(), format);
    for script in scripts {
        for statement in script.statements()? {
            let outcome = run_statement(connection, &statement.sql, &mut printer, interrupt).await;
            let finished = match outcome {
                Ok(finished) => finished,
                Err(error) => {
                    // What was printed before the failure is handed on, so that it stands above the message.
                    printer.flush()?;
                    return Err(match error {
                        CliError::Engine(error) => statement.explain(error),
                        other => other,
                    });
                }
            };
            if timing {
                // A closed standard error is no reason to stop.
                let _ = writeln!(std::io::stderr(), "{}", finished.timing());
            }
        }
    }
    Ok(())
}

/// The format asked for, or the one that fits where the output goes.
pub(crate) fn format(settings: &Settings, terminal: bool) -> Result<Format> {
    let format = settings.sql.format.unwrap_or(if terminal { Format::Table } else { Format::Csv });
    if format.is_binary() && terminal {
        return Err(CliError::usage(
            format!("--format {format} is binary, and standard output is a terminal"),
            format!("send it to a file: pareto sql ... --format {format} > result.{format}"),
        ));
    }
    Ok(format)
}
