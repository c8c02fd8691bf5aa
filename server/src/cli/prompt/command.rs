//! The commands of the prompt: what starts with a backslash.
//!
//! They are psql's where psql has them. Those that ask about the warehouse are plain SQL over `information_schema`,
//! so they show the same on a server; whoever wants more asks `information_schema` and `system` directly.
//!
//! Example: `\d sales` runs the query that `describe` writes for `sales`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::output::Format;
use super::{CliError, Result};

/// The commands, for completion.
pub(super) const NAMES: &[&str] =
    &["\\?", "\\d", "\\df", "\\dn", "\\dt", "\\format", "\\i", "\\q", "\\timing"];

/// What `\?` prints.
pub(super) const HELP: &str = "\
\\d            tables and views               \\d NAME   the columns and keys of one
\\dt           tables                         \\dn       schemas
\\df [TEXT]    functions whose name holds TEXT
\\i FILE       run the statements of a file
\\timing       show how long statements take  \\format F table, csv, json, ndjson or markdown
\\q, Ctrl-D    leave                          Ctrl-C    cancel the statement
A statement ends with ';'. DESCRIBE HISTORY t, SHOW TABLES and SELECT * FROM system.tables tell more.
";

/// A command, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// `\q`
    Leave,
    /// `\?`
    Help,
    /// `\timing [on|off]`
    Timing(Option<bool>),
    /// `\format F`
    Format(Format),
    /// `\i FILE`
    Include(PathBuf),
    /// Everything that SQL can answer.
    Queries(Vec<String>),
}

impl Command {
    /// Understands a line.
    pub(super) fn parse(line: &str) -> Result<Self> {
        let line = line.trim().trim_end_matches(';').trim_end();
        let (name, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let argument = argument.trim();
        Ok(match (name, argument) {
            ("\\q" | "\\quit", "") => Self::Leave,
            ("\\?" | "\\h" | "\\help", _) => Self::Help,
            ("\\timing", "") => Self::Timing(None),
            ("\\timing", "on") => Self::Timing(Some(true)),
            ("\\timing", "off") => Self::Timing(Some(false)),
            ("\\format", format) => Self::Format(Format::from_str(format, true).map_err(|_| {
                CliError::usage(format!("unknown format \"{format}\""), "one of table, csv, json, ndjson, markdown")
            })?),
            ("\\i", file) if !file.is_empty() => Self::Include(PathBuf::from(file)),
            ("\\d", "") => Self::Queries(vec![relations("")]),
            ("\\dt", "") => Self::Queries(vec![relations("AND table_type = 'BASE TABLE' ")]),
            ("\\d" | "\\dt", name) => Self::Queries(describe(name)),
            ("\\dn", "") => Self::Queries(vec![
                "SELECT schema_name AS \"schema\" FROM information_schema.schemata ORDER BY schema_name".to_owned(),
            ]),
            ("\\df", part) => Self::Queries(vec![functions(part)]),
            _ => return Err(CliError::usage(format!("unknown command {line}"), "\\? lists the commands")),
        })
    }
}

/// Tables and views, without the ones every warehouse has.
fn relations(which: &str) -> String {
    format!(
        "SELECT table_schema AS \"schema\", table_name AS \"name\", table_type AS \"kind\" \
         FROM information_schema.tables \
         WHERE table_schema NOT IN ('information_schema', 'system') {which}\
         ORDER BY table_schema, table_name"
    )
}

/// The columns of a table, then its keys.
fn describe(name: &str) -> Vec<String> {
    let parts: Vec<&str> = name.split('.').map(|part| part.trim_matches('"')).collect();
    let (schema, table) = match parts[..] {
        [.., schema, table] => {
            (format!("AND lower(COLUMN_OF.table_schema) = lower({}) ", text(schema)), table)
        }
        [table] => (String::new(), table),
        [] => (String::new(), ""),
    };
    let filter = |alias: &str| {
        format!(
            "lower({alias}.table_name) = lower({}) {}",
            text(table),
            schema.replace("COLUMN_OF", alias)
        )
    };
    vec![
        format!(
            "SELECT c.table_schema AS \"schema\", c.column_name AS \"column\", c.data_type AS \"type\", \
             c.is_nullable AS \"nullable\" FROM information_schema.columns AS c WHERE {}\
             ORDER BY c.table_schema, c.ordinal_position",
            filter("c")
        ),
        format!(
            "SELECT t.constraint_name AS \"constraint\", t.constraint_type AS \"kind\", \
             string_agg(k.column_name, ', ' ORDER BY k.ordinal_position) AS \"columns\" \
             FROM information_schema.table_constraints AS t \
             JOIN information_schema.key_column_usage AS k \
             ON t.constraint_schema = k.constraint_schema AND t.constraint_name = k.constraint_name \
             AND t.table_name = k.table_name \
             WHERE {}GROUP BY t.constraint_name, t.constraint_type ORDER BY t.constraint_type DESC, t.constraint_name",
            filter("t")
        ),
    ]
}

/// Functions whose name holds a text.
fn functions(part: &str) -> String {
    format!(
        "SELECT DISTINCT routine_name AS \"function\", function_type AS \"kind\", syntax_example AS \"use\" \
         FROM information_schema.routines WHERE strpos(lower(routine_name), lower({})) > 0 ORDER BY 1, 3",
        text(part)
    )
}

/// A text as a literal.
fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_understood() {
        let check = |line: &str, expected: Command| {
            assert_eq!(Command::parse(line).unwrap(), expected, "{line}")
        };
        check("\\q", Command::Leave);
        check("  \\? ", Command::Help);
        check("\\timing", Command::Timing(None));
        check("\\timing off;", Command::Timing(Some(false)));
        check("\\format csv", Command::Format(Format::Csv));
        check("\\i load.sql", Command::Include("load.sql".into()));
    }

    #[test]
    fn unknown_commands_are_refused_by_name() {
        for line in ["\\x", "\\format xlsx", "\\timing maybe"] {
            let error = Command::parse(line).unwrap_err();
            assert!(matches!(error, CliError::Usage { .. }), "{line}");
        }
    }

    #[test]
    fn names_are_quoted_for_sql() {
        let Command::Queries(queries) = Command::parse("\\d crm.o'neil").unwrap() else {
            panic!("no queries")
        };
        assert!(queries[0].contains("lower('o''neil')"), "{}", queries[0]);
        assert!(queries[0].contains("lower(c.table_schema) = lower('crm')"), "{}", queries[0]);
    }

    #[test]
    fn the_help_names_every_command() {
        for name in NAMES {
            assert!(HELP.contains(name) || *name == "\\?", "{name}");
        }
    }
}
