//! Pareto beside its peers: the same questions to the same rows, each program in a process of its own.
//!
//! | Suite | What is asked |
//! |---|---|
//! | [`ssb`] | the thirteen queries of the Star Schema Benchmark |
//! | [`crm`] | the plain SQL of customer analysts to a customer star |
//! | [`cube`] | CUBE and ROLLUP over two to six dimensions of that star |
//! | [`dashboards`] | sixteen clients with small questions at once |
//! | `customer-value` | the functions of the trade, in [`crate::customer_value`]: a million customers for each unit of scale |
//!
//! Of each star the files are written, every engine ([`crate::peers`]) loads them, every query runs in a fresh process,
//! cold and then hot. Answers are compared: what most engines say counts as agreed. A table is printed for each suite,
//! `suites.json` keeps every run. Data goes to the temporary directory and is removed.

mod answers;
mod crm;
mod cube;
mod dashboards;
mod files;
mod ssb;
#[cfg(test)]
mod switches;
mod table;

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::customer_value;
use crate::peers::{Data, ENGINES, Table};
use table::{Asked, Crowds};

/// Seconds that the dashboards are asked.
const CROWD_S: f64 = 4.0;

/// The rows that suites ask.
struct Star {
    name: &'static str,
    tables: &'static [Table],
    /// How Pareto declares a table; empty if it takes the columns of the file.
    declaration: fn(&str) -> &'static str,
    write: fn(&Path, f64) -> Result<(), String>,
}

/// The name of a suite and its questions.
type Suite = (&'static str, fn() -> Vec<Query>);

/// One question, as each engine is asked.
#[derive(Debug, Clone)]
struct Query {
    name: String,
    sql: String,
    /// Words of its own for a dialect.
    others: Vec<(&'static str, String)>,
    /// Whether the rows come in an order.
    is_ordered: bool,
}

impl Query {
    fn new(name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { name: name.into(), sql: sql.into(), others: vec![], is_ordered: true }
    }

    fn told(mut self, dialect: &'static str, sql: impl Into<String>) -> Self {
        self.others.push((dialect, sql.into()));
        self
    }

    fn unordered(self) -> Self {
        Self { is_ordered: false, ..self }
    }

    fn text(&self, dialect: &str) -> &str {
        let other = self.others.iter().find(|(of, _)| *of == dialect);
        other.map_or(self.sql.as_str(), |(_, sql)| sql)
    }
}

/// Measures the suites with `part` in their names; the message is what to tell when an answer of ours is wrong.
pub(crate) fn run(scale: f64, part: &str) -> Result<(), String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let folder = std::env::temp_dir().join(format!("pareto-suites-{}", std::process::id()));
    let mut kept = Kept { folder: &folder, scale, threads, part, suites: vec![], wrong: vec![] };
    let measured = kept
        .star(&ssb::STAR, &[("ssb", ssb::queries)])
        .and_then(|()| kept.star(&crm::STAR, &[("crm", crm::queries), ("cube", cube::queries)]));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    measured?;
    if "customer-value".contains(part) {
        say("\ncustomer-value");
        let figures = customer_value::run(scale, "")?;
        figures.iter().for_each(|figure| say(&figure.to_string()));
        let figures: Vec<_> = figures.iter().map(customer_value::Figure::json).collect();
        kept.suites.push(json!({ "suite": "customer-value", "figures": figures }));
    }
    let all = json!({ "scale": scale, "threads": threads, "suites": kept.suites }).to_string();
    std::fs::write("suites.json", all).map_err(|error| format!("suites.json: {error}"))?;
    if kept.wrong.is_empty() { Ok(()) } else { Err(kept.wrong.join("\n")) }
}

/// A run through the suites, and what it keeps.
struct Kept<'a> {
    folder: &'a Path,
    scale: f64,
    threads: usize,
    part: &'a str,
    suites: Vec<Value>,
    /// Answers of ours that are not those of the others.
    wrong: Vec<String>,
}

impl Kept<'_> {
    /// Writes and loads a star, if one of its suites is wanted, and asks them.
    fn star(&mut self, star: &Star, suites: &[Suite]) -> Result<(), String> {
        let wants = |name: &str| name.contains(self.part);
        let wanted: Vec<_> = suites.iter().filter(|(name, _)| wants(name)).collect();
        let has_crowd = star.name == crm::STAR.name && wants("dashboards");
        if wanted.is_empty() && !has_crowd {
            return Ok(());
        }
        let files = self.folder.join(star.name);
        std::fs::create_dir_all(&files).map_err(|error| format!("{}: {error}", files.display()))?;
        (star.write)(&files, self.scale)?;
        let data = Data {
            folder: self.folder,
            name: star.name,
            tables: star.tables,
            declaration: star.declaration,
            threads: self.threads,
        };
        self.load(&data);
        for (name, queries) in wanted {
            self.ask(&data, name, &queries());
        }
        if has_crowd {
            self.crowd(&data);
        }
        // Of a large scale one star fits the disk more easily than two.
        std::fs::remove_dir_all(self.folder).map_err(|error| error.to_string())
    }

    fn load(&mut self, data: &Data<'_>) {
        let mut loaded = vec![];
        for engine in &ENGINES {
            progress(&format!("{}: {} loads", data.name, engine.name));
            loaded.push(match engine.load(data) {
                Ok((seconds, version)) => {
                    json!({ "engine": engine.name, "seconds": seconds, "version": version })
                }
                Err(problem) => {
                    say(&format!("{} does not load {}: {problem}", engine.name, data.name));
                    json!({ "engine": engine.name, "reason": problem })
                }
            });
        }
        self.suites.push(json!({ "load": data.name, "engines": loaded }));
    }

    fn ask(&mut self, data: &Data<'_>, suite: &str, queries: &[Query]) {
        let mut asked: Vec<_> = queries.iter().map(|query| Asked::new(&query.name)).collect();
        for engine in &ENGINES {
            progress(&format!("{suite}: {} answers", engine.name));
            let texts: Vec<_> = queries.iter().map(|query| query.text(engine.dialect)).collect();
            let began = Instant::now();
            let answers = engine.run(data, &texts);
            progress(&format!("  in {:.0} s", began.elapsed().as_secs_f64()));
            for ((query, asked), answer) in queries.iter().zip(&mut asked).zip(answers) {
                asked.add(answer, query.is_ordered);
            }
        }
        asked.iter_mut().for_each(Asked::compare);
        let title = format!("{suite}, scale {}, {} threads", self.scale, self.threads);
        say(&table::show(&title, &asked));
        self.wrong
            .extend(asked.iter().flat_map(Asked::wrong).map(|text| format!("{suite} {text}")));
        self.suites.push(json!({ "suite": suite, "figures": table::json(&asked) }));
    }

    fn crowd(&mut self, data: &Data<'_>) {
        let mut crowds = Crowds::default();
        for engine in &ENGINES {
            progress(&format!("dashboards: {} answers", engine.name));
            crowds.add(engine.name, engine.crowd(data, &dashboards::QUERIES, CROWD_S));
        }
        say(&format!(
            "\ndashboards, scale {}, {} threads, 16 clients\n{crowds}",
            self.scale, self.threads
        ));
        self.suites.push(json!({ "suite": "dashboards", "figures": crowds.json() }));
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// What happens now, for who waits.
fn progress(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
