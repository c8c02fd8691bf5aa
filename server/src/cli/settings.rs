//! Settings: arguments, variables and file settled into one answer per question.
//!
//! A flag beats its variable, a variable beats `pareto.toml`, the file beats the default. `--warehouse` and
//! `--connect` answer the same question, so the one said in the stronger place wins, and saying both in one place is
//! refused.
//!
//! Example: `connect = "grpc://host:31337"` in the file and `--warehouse w` on the line: the directory `w` is opened.

use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;
use pareto_engine::EngineOptions;

use super::access;
use super::args::{Arguments, Command, DemoArguments, GlobalArguments, SqlArguments};
use super::config::ConfigFile;
use super::error::{CliError, Result};
use super::output::Format;
use crate::remote::Credentials;
use crate::security::Security;

/// The warehouse when nobody says.
const DEFAULT_WAREHOUSE: &str = "./pareto-warehouse";
/// The Flight SQL address when nobody says: loopback only.
const DEFAULT_FLIGHT: &str = "127.0.0.1:31337";
/// The demo's directory when nobody says.
const DEFAULT_DEMO_DIR: &str = "./pareto-demo";
/// The demo's size when nobody says.
const DEFAULT_CUSTOMERS: u64 = 20_000;

/// Everything the commands need to know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// The warehouse or the server to work on.
    pub(crate) target: Target,
    /// Where to listen.
    pub(crate) listen: Listen,
    /// As whom to connect.
    pub(crate) credentials: Credentials,
    /// `pareto sql`.
    pub(crate) sql: SqlSettings,
    /// `pareto demo`.
    pub(crate) demo: DemoSettings,
    /// What statements may use of the machine.
    pub(crate) resources: Resources,
}

/// What `pareto sql` talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A warehouse, opened in this process.
    Warehouse(String),
    /// A running server.
    Server(String),
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen {
    /// Flight SQL.
    pub(crate) flight: String,
    /// Whether the Flight SQL address is the default one, which the demo may leave for a free one.
    pub(crate) flight_is_default: bool,
    /// Health over HTTP, if wanted.
    pub(crate) http: Option<String>,
    /// Who may connect.
    pub(crate) security: Security,
}

/// How `pareto sql` runs and prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlSettings {
    /// What to run, in order; empty means the prompt, or standard input.
    pub(crate) sources: Vec<Source>,
    /// How to print; `None` means a table on a terminal and CSV elsewhere.
    pub(crate) format: Option<Format>,
    /// Whether to print the time each statement took.
    pub(crate) timing: bool,
}

/// Where statements come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// `-c`
    Text(String),
    /// `-f`; `-` is standard input.
    File(PathBuf),
}

/// How big the demo is and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DemoSettings {
    /// Where the warehouse is made.
    pub(crate) dir: PathBuf,
    /// How many customers, if anybody said.
    pub(crate) customers: u64,
    /// Whether to leave after the report.
    pub(crate) exit: bool,
}

/// What statements may use of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resources {
    /// Memory, in bytes.
    pub(crate) memory_limit_bytes: Option<u64>,
    /// Where to spill.
    pub(crate) spill_dir: Option<PathBuf>,
    /// How much to spill, in bytes.
    pub(crate) spill_limit_bytes: Option<u64>,
    /// Where to keep blocks of data files.
    pub(crate) block_cache_dir: Option<PathBuf>,
    /// How many of them, in bytes.
    pub(crate) block_cache_limit_bytes: Option<u64>,
    /// Threads.
    pub(crate) threads: Option<usize>,
}

impl Resources {
    /// The engine's options for one warehouse.
    pub(crate) fn engine_options(&self, warehouse: &str) -> Result<EngineOptions> {
        let memory_limit_bytes =
            self.memory_limit_bytes.map(usize::try_from).transpose().map_err(|_| {
                CliError::usage(
                    "--memory-limit is more than this machine can address",
                    "give a lower one",
                )
            })?;
        if self.threads == Some(0) {
            return Err(CliError::usage("--threads is 0", "give it at least 1, or leave it out"));
        }
        Ok(EngineOptions {
            memory_limit_bytes,
            spill_dir: self.spill_dir.clone(),
            spill_limit_bytes: self.spill_limit_bytes,
            block_cache_dir: self.block_cache_dir.clone(),
            block_cache_limit_bytes: self.block_cache_limit_bytes,
            threads: self.threads,
            warehouse: warehouse.to_owned(),
            ..EngineOptions::default()
        })
    }
}

/// How strong the place is that an answer comes from; later is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    File,
    Variable,
    Flag,
}

impl Settings {
    /// Reads the file and settles everything.
    pub(crate) fn settle(arguments: &Arguments, matches: &ArgMatches) -> Result<Self> {
        let file = ConfigFile::load(arguments.global.config.as_deref())?;
        let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
        Self::merge(arguments, matches, file)
    }

