//! The arguments: what clap reads from the command line and from `PARETO_*` variables.
//!
//! Every flag is an `Option`: absence means "ask pareto.toml, then the default", which is decided in
//! [`super::settings`] and nowhere else. So no flag has a clap default, and a flag always beats its variable.
//!
//! Example: `PARETO_FORMAT=json pareto sql --format csv -c 'SELECT 1'` prints CSV.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};
use serde::Deserialize;

use super::output::Format;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "pareto",
    version,
    about = "A customer-analytics warehouse: Delta tables, customer-value SQL, Arrow Flight SQL",
    after_help = "Every flag has a variable PARETO_<FLAG> and a key in pareto.toml; a flag beats its variable, a \
                  variable beats the file.\nLog lines: PARETO_LOG=info (or debug, or pareto_engine=debug).",
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, Default, Args)]
pub(crate) struct GlobalArguments {
    /// Read settings from this file [default: ./pareto.toml, if there is one]
    #[arg(long, global = true, env = "PARETO_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Memory for running statements, such as 4GB [default: 60 % of the machine's]
    #[arg(
        long,
        global = true,
        env = "PARETO_MEMORY_LIMIT",
        value_name = "SIZE",
        help_heading = "Resources"
    )]
    pub(crate) memory_limit: Option<Size>,
    /// Where statements spill what does not fit into memory [default: the system's temporary directory]
    #[arg(
        long,
        global = true,
        env = "PARETO_SPILL_DIR",
        value_name = "DIR",
        help_heading = "Resources"
    )]
    pub(crate) spill_dir: Option<PathBuf>,
    /// Disk space for spilling, such as 50GB
    #[arg(
        long,
        global = true,
        env = "PARETO_SPILL_LIMIT",
        value_name = "SIZE",
        help_heading = "Resources"
    )]
    pub(crate) spill_limit: Option<Size>,
    /// Where to keep what is read of data files in S3 for the next question, here and in the next run [default: nowhere]
    #[arg(
        long,
        global = true,
        env = "PARETO_BLOCK_CACHE_DIR",
        value_name = "DIR",
        help_heading = "Resources"
    )]
    pub(crate) block_cache_dir: Option<PathBuf>,
    /// Disk space for it [default: 10GB]
    #[arg(
        long,
        global = true,
        env = "PARETO_BLOCK_CACHE_LIMIT",
        value_name = "SIZE",
        help_heading = "Resources"
    )]
    pub(crate) block_cache_limit: Option<Size>,
    /// Threads for running statements [default: one per core]
    #[arg(
        long,
        global = true,
        env = "PARETO_THREADS",
        value_name = "N",
        help_heading = "Resources"
    )]
    pub(crate) threads: Option<usize>,
}

/// The four commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a warehouse, load it, print the customer-value report, then serve it
    Demo(DemoArguments),
    /// Serve a warehouse over Arrow Flight SQL, and health over HTTP
    Serve(ServeArguments),
    /// Run statements, or open a prompt
    Sql(SqlArguments),
    /// Check the store (atomic put-if-absent, clock, permissions) and the catalog
    Doctor(DoctorArguments),
}

/// `pareto demo`.
#[derive(Debug, Default, Args)]
pub(crate) struct DemoArguments {
    /// Who may connect.
    #[command(flatten)]
    pub(crate) security: SecurityArguments,
    /// Where to make the warehouse [default: ./pareto-demo]
    #[arg(long, env = "PARETO_DIR", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// How many customers to generate, with 50 sales each [default: 20000]
    #[arg(long, env = "PARETO_CUSTOMERS", value_name = "N")]
    pub(crate) customers: Option<u64>,
    /// Print the report and leave, without serving
    #[arg(long, env = "PARETO_EXIT", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = BoolishValueParser::new(), value_name = "YES|NO", hide_possible_values = true)]
    pub(crate) exit: Option<bool>,
    /// Where to serve Flight SQL [default: 127.0.0.1:31337]
    #[arg(long, env = "PARETO_FLIGHT", value_name = "ADDR")]
    pub(crate) flight: Option<String>,
    /// Where to serve health over HTTP [default: nowhere]
    #[arg(long, env = "PARETO_HTTP", value_name = "ADDR")]
    pub(crate) http: Option<String>,
}

