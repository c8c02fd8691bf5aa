//! The prompt of `pareto sql`: statements over several lines, history, completion, and a few commands.
//!
//! ```text
//! pareto> SELECT count(*)
//!         FROM sales;            runs when the line ends a statement with ';'
//! pareto> \d sales               commands start with a backslash; \? lists them
//! ```
//!
//! Ctrl-C drops the line being written, or cancels the statement that runs; Ctrl-D leaves. The history is kept for
//! the user in `$XDG_STATE_HOME/pareto/history` (`~/.local/state/pareto/history`), never in the working directory,
//! and statements with a password in them are not kept.

use std::io::{IsTerminal, Stdout, Write};
use std::path::PathBuf;
use std::sync::Arc;

use rustyline::error::ReadlineError;
use rustyline::history::{DefaultHistory, History};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper, Highlighter, Hinter};
use tokio::runtime::Runtime;

use super::connection::Connection;
use super::error::{CliError, Result};
use super::interrupt::Interrupt;
use super::output::Printer;
use super::progress::LoadProgress;
use super::run::{self, Ending};
use super::script::Script;
use super::settings::{Settings, Target};
use super::{batch, output};

mod command;
mod completion;
mod keywords;
mod names;
mod scan;

use command::Command;
use names::Names;

/// How many statements are remembered.
const HISTORY_ENTRIES: usize = 10_000;

/// Opens the prompt and serves it until Ctrl-D or `\q`.
pub(crate) fn run(runtime: &Runtime, settings: &Settings) -> Result<()> {
    let format = batch::format(settings, std::io::stdout().is_terminal())?;
    // First the editor, which takes Ctrl-C for itself when it is made; then we, who hand it on to the editor.
    let editor = editor()?;
    let (interrupt, connection) = runtime.block_on(async {
        let mut interrupt = Interrupt::listen()?;
        tokio::select! {
            () = interrupt.requested() => Err(CliError::Interrupted),
            opened = Connection::open(settings, LoadProgress::on_terminal()) => opened.map(|opened| (interrupt, opened)),
        }
    })?;
    let mut prompt = Prompt {
        runtime,
        connection: Arc::new(connection),
        interrupt,
        printer: Printer::new(std::io::stdout(), format),
        timing: settings.sql.timing,
    };
    say(&format!(
        "pareto {} on {}; \\? for help, Ctrl-D to leave",
        env!("CARGO_PKG_VERSION"),
        target(settings)
    ));
    let outcome = prompt.serve(editor);
    runtime.block_on(prompt.connection.close());
    outcome
}

/// What the greeting names.
fn target(settings: &Settings) -> &str {
    match &settings.target {
        Target::Warehouse(url) | Target::Server(url) => url,
    }
}

/// Talk goes to standard error; a closed one is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What the prompt works with.
struct Prompt<'runtime> {
    runtime: &'runtime Runtime,
    connection: Arc<Connection>,
    interrupt: Interrupt,
    printer: Printer<Stdout>,
    timing: bool,
}

/// Whether to go on.
enum Next {
    Line,
    Leave,
}

