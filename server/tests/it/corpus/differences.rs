//! Where Pareto answers otherwise than the files of the corpus expect: how often, of which kind, and why.
//!
//! The list is `differences.txt`, a line a file; a file that is not in it agrees in every record.
//!
//! ```text
//! group_by.slt  agreed 351, plan 40, setting 12: plans are Pareto's own
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::records::{Asked, Expected};
use super::sides::Answer;

/// How an answer differs from the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The plan of an EXPLAIN.
    Plan,
    /// A setting that Pareto does not have, or keeps to itself.
    Setting,
    /// A table is missing that comes from files, or whose statement was refused.
    Missing,
    /// Pareto refuses what DataFusion takes.
    Refused,
    /// Pareto takes what DataFusion refuses.
    Accepted,
    /// Other rows.
    Rows,
    /// A panic or `INTERNAL`, in process or over the wire.
    Defect,
}

/// A record that differs.
pub(super) struct Difference {
    pub(super) place: String,
    pub(super) kind: Kind,
    pub(super) asked: Asked,
    pub(super) answer: Answer,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "== {} {:?}\n{}\n-- expected", self.place, self.kind, self.asked.sql)?;
        match &self.asked.expected {
            Expected::Success => writeln!(f, "success")?,
            Expected::Count(count) => writeln!(f, "count {count}")?,
            Expected::Failure => writeln!(f, "an error")?,
            Expected::Rows(rows, _) => rows.iter().try_for_each(|row| writeln!(f, "{row}"))?,
        }
        writeln!(f, "-- answered")?;
        match &self.answer {
            Answer::Rows(rows) => rows.iter().try_for_each(|row| writeln!(f, "{}", row.join(" "))),
            Answer::Changed(count) => writeln!(f, "count {count:?}"),
            Answer::Failed { message, .. } => writeln!(f, "{message}"),
        }
    }
}

/// The records of a file by what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) agreed: usize,
    plan: usize,
    setting: usize,
    missing: usize,
    refused: usize,
    accepted: usize,
    rows: usize,
    defect: usize,
}

impl Counts {
    pub(super) fn add(&mut self, kind: Kind) {
        *match kind {
            Kind::Plan => &mut self.plan,
            Kind::Setting => &mut self.setting,
            Kind::Missing => &mut self.missing,
            Kind::Refused => &mut self.refused,
            Kind::Accepted => &mut self.accepted,
            Kind::Rows => &mut self.rows,
            Kind::Defect => &mut self.defect,
        } += 1;
    }

    fn differing(&self) -> [(&'static str, usize); 7] {
        [
            ("plan", self.plan),
            ("setting", self.setting),
            ("missing", self.missing),
            ("refused", self.refused),
            ("accepted", self.accepted),
            ("rows", self.rows),
            ("defect", self.defect),
        ]
    }

    pub(super) fn asked(&self) -> usize {
        self.agreed + self.differing().iter().map(|(_, count)| count).sum::<usize>()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "agreed {}", self.agreed)?;
        let differing = self.differing();
        let mut some = differing.iter().filter(|(_, count)| *count > 0);
        some.try_for_each(|(name, count)| write!(f, ", {name} {count}"))
    }
}

fn list() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/corpus/differences.txt")
}

/// Holds the list to be exact, or writes it.
pub(super) fn check(found: &[(&str, Counts)]) -> Result<(), String> {
    let text = std::fs::read_to_string(list()).unwrap_or_default();
    let told: BTreeMap<&str, (&str, &str)> = text.lines().filter_map(line).collect();
    let is_listed = |counts: &Counts| counts.agreed != counts.asked();
    let now: BTreeMap<&str, String> = found
        .iter()
        .filter(|(_, counts)| is_listed(counts))
        .map(|(name, counts)| (*name, counts.to_string()))
        .collect();
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        let head = text.lines().take_while(|line| line.starts_with('#'));
        let body = now.iter().map(|(name, counts)| {
            let why = told.get(name).map_or("", |(_, why)| *why);
            format!("{name}  {counts}: {why}").trim_end().to_owned()
        });
        let lines: Vec<String> = head.map(str::to_owned).chain(body).collect();
        return std::fs::write(list(), lines.join("\n") + "\n").map_err(|error| error.to_string());
    }
    let mut wrong = Vec::new();
    for (name, counts) in &now {
        match told.get(name) {
            None => wrong.push(format!("{name} is not in the list: {counts}")),
            Some((listed, _)) if listed != counts => {
                wrong.push(format!("{name}: listed {listed}; found {counts}"));
            }
            Some((_, "")) => wrong.push(format!("{name} has no reason")),
            Some(_) => {}
        }
    }
    let gone = told.keys().filter(|name| !now.contains_key(*name));
    wrong.extend(gone.map(|name| format!("{name} agrees in every record; take it off the list")));
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}\nUPDATE_CORPUS=1 writes the counts of {}", wrong.join("\n"), list().display()))
}

/// `name  counts: why`
fn line(line: &str) -> Option<(&str, (&str, &str))> {
    let (name, rest) = line.split_once("  ").filter(|_| !line.starts_with('#'))?;
    let (counts, why) = rest.split_once(':')?;
    Some((name, (counts, why.trim())))
}