/// Who may connect, of `pareto serve` and `pareto demo`.
#[derive(Debug, Default, Args)]
pub(crate) struct SecurityArguments {
    /// The server's certificate, then those that lead to its CA (PEM; read again when it changes)
    #[arg(long, env = "PARETO_TLS_CERT", value_name = "FILE", help_heading = "Security")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, env = "PARETO_TLS_KEY", value_name = "FILE", help_heading = "Security")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Let only clients connect that have a certificate of this CA (PEM)
    #[arg(long, env = "PARETO_TLS_CLIENT_CA", value_name = "FILE", help_heading = "Security")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// Serve other machines without TLS or without users
    #[arg(long, env = "PARETO_INSECURE", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = BoolishValueParser::new(), value_name = "YES|NO", hide_possible_values = true,
          help_heading = "Security")]
    pub(crate) insecure: Option<bool>,
    /// A file of at least 32 random bytes that signs tokens, the same on all servers [default: made anew at each start]
    #[arg(long, env = "PARETO_TOKEN_KEY", value_name = "FILE", help_heading = "Security")]
    pub(crate) token_key: Option<PathBuf>,
    /// How long a token is good, in minutes [default: 480]
    #[arg(long, env = "PARETO_TOKEN_MINUTES", value_name = "N", help_heading = "Security")]
    pub(crate) token_minutes: Option<u64>,
    /// Take tokens (JWT) signed with these keys (JWKS): a file, or an https address
    #[arg(long, env = "PARETO_JWT_KEYS", value_name = "FILE|URL", help_heading = "Security")]
    pub(crate) jwt_keys: Option<String>,
    /// Who must have issued such a token (its claim iss)
    #[arg(long, env = "PARETO_JWT_ISSUER", value_name = "TEXT", help_heading = "Security")]
    pub(crate) jwt_issuer: Option<String>,
    /// Whom such a token must be for (its claim aud)
    #[arg(long, env = "PARETO_JWT_AUDIENCE", value_name = "TEXT", help_heading = "Security")]
    pub(crate) jwt_audience: Option<String>,
    /// The claim of such a token that names the user [default: sub]
    #[arg(long, env = "PARETO_JWT_CLAIM", value_name = "NAME", help_heading = "Security")]
    pub(crate) jwt_claim: Option<String>,
}

/// `pareto serve`.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArguments {
    /// Who may connect.
    #[command(flatten)]
    pub(crate) security: SecurityArguments,
    /// A directory or s3://bucket/prefix [default: ./pareto-warehouse]
    #[arg(long, env = "PARETO_WAREHOUSE", value_name = "URL")]
    pub(crate) warehouse: Option<String>,
    /// Where to serve Flight SQL [default: 127.0.0.1:31337]
    #[arg(long, env = "PARETO_FLIGHT", value_name = "ADDR")]
    pub(crate) flight: Option<String>,
    /// Where to serve health over HTTP [default: nowhere]
    #[arg(long, env = "PARETO_HTTP", value_name = "ADDR")]
    pub(crate) http: Option<String>,
}

