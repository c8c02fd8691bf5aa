//! `pareto sql`: order, results, errors, exit codes.

use super::{check, dir, pareto, pareto_reading};

#[test]
fn prints_csv_when_not_on_a_terminal() {
    check(&["sql", "-c", "SELECT 1 AS a, 'x' AS b"], 0, "a,b\n1,x\n", "");
}

#[test]
fn runs_statements_in_order_and_keeps_what_they_did() {
    let dir = dir();
    std::fs::write(
        dir.path().join("insert.sql"),
        "INSERT INTO t VALUES (1, 'one'), (2, 'two');\n-- no more\n",
    )
    .unwrap();
    let ran = pareto(
        &dir,
        &[
            "sql",
            "-c",
            "CREATE TABLE t (a INT, b VARCHAR)",
            "-f",
            "insert.sql",
            "-c",
            "SELECT * FROM t ORDER BY a; SELECT count(*) AS n FROM t",
        ],
    );
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (0, "a,b\n1,one\n2,two\nn\n2\n", "")
    );
    let ran = pareto(&dir, &["sql", "-c", "SELECT sum(a) AS s FROM t"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "s\n3\n"));
    assert!(dir.path().join("pareto-warehouse").is_dir());
}

#[test]
fn stops_at_the_first_error() {
    let dir = dir();
    let ran = pareto(&dir, &["sql", "-c", "SELECT 1 AS a; SELECT nothing_here; SELECT 3 AS c"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "a\n1\n"));
    assert!(ran.err.starts_with("error: "), "{}", ran.err);
    assert!(ran.err.contains("nothing_here"), "{}", ran.err);
    assert!(ran.err.contains("at line 1, column 23"), "{}", ran.err);
    assert!(ran.err.contains('^'), "{}", ran.err);
    assert!(ran.err.ends_with("in statement 2\n"), "{}", ran.err);
}

#[test]
fn an_error_in_a_file_points_into_the_file() {
    let dir = dir();
    std::fs::write(
        dir.path().join("bad.sql"),
        "SELECT 1 AS a;\n\nSELECT a,\n  amout\nFROM (SELECT 1 AS a, 2 AS amount);\n",
    )
    .unwrap();
    let ran = pareto(&dir, &["sql", "-f", "bad.sql"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "a\n1\n"));
    assert!(ran.err.contains("at line 4, column 3"), "{}", ran.err);
    assert!(ran.err.contains("did you mean \"amount\"?"), "{}", ran.err);
    assert!(ran.err.contains("in bad.sql, statement 2"), "{}", ran.err);
}

#[test]
fn no_error_is_a_debug_dump() {
    for sql in [
        "SELEC 1",
        "SELECT * FROM nowhere",
        "SELECT 'open",
        "SELECT 1 +",
        "SELECT foo(1)",
        "SELECT 1/0",
        "DROP TABLE t",
    ] {
        let ran = pareto(&dir(), &["sql", "-c", sql]);
        assert_eq!(ran.code, 1, "{sql}: {}", ran.err);
        assert!(ran.err.starts_with("error: "), "{sql}: {}", ran.err);
        for dump in ["panicked", "DataFusionError", "Some(", "Error(", "ParserError", "{ "] {
            assert!(!ran.err.contains(dump), "{sql}: {}", ran.err);
        }
    }
}

#[test]
fn standard_input_is_a_script() {
    let dir = dir();
    let ran = pareto_reading(&dir, &["sql"], "SELECT 1 AS a; SELECT 'käse' AS b;");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "a\n1\nb\nkäse\n", ""));
    let ran = pareto_reading(&dir, &["sql", "-f", "-", "-c", "SELECT 2 AS b"], "SELECT 1 AS a");
    assert_eq!((ran.code, ran.out.as_str()), (0, "a\n1\nb\n2\n"));
}

#[test]
fn a_missing_file_stops_before_anything_runs() {
    let ran = pareto(&dir(), &["sql", "-c", "SELECT 1", "-f", "missing.sql"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("missing.sql"), "{}", ran.err);
}

#[test]
fn timing_goes_to_standard_error() {
    let ran = pareto(
        &dir(),
        &["sql", "--timing", "-c", "SELECT 1 AS a; SET datafusion.execution.batch_size = 4096"],
    );
    assert_eq!((ran.code, ran.out.as_str()), (0, "a\n1\n"));
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ran.err);
    for line in lines {
        let seconds = line.strip_prefix("time: ").and_then(|rest| rest.strip_suffix(" s")).unwrap();
        assert!(
            seconds.parse::<f64>().unwrap() < 60.0 && seconds.split_once('.').unwrap().1.len() == 4,
            "{line}"
        );
    }
}

#[test]
fn an_unreachable_server_is_named() {
    let ran = pareto(&dir(), &["sql", "--connect", "grpc://127.0.0.1:1", "-c", "SELECT 1"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.starts_with("error: ") && ran.err.contains("127.0.0.1:1"), "{}", ran.err);
    let ran = pareto(&dir(), &["sql", "--connect", "nonsense", "-c", "SELECT 1"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn wrong_calls_end_with_2() {
    for arguments in [
        &["sql", "--format", "xlsx"][..],
        &["nothing"],
        &["sql", "--nothing"],
        &[],
        &["serve", "-c", "x"],
    ] {
        let ran = pareto(&dir(), arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(!ran.err.is_empty());
    }
    let ran = pareto(&dir(), &["--help"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("demo") && ran.out.contains("doctor"));
}