    /// Settles arguments (with the matches of their command) over a file.
    fn merge(arguments: &Arguments, matches: &ArgMatches, file: ConfigFile) -> Result<Self> {
        let (demo, sql) = (DemoArguments::default(), SqlArguments::default());
        let security = match &arguments.command {
            Command::Demo(demo) => access::security(&demo.security, &file)?,
            Command::Serve(serve) => access::security(&serve.security, &file)?,
            Command::Sql(_) | Command::Doctor(_) => Security::default(),
        };
        let client = matches!(arguments.command, Command::Sql(_));
        let (demo, sql, warehouse, flight, http) = match &arguments.command {
            Command::Demo(demo) => (demo, &sql, None, &demo.flight, &demo.http),
            Command::Serve(serve) => {
                (&demo, &sql, serve.warehouse.as_deref(), &serve.flight, &serve.http)
            }
            Command::Sql(sql) => (&demo, sql, sql.warehouse.as_deref(), &None, &None),
            Command::Doctor(doctor) => (&demo, &sql, doctor.warehouse.as_deref(), &None, &None),
        };
        let flight = flight.clone().or_else(|| file.flight.clone());
        let exits = demo.exit.or(file.exit).unwrap_or(false);
        Ok(Self {
            target: target(warehouse, client.then_some(sql), matches, &file)?,
            listen: Listen {
                flight_is_default: flight.is_none(),
                flight: flight.unwrap_or_else(|| DEFAULT_FLIGHT.to_owned()),
                http: http.clone().or_else(|| file.http.clone()),
                security,
            },
            credentials: if client {
                access::credentials(sql, &file)?
            } else {
                Credentials::default()
            },
            sql: SqlSettings {
                sources: sources(sql, matches, &file),
                format: sql.format.or(file.format),
                timing: sql.timing.or(file.timing).unwrap_or(false),
            },
            demo: DemoSettings {
                dir: demo
                    .dir
                    .clone()
                    .or_else(|| file.dir.clone())
                    .unwrap_or_else(|| PathBuf::from(DEFAULT_DEMO_DIR)),
                customers: demo.customers.or(file.customers).unwrap_or(DEFAULT_CUSTOMERS),
                exit: exits,
            },
            resources: resources(&arguments.global, file),
        })
    }
}

/// What statements may use, flag over file.
fn resources(arguments: &GlobalArguments, file: ConfigFile) -> Resources {
    Resources {
        memory_limit_bytes: arguments.memory_limit.or(file.memory_limit).map(|size| size.bytes),
        spill_dir: arguments.spill_dir.clone().or(file.spill_dir),
        spill_limit_bytes: arguments.spill_limit.or(file.spill_limit).map(|size| size.bytes),
        block_cache_dir: arguments.block_cache_dir.clone().or(file.block_cache_dir),
        block_cache_limit_bytes: arguments
            .block_cache_limit
            .or(file.block_cache_limit)
            .map(|size| size.bytes),
        threads: arguments.threads.or(file.threads),
    }
}

/// Where a value that clap found came from.
fn strength(matches: &ArgMatches, id: &str) -> Strength {
    let source = matches.try_contains_id(id).ok().and_then(|_| matches.value_source(id));
    if source == Some(ValueSource::EnvVariable) { Strength::Variable } else { Strength::Flag }
}

/// `--warehouse` against `--connect`: the stronger place wins.
fn target(
    warehouse: Option<&str>,
    client: Option<&SqlArguments>,
    matches: &ArgMatches,
    file: &ConfigFile,
) -> Result<Target> {
    let of_file = |value: &Option<String>| value.clone().map(|value| (Strength::File, value));
    let warehouse = warehouse
        .map(|value| (strength(matches, "warehouse"), value.to_owned()))
        .or_else(|| of_file(&file.warehouse));
    // Only `pareto sql` can be a client; the others would silently ignore the key, so it does not concern them.
    let connect = client.and_then(|sql| match &sql.connect {
        Some(value) => Some((strength(matches, "connect"), value.clone())),
        None => of_file(&file.connect),
    });
    match (warehouse, connect) {
        (None, None) => Ok(Target::Warehouse(DEFAULT_WAREHOUSE.to_owned())),
        (Some((_, url)), None) => Ok(Target::Warehouse(url)),
        (None, Some((_, url))) => Ok(Target::Server(url)),
        (Some((ours, url)), Some((theirs, _))) if ours > theirs => Ok(Target::Warehouse(url)),
        (Some((ours, _)), Some((theirs, url))) if theirs > ours => Ok(Target::Server(url)),
        (Some((ours, _)), Some(_)) => Err(CliError::usage(
            format!("both a warehouse and a server are given, {}", place(ours)),
            "give --warehouse to open a warehouse in this process, or --connect to ask a running server",
        )),
    }
}