/// `pareto sql`.
#[derive(Debug, Default, Args)]
pub(crate) struct SqlArguments {
    /// A directory or s3://bucket/prefix [default: ./pareto-warehouse]
    #[arg(long, env = "PARETO_WAREHOUSE", value_name = "URL")]
    pub(crate) warehouse: Option<String>,
    /// A running server: grpc://HOST:PORT, or grpc+tls://HOST:PORT
    #[arg(long, env = "PARETO_CONNECT", value_name = "URL")]
    pub(crate) connect: Option<String>,
    /// Who connects to the server
    #[arg(long, env = "PARETO_USER", value_name = "NAME", help_heading = "Server")]
    pub(crate) user: Option<String>,
    /// The user's password; better given by the variable, because others can see flags
    #[arg(
        long,
        env = "PARETO_PASSWORD",
        hide_env_values = true,
        value_name = "TEXT",
        help_heading = "Server"
    )]
    pub(crate) password: Option<String>,
    /// A token to connect with, instead of a user and a password
    #[arg(
        long,
        env = "PARETO_TOKEN",
        hide_env_values = true,
        value_name = "TEXT",
        help_heading = "Server"
    )]
    pub(crate) token: Option<String>,
    /// The CA of the server's certificate (PEM) [default: those of the system]
    #[arg(long, env = "PARETO_TLS_CA", value_name = "FILE", help_heading = "Server")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Our own certificate (PEM), for a server that asks for one
    #[arg(long, env = "PARETO_TLS_CERT", value_name = "FILE", help_heading = "Server")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of our certificate (PEM)
    #[arg(long, env = "PARETO_TLS_KEY", value_name = "FILE", help_heading = "Server")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Statements to run, separated by ';' (may be given many times; -c and -f run in the order given)
    #[arg(short = 'c', long, env = "PARETO_COMMAND", value_name = "SQL")]
    pub(crate) command: Vec<String>,
    /// A file of statements, '-' for standard input (may be given many times)
    #[arg(short = 'f', long, env = "PARETO_FILE", value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// How to print results [default: table on a terminal, else csv]
    #[arg(long, env = "PARETO_FORMAT", value_name = "F")]
    pub(crate) format: Option<Format>,
    /// Print how long each statement took, on standard error
    #[arg(long, env = "PARETO_TIMING", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = BoolishValueParser::new(), value_name = "YES|NO", hide_possible_values = true)]
    pub(crate) timing: Option<bool>,
}

/// `pareto doctor`.
#[derive(Debug, Default, Args)]
pub(crate) struct DoctorArguments {
    /// A directory or s3://bucket/prefix [default: ./pareto-warehouse]
    #[arg(long, env = "PARETO_WAREHOUSE", value_name = "URL")]
    pub(crate) warehouse: Option<String>,
}

/// A number of bytes, written `4GB`, `512MiB` or `1000000`.
///
/// `KB`, `MB`, `GB`, `TB` are powers of ten; `KiB`, `MiB`, `GiB`, `TiB` are powers of two; case does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Size {
    /// How many.
    pub(crate) bytes: u64,
}

/// The units a [`Size`] may carry.
const UNITS: &[(&str, u64)] = &[
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
    ("", 1),
];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!("\"{text}\" is not a size; write a number with a unit, such as 512MB or 4GiB")
        };
        let lower = text.trim().to_lowercase();
        let split = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
        let (digits, unit) = lower.split_at(split);
        let count: u64 = digits.parse().map_err(|_| refuse())?;
        let factor = UNITS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, factor)| *factor);
        let bytes = factor.and_then(|factor| count.checked_mul(factor)).ok_or_else(refuse)?;
        Ok(Self { bytes })
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_variable() {
        for command in Arguments::command().get_subcommands() {
            for argument in command.get_arguments() {
                let Some(long) = argument.get_long() else { continue };
                let expected = format!("PARETO_{}", long.replace('-', "_").to_uppercase());
                assert_eq!(
                    argument.get_env().and_then(|name| name.to_str()),
                    Some(expected.as_str()),
                    "--{long}"
                );
            }
        }
    }

    #[test]
    fn sizes() {
        assert_eq!("4GB".parse(), Ok(Size { bytes: 4_000_000_000 }));
        assert_eq!("512 MiB".parse(), Ok(Size { bytes: 512 << 20 }));
        assert_eq!("17".parse(), Ok(Size { bytes: 17 }));
        assert!("lots".parse::<Size>().is_err());
        assert!("4XB".parse::<Size>().is_err());
        assert!("99999999999TB".parse::<Size>().is_err());
    }

    #[test]
    fn switches_can_be_turned_off() {
        let timing = |arguments: &[&str]| {
            let parsed =
                Arguments::try_parse_from(["pareto", "sql"].iter().chain(arguments)).unwrap();
            match parsed.command {
                Command::Sql(sql) => sql.timing,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(timing(&[]), None);
        assert_eq!(timing(&["--timing"]), Some(true));
        assert_eq!(timing(&["--timing=no"]), Some(false));
    }
}
