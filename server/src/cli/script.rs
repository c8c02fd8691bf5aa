//! Scripts: the text of `-c`, `-f` or standard input, split into statements that know where they stand.
//!
//! All files are read before the first statement runs, because a missing file is a mistake in the call (exit 2) and
//! should not leave half a script behind. Errors of a statement in a file point into the file: its line and column
//! are those of the file, and the file is named.
//!
//! Example: the second statement of `load.sql` fails at its line 1: `at line 12, column 8` and `in load.sql`.

use std::io::Read;
use std::path::Path;

use pareto_engine::{EngineError, Position, Session};

use super::error::{CliError, Result};
use super::settings::Source;

/// The text of one `-c` or `-f`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    /// What to call it in an error; a `-c` needs no name.
    name: Option<String>,
    text: String,
}

/// One statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Its SQL, without the semicolon.
    pub(crate) sql: String,
    /// Lines and columns before it in its script.
    lines_before: u64,
    columns_before: u64,
    /// The file it stands in.
    file: Option<String>,
    /// Its number when the script has several, from 1.
    number: Option<usize>,
}

impl Script {
    /// A script from the command line.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { name: None, text: text.into() }
    }

    /// Reads every source.
    pub(crate) fn read_all(sources: &[Source]) -> Result<Vec<Self>> {
        sources.iter().map(Self::read).collect()
    }

    /// Reads one source.
    pub(crate) fn read(source: &Source) -> Result<Self> {
        let path = match source {
            Source::Text(text) => return Ok(Self::text(text)),
            Source::File(path) => path,
        };
        let (name, text) = if path == Path::new("-") {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            ("standard input".to_owned(), read.map(|_| text))
        } else {
            (path.display().to_string(), std::fs::read_to_string(path))
        };
        match text {
            Ok(text) => Ok(Self { name: Some(name), text }),
            Err(error) => Err(CliError::usage(
                format!("cannot read {name}: {error}"),
                "give -f a file of UTF-8 text",
            )),
        }
    }

    /// Its statements, in order.
    pub(crate) fn statements(&self) -> Result<Vec<Statement>> {
        let whole = |number| Statement {
            sql: String::new(),
            lines_before: 0,
            columns_before: 0,
            file: self.name.clone(),
            number,
        };
        let split = Session::split(&self.text)
            .map_err(|error| whole(None).explain(error.locate(&self.text)))?;
        let several = split.len() > 1;
        let mut searched = 0;
        let mut statements = Vec::with_capacity(split.len());
        for (index, sql) in split.into_iter().enumerate() {
            let start = self.text[searched..].find(&sql).map_or(searched, |found| searched + found);
            let before = &self.text[..start];
            let last_line = before.rsplit('\n').next().unwrap_or(before);
            statements.push(Statement {
                lines_before: count(before.matches('\n').count()),
                columns_before: count(last_line.chars().count()),
                ..whole(several.then_some(index + 1))
            });
            searched = (start + sql.len()).min(self.text.len());
            if let Some(statement) = statements.last_mut() {
                statement.sql = sql;
            }
        }
        Ok(statements)
    }
}

impl Statement {
    /// The error as the user reads it: positions counted in the script, and the script named.
    pub(crate) fn explain(&self, mut error: EngineError) -> CliError {
        error.position = error.position.map(|position| Position {
            line: position.line + self.lines_before,
            column: if position.line == 1 {
                position.column + self.columns_before
            } else {
                position.column
            },
        });
        let mut text = error.to_string();
        match (&self.file, self.number) {
            (Some(file), Some(number)) => {
                text.push_str(&format!("\n  in {file}, statement {number}"))
            }
            (Some(file), None) => text.push_str(&format!("\n  in {file}")),
            (None, Some(number)) => text.push_str(&format!("\n  in statement {number}")),
            (None, None) => {}
        }
        CliError::Statement { text }
    }
}

/// A length as the engine counts positions.
fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(name: Option<&str>, text: &str) -> Script {
        Script { name: name.map(str::to_owned), text: text.to_owned() }
    }

    #[test]
    fn statements_know_where_they_stand() {
        let statements = script(None, "SELECT 1;\n  SELECT 1; SELECT\n2;").statements().unwrap();
        let places: Vec<_> =
            statements.iter().map(|s| (s.sql.as_str(), s.lines_before, s.columns_before)).collect();
        assert_eq!(places, [("SELECT 1", 0, 0), ("SELECT 1", 1, 2), ("SELECT\n2", 1, 12)]);
    }

    #[test]
    fn positions_are_those_of_the_file() {
        let statements = script(Some("load.sql"), "SELECT 1;\n  SELECT x;").statements().unwrap();
        let error = EngineError::invalid("column \"x\" does not exist").at(1, 8);
        assert_eq!(
            statements[1].explain(error).to_string(),
            "error: column \"x\" does not exist\n  at line 2, column 10\n  in load.sql, statement 2"
        );
        let alone = script(None, "SELECT x").statements().unwrap();
        assert_eq!(alone[0].explain(EngineError::invalid("no")).to_string(), "error: no");
    }

    #[test]
    fn a_missing_file_is_a_usage_error() {
        let error = Script::read(&Source::File("no/such.sql".into())).unwrap_err();
        assert!(matches!(error, CliError::Usage { .. }));
        assert!(error.to_string().contains("no/such.sql"), "{error}");
    }
}
