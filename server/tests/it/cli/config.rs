//! Flag beats variable beats file, for real.

use super::{Ran, dir, program};

/// Runs with a configuration file and variables.
fn run(file: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let dir = dir();
    std::fs::write(dir.path().join("pareto.toml"), file).unwrap();
    program(dir.path(), arguments).envs(variables.iter().copied()).output().unwrap().into()
}

#[test]
fn precedence() {
    let ask = ["sql", "-c", "SELECT 1 AS a"];
    let check = |file: &str, variables: &[(&str, &str)], arguments: &[&str], expected: &str| {
        let ran = run(file, variables, arguments);
        assert_eq!((ran.code, ran.out.as_str()), (0, expected), "{}", ran.err);
    };
    check("", &[], &ask, "a\n1\n");
    check("format = \"json\"", &[], &ask, "[{\"a\":1}]\n");
    check("format = \"json\"", &[("PARETO_FORMAT", "ndjson")], &ask, "{\"a\":1}\n");
    check(
        "format = \"json\"",
        &[("PARETO_FORMAT", "ndjson")],
        &["sql", "-c", "SELECT 1 AS a", "--format", "csv"],
        "a\n1\n",
    );
    check("", &[("PARETO_COMMAND", "SELECT 2 AS b")], &["sql"], "b\n2\n");
    check("", &[("PARETO_COMMAND", "SELECT 2 AS b")], &ask, "a\n1\n");
    check("command = [\"SELECT 3 AS c\"]", &[], &["sql"], "c\n3\n");
}

#[test]
fn the_warehouse_is_where_the_strongest_says() {
    let dir = dir();
    std::fs::write(dir.path().join("pareto.toml"), "warehouse = \"from-file\"").unwrap();
    let run = |variables: &[(&str, &str)], arguments: &[&str]| {
        let statement = ["-c", "CREATE TABLE t AS SELECT 1 AS a"];
        let mut command = program(dir.path(), &[arguments, &statement].concat());
        let ran: Ran = command.envs(variables.iter().copied()).output().unwrap().into();
        assert_eq!(ran.code, 0, "{}", ran.err);
    };
    run(&[], &["sql"]);
    run(&[("PARETO_WAREHOUSE", "from-variable")], &["sql"]);
    run(&[("PARETO_WAREHOUSE", "from-variable")], &["sql", "--warehouse", "from-flag"]);
    for place in ["from-file", "from-variable", "from-flag"] {
        assert!(dir.path().join(place).is_dir(), "{place}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    let ran = run("warehuose = \"x\"", &[], &["sql", "-c", "SELECT 1"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "error: unknown key \"warehuose\" in pareto.toml, line 1\n  hint: did you mean \"warehouse\"?\n"
    );
}

#[test]
fn another_file_can_be_named() {
    let dir = dir();
    std::fs::write(dir.path().join("other.toml"), "format = \"ndjson\"").unwrap();
    let ran = super::pareto(&dir, &["--config", "other.toml", "sql", "-c", "SELECT 1 AS a"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "{\"a\":1}\n"), "{}", ran.err);
    let ran = super::pareto(&dir, &["sql", "--config", "missing.toml", "-c", "SELECT 1 AS a"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("missing.toml"), "{}", ran.err);
}

#[test]
fn limits_are_read() {
    let ran = run("threads = 0", &[], &["sql", "-c", "SELECT 1"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("threads"), "{}", ran.err);
    let ran = run("memory_limit = \"64MB\"\nthreads = 1", &[], &["sql", "-c", "SELECT 1 AS a"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "a\n1\n"), "{}", ran.err);
}
