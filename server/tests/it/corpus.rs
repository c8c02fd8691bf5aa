//! The specifications of DataFusion itself, asked twice: in process and over the wire. The answers must be the same.
//!
//! ```text
//! datafusion-sqllogictest 55.2.0     ┌─> a session of an engine ───────────────> rows as text ─┐
//!   test_files/**.slt ──> record ────┤                                                         ├─> equal?
//!                                    └─> a client of a server of another engine > rows as text ┘
//! ```
//!
//! Each file gets two fresh warehouses, and its records run in both in turn, so that both are in the same state all the
//! time. Rows, counts and the texts of errors must be the same; nothing
//! may hang. The answer is also compared with the one that the file expects, in the way of DataFusion's own runner; where
//! Pareto differs, `corpus/differences.txt` counts the records by kind and says why, file by file, and a panic or `INTERNAL`
//! is a kind of its own. The test holds that list to be exact: `UPDATE_CORPUS=1` writes the counts anew and keeps the
//! reasons, and every record that differs is in the report the test writes (its path is in the failure).
//!
//! The files come with `make corpus` and are not kept here. What reads or writes files beside them is not run, and their
//! folder of functions of Spark is left out, for Pareto does not have these.

mod differences;
mod expected;
mod records;
mod shown;
mod sides;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};

use differences::{Counts, Difference};
use records::{Asked, File};
use sides::{Answer, Sides};

/// Files that run at the same time.
const AT_ONCE: usize = 4;

/// No record takes longer than this, in process and over the wire together.
const PATIENCE: Duration = Duration::from_secs(60);

/// The fewest records that must be asked on both sides, and that must answer as their file expects.
const LEAST: (usize, usize) = (15_800, 10_600);

/// What came of a file.
struct Outcome {
    name: String,
    counts: Counts,
    differences: Vec<Difference>,
    /// Where the two sides disagree, or one of them hangs.
    defects: Vec<String>,
    took: Duration,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_specifications_of_datafusion_answer_alike_in_process_and_over_the_wire() {
    let files = records::files().unwrap();
    let running = files.into_iter().map(|file| tokio::spawn(run(file)));
    let mut outcomes: Vec<Outcome> = stream::iter(running)
        .buffer_unordered(AT_ONCE)
        .map(|outcome| outcome.unwrap())
        .collect()
        .await;
    outcomes.sort_by(|one, other| one.name.cmp(&other.name));
    let report = write_report(&outcomes);
    let defects: Vec<&str> =
        outcomes.iter().flat_map(|outcome| &outcome.defects).map(String::as_str).collect();
    assert!(defects.is_empty(), "{} defects\n{}", defects.len(), defects.join("\n"));
    let counts: Vec<(&str, Counts)> =
        outcomes.iter().map(|outcome| (outcome.name.as_str(), outcome.counts)).collect();
    if let Err(wrong) = differences::check(&counts) {
        panic!("{wrong}\nevery record that differs is in {}", report.display());
    }
    let asked: usize = counts.iter().map(|(_, counts)| counts.asked()).sum();
    let agreed: usize = counts.iter().map(|(_, counts)| counts.agreed).sum();
    assert!(asked >= LEAST.0 && agreed >= LEAST.1, "{asked} records asked, {agreed} as expected");
}

/// Asks every record of a file on both sides.
async fn run(file: File) -> Outcome {
    let mut outcome = Outcome {
        name: file.name,
        counts: Counts::default(),
        differences: Vec::new(),
        defects: Vec::new(),
        took: Duration::ZERO,
    };
    let began = Instant::now();
    let sides = Arc::new(Sides::start().await);
    for asked in file.records {
        let place = format!("{}:{}", outcome.name, asked.line);
        let answering = ask(Arc::clone(&sides), asked.sql.clone());
        let Ok((process, wire)) = tokio::time::timeout(PATIENCE, answering).await else {
            outcome.defects.push(format!("{place} hangs: {}", asked.sql));
            break;
        };
        if let Some(defect) = sides::compare(&asked.sql, &process, &wire) {
            outcome.defects.push(format!("{place} {defect}\n{}\n", asked.sql));
        }
        // A defect counts as one whichever side shows it.
        let answer = if process.is_defect() { process } else { wire };
        judge(&mut outcome, place, asked, answer);
    }
    outcome.took = began.elapsed();
    outcome
}

/// One record in process and over the wire; a panic in process is an answer too.
async fn ask(sides: Arc<Sides>, sql: String) -> (Answer, Answer) {
    let (in_process, text) = (Arc::clone(&sides), sql.clone());
    let process = tokio::spawn(async move { in_process.in_process(&text).await });
    let wire = sides.over_the_wire(&sql).await;
    (process.await.unwrap_or_else(|_| Answer::panicked()), wire)
}

/// Compares with what the file expects.
fn judge(outcome: &mut Outcome, place: String, asked: Asked, answer: Answer) {
    match expected::verdict(&asked, &answer) {
        None => outcome.counts.agreed += 1,
        Some(kind) => {
            outcome.counts.add(kind);
            outcome.differences.push(Difference { place, kind, asked, answer });
        }
    }
}

/// Writes down how long each file took and every record that differs from its file; returns where.
fn write_report(outcomes: &[Outcome]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("corpus.txt");
    let times = outcomes.iter().map(|outcome| format!("{:?} {}", outcome.took, outcome.name));
    let differences = outcomes.iter().flat_map(|outcome| &outcome.differences);
    let text: Vec<String> = times.chain(differences.map(ToString::to_string)).collect();
    std::fs::write(&path, text.join("\n")).unwrap();
    path
}