impl Prompt<'_> {
    /// Reads and runs until the user leaves.
    fn serve(&mut self, mut editor: Editor<Assistant, DefaultHistory>) -> Result<()> {
        let history = history_path();
        if let Some(path) = &history {
            // The first time there is none; a damaged one is no reason not to start.
            let _ = editor.load_history(path);
        }
        self.learn_names(&mut editor);
        loop {
            let line = match editor.readline("pareto> ") {
                Ok(line) => line,
                // Ctrl-C while writing, or while a statement ran that is over.
                Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => continue,
                Err(ReadlineError::Eof) => return Ok(()),
                Err(ReadlineError::Io(source)) => {
                    return Err(CliError::io("reading the terminal", source));
                }
                Err(error) => {
                    return Err(CliError::failed(
                        format!("reading the terminal: {error}"),
                        "use -c or -f",
                    ));
                }
            };
            if line.trim().is_empty() {
                continue;
            }
            remember(&mut editor, &line, history.as_deref());
            match self.take(&line, &mut editor) {
                Ok(Next::Line) => {}
                Ok(Next::Leave) => return Ok(()),
                Err(CliError::ReaderGone) => return Err(CliError::ReaderGone),
                Err(error) => say(&error.to_string()),
            }
        }
    }

    /// Carries out a command, or runs statements.
    fn take(&mut self, line: &str, editor: &mut Editor<Assistant, DefaultHistory>) -> Result<Next> {
        if !line.trim_start().starts_with('\\') {
            self.run_script(&Script::text(line), editor)?;
            return Ok(Next::Line);
        }
        match Command::parse(line)? {
            Command::Leave => return Ok(Next::Leave),
            Command::Help => {
                self.printer.text(command::HELP).and_then(|()| self.printer.flush())?
            }
            Command::Timing(wanted) => {
                self.timing = wanted.unwrap_or(!self.timing);
                say(if self.timing { "timing is on" } else { "timing is off" });
            }
            Command::Format(format) => {
                if format.is_binary() {
                    return Err(CliError::usage(
                        format!("{format} is binary, and this is a terminal"),
                        format!("run pareto sql -c '...' --format {format} > result.{format}"),
                    ));
                }
                self.printer.set_format(format);
            }
            Command::Include(path) => {
                let script = Script::read(&super::settings::Source::File(path))?;
                self.run_script(&script, editor)?;
            }
            Command::Queries(queries) => {
                for sql in queries {
                    self.run_script(&Script::text(sql), editor)?;
                }
            }
        }
        Ok(Next::Line)
    }

    /// Runs statements until one fails.
    fn run_script(
        &mut self,
        script: &Script,
        editor: &mut Editor<Assistant, DefaultHistory>,
    ) -> Result<()> {
        self.interrupt.forget();
        for statement in script.statements()? {
            let ran =
                run::run(&self.connection, &statement.sql, &mut self.printer, &mut self.interrupt);
            let outcome = self.runtime.block_on(ran);
            self.printer.flush()?;
            let finished = outcome.map_err(|error| match error {
                CliError::Engine(error) => statement.explain(error),
                other => other,
            })?;
            match finished.ending {
                Ending::Rows(_) => {}
                Ending::Affected(1) => say("1 row"),
                Ending::Affected(rows) => say(&format!("{rows} rows")),
                Ending::Done => {
                    say("done");
                    self.learn_names(editor);
                }
            }
            if self.timing {
                say(&finished.timing());
            }
        }
        Ok(())
    }

    /// Asks for the names to complete; the prompt works without them.
    fn learn_names(&mut self, editor: &mut Editor<Assistant, DefaultHistory>) {
        let names = self.runtime.block_on(Names::load(&self.connection));
        if let Some(assistant) = editor.helper_mut() {
            match names {
                Ok(names) => assistant.names = names,
                Err(error) => tracing::info!("no names to complete: {}", error.message),
            }
        }
    }
}

/// A line editor with our completion and line-end rule.
fn editor() -> Result<Editor<Assistant, DefaultHistory>> {
    let failed = |error: ReadlineError| {
        CliError::failed(format!("opening the terminal: {error}"), "use -c or -f")
    };
    let config = Config::builder()
        .max_history_size(HISTORY_ENTRIES)
        .map_err(failed)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Assistant { names: Names::default() }));
    Ok(editor)
}

/// Where the history is kept, made if need be.
fn history_path() -> Option<PathBuf> {
    let state = match std::env::var_os("XDG_STATE_HOME").filter(|value| !value.is_empty()) {
        Some(state) => PathBuf::from(state),
        None => std::env::home_dir()?.join(".local").join("state"),
    };
    let folder = state.join("pareto");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

/// Adds a line to the history, unless it holds a secret.
fn remember(
    editor: &mut Editor<Assistant, DefaultHistory>,
    line: &str,
    path: Option<&std::path::Path>,
) {
    if line.to_lowercase().contains("password") {
        return;
    }
    let added = editor.add_history_entry(line).unwrap_or(false);
    if let (true, Some(path)) = (added, path) {
        // Written at once, so that a lost terminal loses nothing. A full disk must not stop the prompt.
        let saved = if editor.history().len() == 1 {
            editor.save_history(path)
        } else {
            editor.append_history(path)
        };
        if let Err(error) = saved {
            tracing::info!("the history is not kept: {error}");
        }
    }
}

/// What the line editor asks while a line is written.
#[derive(Helper, Highlighter, Hinter)]
struct Assistant {
    names: Names,
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let line = context.input();
        let complete = line.trim().is_empty()
            || line.trim_start().starts_with('\\')
            || scan::is_complete(line);
        Ok(if complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl rustyline::completion::Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(completion::complete(line, position, &self.names))
    }
}
