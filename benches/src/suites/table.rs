//! The figures of a suite as people read them, and as JSON.
//!
//! Times are milliseconds. Hot is the median of the runs after the first, and the ratio is that of `pareto` to the fastest
//! peer of any layout; cold is the first run, and the ratio that of `pareto-pq` to the fastest peer on the files. Below
//! stand geometric means: of the times, over what each could answer (`*` if not all), and of the times over ours, query by
//! query. `-` could not be answered; `!` marks an answer that is not the one most engines agree on.

use std::fmt;

use serde_json::{Value, json};

use super::answers::{Row, difference, sort};
use crate::ground::median;
use crate::peers::{Answer, Crowd, ENGINES, Engine, Layout};

/// A query and what every engine says, in the order of [`ENGINES`].
pub(super) struct Asked {
    name: String,
    answers: Vec<Answer>,
    /// What is different from the agreed answer.
    differences: Vec<Option<String>>,
}

/// Which of the runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heat {
    Hot,
    Cold,
}

impl Heat {
    /// The engine whose ratio is told.
    fn subject(self) -> &'static str {
        if self == Self::Hot { "pareto" } else { "pareto-pq" }
    }

    /// Whether a peer is one that our ratio is to.
    fn counts(self, engine: &Engine) -> bool {
        !engine.is_ours && (self == Self::Hot || engine.layout == Layout::Files)
    }
}

impl Asked {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), answers: vec![], differences: vec![] }
    }

    /// Adds what the next engine says.
    pub(super) fn add(&mut self, mut answer: Answer, is_ordered: bool) {
        if let (Answer::Done { rows, .. }, false) = (&mut answer, is_ordered) {
            sort(rows);
        }
        self.answers.push(answer);
    }

    /// Finds what most say, and who says something else.
    pub(super) fn compare(&mut self) {
        let said: Vec<&[Row]> = self.answers.iter().filter_map(rows).collect();
        let agreeing =
            |one: &&[Row]| said.iter().filter(|other| difference(one, other).is_none()).count();
        let agreed = said.iter().copied().max_by_key(agreeing).unwrap_or_default();
        let differ = |answer: &Answer| difference(rows(answer)?, agreed);
        self.differences = self.answers.iter().map(differ).collect();
    }

    /// Where ours fails or is not what the others say.
    pub(super) fn wrong(&self) -> Vec<String> {
        let ours = ENGINES.iter().zip(&self.answers).zip(&self.differences);
        let tell = |((engine, answer), difference): ((&Engine, &Answer), &Option<String>)| {
            let problem = match answer {
                Answer::Cannot(reason) => Some(reason),
                Answer::Done { .. } => difference.as_ref(),
            };
            problem.map(|problem| format!("{}: {} is wrong: {problem}", self.name, engine.name))
        };
        ours.filter(|((engine, _), _)| engine.is_ours).filter_map(tell).collect()
    }
}

fn rows(answer: &Answer) -> Option<&[Row]> {
    match answer {
        Answer::Done { rows, .. } => Some(rows),
        Answer::Cannot(_) => None,
    }
}

/// Seconds of an answer that is right.
fn seconds(asked: &Asked, place: usize, heat: Heat) -> Option<f64> {
    match (&asked.answers[place], &asked.differences[place], heat) {
        (Answer::Done { hot, .. }, None, Heat::Hot) => Some(median(hot.clone())),
        (Answer::Done { cold, .. }, None, Heat::Cold) => Some(*cold),
        (Answer::Done { .. }, Some(_), _) | (Answer::Cannot(_), _, _) => None,
    }
}

fn place_of(name: &str) -> usize {
    ENGINES.iter().position(|engine| engine.name == name).unwrap_or(0)
}

/// The fastest peer that counts, and our time over its.
fn best(asked: &Asked, heat: Heat) -> Option<(&'static str, f64)> {
    let peers = ENGINES.iter().enumerate().filter(|(_, engine)| heat.counts(engine));
    let times = peers.filter_map(|(place, peer)| Some((peer.name, seconds(asked, place, heat)?)));
    let (peer, time) = times.min_by(|one, other| one.1.total_cmp(&other.1))?;
    Some((peer, seconds(asked, place_of(heat.subject()), heat)? / time))
}

#[expect(clippy::cast_precision_loss, reason = "a count of queries")]
fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// The tables of a suite, hot and cold, and what could not be answered.
pub(super) fn show(title: &str, asked: &[Asked]) -> String {
    let hot = format!("\n{title}, hot: median of runs after the first, ms\n");
    let cold = format!("\n{title}, cold: first run of a process, files in the page cache, ms\n");
    let mut text = [hot, table(asked, Heat::Hot), cold, table(asked, Heat::Cold)].concat();
    let mut told = vec![];
    for asked in asked {
        for ((engine, answer), difference) in
            ENGINES.iter().zip(&asked.answers).zip(&asked.differences)
        {
            let line = match (answer, difference) {
                (Answer::Cannot(reason), _) => {
                    let first = reason.lines().next().unwrap_or_default();
                    format!("- {}: {first}", engine.name)
                }
                (Answer::Done { .. }, Some(difference)) => {
                    format!("! {}, {}: {difference}", engine.name, asked.name)
                }
                (Answer::Done { .. }, None) => continue,
            };
            // One reason often holds for many queries.
            if !told.contains(&line) {
                told.push(line);
            }
        }
    }
    text.push_str(&told.join("\n"));
    text
}

