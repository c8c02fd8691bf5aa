//! The `pareto` program, run as a user runs it: arguments and files in, standard output, standard error and exit code
//! out. Every test has its own directory and an environment without `PARETO_*`.

mod config;
mod connect;
mod demo;
mod doctor;
mod formats;
mod signals;
mod sql;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; 99 when a signal ended it.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(99),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The program, to be run in `dir` with nothing of the tester's own settings.
pub(crate) fn program(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pareto"));
    command.current_dir(dir).args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PARETO_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_STATE_HOME", dir.join("state"));
    command
}

/// Runs the program in `dir`.
pub(crate) fn pareto(dir: &TempDir, arguments: &[&str]) -> Ran {
    program(dir.path(), arguments).output().unwrap().into()
}

/// Runs the program in `dir` with text on standard input.
pub(crate) fn pareto_reading(dir: &TempDir, arguments: &[&str], input: &str) -> Ran {
    let mut command = program(dir.path(), arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// A fresh directory.
pub(crate) fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Runs the program and checks everything it gave.
pub(crate) fn check(arguments: &[&str], code: i32, out: &str, err: &str) {
    let ran = pareto(&dir(), arguments);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (code, out, err), "{arguments:?}");
}
