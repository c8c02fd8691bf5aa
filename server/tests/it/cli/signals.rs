//! Signals and closed pipes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{dir, program};

/// Sends a signal with the shell's own kill, which every system has.
fn signal(child: &Child, name: &str) {
    assert!(
        Command::new("kill")
            .args([&format!("-{name}"), &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let dir = dir();
    for format in ["csv", "json", "table", "arrow", "parquet"] {
        let sql = "SELECT * FROM generate_series(1, 3000000)";
        let mut command = program(dir.path(), &["sql", "--format", format, "-c", sql]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = Vec::new();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_until(b'\n', &mut line).unwrap();
        drop(reader);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}

#[test]
fn ctrl_c_cancels_the_statement() {
    let dir = dir();
    let sql = "SELECT count(*) FROM generate_series(1, 1000000) AS a (x) CROSS JOIN generate_series(1, 1000000) AS b (y) WHERE x + y = 7";
    let mut command = program(dir.path(), &["sql", "-c", sql]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none(), "the statement was over too soon");
    signal(&child, "INT");
    let signalled = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(signalled.elapsed() < Duration::from_secs(3), "{:?}", signalled.elapsed());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "cancelled\n");
}

#[test]
fn sigterm_stops_a_server_cleanly() {
    let dir = dir();
    let mut command = program(dir.path(), &["serve", "--flight", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("127.0.0.1:"), "{line}");
    signal(&child, "TERM");
    let signalled = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(signalled.elapsed() < Duration::from_secs(3), "{:?}", signalled.elapsed());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
}