fn table(asked: &[Asked], heat: Heat) -> String {
    let width = |engine: &Engine| engine.name.len().max(8) + 1;
    let mut lines = vec![head()];
    for asked in asked {
        let mut line = format!("{:<16}", asked.name);
        for (place, engine) in ENGINES.iter().enumerate() {
            let cell = match (&asked.differences[place], seconds(asked, place, heat)) {
                (Some(_), _) => "!".to_owned(),
                (None, Some(seconds)) => milliseconds(seconds),
                (None, None) => "-".to_owned(),
            };
            line.push_str(&format!("{cell:>0$}", width(engine)));
        }
        if let Some((peer, ratio)) = best(asked, heat) {
            line.push_str(&format!("{ratio:>7.2}  {peer}"));
        }
        lines.push(line);
    }
    let (mut means, mut over) =
        (format!("{:<16}", "geometric mean"), format!("{:<16}", "over ours"));
    let ours = place_of(heat.subject());
    for (place, engine) in ENGINES.iter().enumerate() {
        let (mut times, mut ratios) = (vec![], vec![]);
        for asked in asked {
            let time = seconds(asked, place, heat);
            times.extend(time);
            ratios.extend(time.zip(seconds(asked, ours, heat)).map(|(time, ours)| time / ours));
        }
        let star = if times.len() == asked.len() { "" } else { "*" };
        let mean = |values: &[f64], shown: String| {
            if values.is_empty() { "-".to_owned() } else { format!("{shown}{star}") }
        };
        let time = mean(&times, milliseconds(geometric_mean(&times)));
        let ratio = mean(&ratios, format!("{:.2}", geometric_mean(&ratios)));
        means.push_str(&format!("{time:>0$}", width(engine)));
        over.push_str(&format!("{ratio:>0$}", width(engine)));
    }
    let ratios: Vec<_> =
        asked.iter().filter_map(|asked| best(asked, heat)).map(|(_, ratio)| ratio).collect();
    if !ratios.is_empty() {
        means.push_str(&format!("{:>7.2}  the best of each", geometric_mean(&ratios)));
    }
    lines.extend([means, over, String::new()]);
    lines.join("\n")
}

fn head() -> String {
    let mut line = " ".repeat(16);
    for engine in &ENGINES {
        line.push_str(&format!("{:>1$}", engine.name, engine.name.len().max(8) + 1));
    }
    format!("{line}  ratio  to the fastest peer")
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.1}", seconds * 1e3)
}

/// Every run of every engine.
pub(super) fn json(asked: &[Asked]) -> Value {
    let one = |asked: &Asked| {
        let engines = ENGINES.iter().zip(&asked.answers).zip(&asked.differences);
        let engines = engines.map(|((engine, answer), difference)| match answer {
            Answer::Done { cold, hot, rows } => json!({
                "engine": engine.name, "cold": cold, "hot": median(hot.clone()), "hot_runs": hot, "rows": rows.len(),
                "difference": difference,
            }),
            Answer::Cannot(reason) => json!({ "engine": engine.name, "reason": reason }),
        });
        let told =
            |heat| best(asked, heat).map(|(peer, ratio)| json!({ "peer": peer, "ratio": ratio }));
        json!({
            "query": asked.name, "engines": engines.collect::<Vec<_>>(),
            "hot_ratio": told(Heat::Hot), "cold_ratio": told(Heat::Cold),
        })
    };
    asked.iter().map(one).collect()
}

/// How each engine serves many clients.
#[derive(Default)]
pub(super) struct Crowds(Vec<(&'static str, Result<Crowd, String>)>);

impl Crowds {
    pub(super) fn add(&mut self, engine: &'static str, crowd: Result<Crowd, String>) {
        self.0.push((engine, crowd));
    }

    pub(super) fn json(&self) -> Value {
        let one = |(engine, crowd): &(&str, Result<Crowd, String>)| match crowd {
            Ok(crowd) => json!({
                "engine": engine, "answers_per_second": crowd.rate(), "p50": crowd.quantile(0.5),
                "p99": crowd.quantile(0.99), "answers": crowd.latencies.len(),
            }),
            Err(reason) => json!({ "engine": engine, "reason": reason }),
        };
        self.0.iter().map(one).collect()
    }
}

impl fmt::Display for Crowds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<16}{:>12}{:>12}{:>12}", "", "answers/s", "p50 ms", "p99 ms")?;
        for (engine, crowd) in &self.0 {
            match crowd {
                Ok(crowd) => {
                    let [middle, late] =
                        [0.5, 0.99].map(|share| milliseconds(crowd.quantile(share)));
                    writeln!(f, "{engine:<16}{:>12.1}{middle:>12}{late:>12}", crowd.rate())?;
                }
                Err(reason) => writeln!(f, "{engine:<16}{:>12}  {reason}", "-")?,
            }
        }
        Ok(())
    }
}

impl Crowd {
    #[expect(clippy::cast_precision_loss, reason = "a count of answers")]
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// Seconds within which this share of the answers came.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a short list"
    )]
    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len() as f64 * share) as usize;
        sorted.get(place).copied().unwrap_or(f64::NAN)
    }
}
