//! `pareto sql --connect` prints what `pareto sql --warehouse` prints.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::{dir, pareto, program};

/// A server on a free port, ended when dropped.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(dir: &TempDir) -> Self {
        let mut command =
            program(dir.path(), &["serve", "--flight", "127.0.0.1:0", "--warehouse", "w"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let (_, url) = line.trim().split_once(" on ").unwrap();
        Self { url: url.to_owned(), child }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_server_answers_as_a_warehouse_does() {
    let dir = dir();
    let made = pareto(
        &dir,
        &[
            "sql",
            "--warehouse",
            "w",
            "-c",
            "CREATE TABLE t AS SELECT 1 AS a, CAST(2.50 AS DECIMAL(10, 2)) AS b",
        ],
    );
    assert_eq!(made.code, 0, "{}", made.err);
    let served = Served::start(&dir);
    for sql in [
        "SELECT * FROM t",
        "SELECT a FROM t WHERE a > 5",
        "SELECT c FROM t",
        "SELEC",
        "SELECT count(*) FROM information_schema.columns",
    ] {
        let ours = pareto(&dir, &["sql", "--warehouse", "w", "-c", sql]);
        let theirs = pareto(&dir, &["sql", "--connect", &served.url, "-c", sql]);
        assert_eq!(
            (ours.code, &ours.out, &ours.err),
            (theirs.code, &theirs.out, &theirs.err),
            "{sql}"
        );
    }
}

#[test]
fn statements_change_the_warehouse_of_the_server() {
    let dir = dir();
    let served = Served::start(&dir);
    let ran = pareto(
        &dir,
        &[
            "sql",
            "--connect",
            &served.url,
            "-c",
            "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2); SELECT sum(a) AS s FROM t",
        ],
    );
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "s\n3\n", ""));
    let ran = pareto(&dir, &["sql", "--warehouse", "w", "-c", "SELECT count(*) AS n FROM t"]);
    assert_eq!(ran.out, "n\n2\n", "{}", ran.err);
}