/// How a message names a place.
fn place(strength: Strength) -> &'static str {
    match strength {
        Strength::Flag => "by --warehouse and --connect",
        Strength::Variable => "by PARETO_WAREHOUSE and PARETO_CONNECT",
        Strength::File => "by the keys warehouse and connect of the configuration file",
    }
}

/// `-c` and `-f` in the order given; variables only when there is no flag of either kind, the file only without both.
fn sources(sql: &SqlArguments, matches: &ArgMatches, file: &ConfigFile) -> Vec<Source> {
    let indices = |id: &str| -> Vec<usize> {
        match matches.try_contains_id(id) {
            Ok(true) => matches.indices_of(id).map(Iterator::collect).unwrap_or_default(),
            Ok(false) | Err(_) => Vec::new(),
        }
    };
    let texts = sql.command.iter().cloned().map(Source::Text);
    let files = sql.file.iter().cloned().map(Source::File);
    let mut found: Vec<(Strength, usize, Source)> = Vec::new();
    for (id, values) in [("command", texts.collect::<Vec<_>>()), ("file", files.collect())] {
        let places = indices(id);
        for (at, value) in values.into_iter().enumerate() {
            found.push((strength(matches, id), places.get(at).copied().unwrap_or(at), value));
        }
    }
    if found.iter().any(|(strength, ..)| *strength == Strength::Flag) {
        found.retain(|(strength, ..)| *strength == Strength::Flag);
    }
    if found.is_empty() {
        let texts = file.command.iter().cloned().map(Source::Text);
        return texts.chain(file.file.iter().cloned().map(Source::File)).collect();
    }
    found.sort_by_key(|(_, index, _)| *index);
    found.into_iter().map(|(_, _, source)| source).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::{CommandFactory, FromArgMatches};

    use super::*;

    fn settle(line: &str, file: &str) -> Result<Settings> {
        let matches = Arguments::command().try_get_matches_from(line.split_whitespace())?;
        let arguments = Arguments::from_arg_matches(&matches)?;
        let (_, matches) = matches.subcommand().unwrap();
        Settings::merge(&arguments, matches, ConfigFile::parse(file, Path::new("pareto.toml"))?)
    }

    #[test]
    fn defaults() {
        let settings = settle("pareto sql", "").unwrap();
        assert_eq!(settings.target, Target::Warehouse("./pareto-warehouse".into()));
        assert_eq!(settings.sql, SqlSettings { sources: vec![], format: None, timing: false });
        let settings = settle("pareto demo", "").unwrap();
        assert_eq!((settings.demo.customers, settings.demo.exit), (20_000, false));
        assert_eq!(settings.listen.flight, "127.0.0.1:31337");
        assert!(settings.listen.flight_is_default);
    }

    #[test]
    fn a_flag_beats_the_file() {
        let file = "format = \"json\"\ntiming = true\nthreads = 2\nmemory_limit = \"1GB\"";
        let settings = settle("pareto sql --format csv --threads 5 --timing=no", file).unwrap();
        assert_eq!(settings.sql.format, Some(Format::Csv));
        assert!(!settings.sql.timing);
        assert_eq!(settings.resources.threads, Some(5));
        assert_eq!(settings.resources.memory_limit_bytes, Some(1_000_000_000));
    }

    #[test]
    fn statements_keep_their_order() {
        let settings = settle("pareto sql -c A -f b.sql -c C", "command = [\"X\"]").unwrap();
        let expected =
            [Source::Text("A".into()), Source::File("b.sql".into()), Source::Text("C".into())];
        assert_eq!(settings.sql.sources, expected);
        let settings = settle("pareto sql", "command = [\"X\"]").unwrap();
        assert_eq!(settings.sql.sources, [Source::Text("X".into())]);
    }

    #[test]
    fn the_stronger_place_names_the_target() {
        let target = |line: &str, file: &str| settle(line, file).map(|settings| settings.target);
        let server = "connect = \"grpc://h:1\"";
        assert_eq!(target("pareto sql", server).unwrap(), Target::Server("grpc://h:1".into()));
        assert_eq!(
            target("pareto sql --warehouse w", server).unwrap(),
            Target::Warehouse("w".into())
        );
        assert_eq!(
            target("pareto sql --connect grpc://x:2", "warehouse = \"w\"").unwrap(),
            Target::Server("grpc://x:2".into())
        );
        assert_eq!(
            target("pareto serve", server).unwrap(),
            Target::Warehouse("./pareto-warehouse".into())
        );
        let both = target("pareto sql --warehouse w --connect grpc://x:2", "").unwrap_err();
        assert!(both.to_string().contains("--warehouse and --connect"), "{both}");
        let both = target("pareto sql", "warehouse = \"w\"\nconnect = \"grpc://x:2\"").unwrap_err();
        assert!(both.to_string().contains("configuration file"), "{both}");
    }
}
