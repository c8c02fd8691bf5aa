//! The configuration file, `pareto.toml`: one key per flag.
//!
//! ```toml
//! warehouse = "s3://crm/warehouse"
//! flight = "0.0.0.0:31337"
//! memory_limit = "16GB"
//! ```
//!
//! Keys are the flags' long names with `_` for `-`. A key that is not known is refused by name with the nearest that
//! is, because a misspelt limit that is silently ignored shows only on the day it is needed. Without `--config` the
//! file `./pareto.toml` is read if it exists. Paths in it are relative to the working directory, as flags are.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use datafusion::common::utils::datafusion_strsim::levenshtein;
use serde::Deserialize;

use super::args::Size;
use super::error::{CliError, Result};
use super::output::Format;
use crate::remote::Secret;

/// Where the file is when nobody says.
const DEFAULT_PATH: &str = "pareto.toml";

/// All keys, in the order of the documentation.
pub(crate) const KEYS: &[&str] = &[
    "warehouse",
    "connect",
    "flight",
    "http",
    "format",
    "timing",
    "command",
    "file",
    "dir",
    "customers",
    "exit",
    "memory_limit",
    "spill_dir",
    "spill_limit",
    "block_cache_dir",
    "block_cache_limit",
    "threads",
    "tls_cert",
    "tls_key",
    "tls_client_ca",
    "tls_ca",
    "insecure",
    "token_key",
    "token_minutes",
    "jwt_keys",
    "jwt_issuer",
    "jwt_audience",
    "jwt_claim",
    "user",
    "password",
    "token",
];

/// What the file says; every key may be absent.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ConfigFile {
    /// `--warehouse`
    pub(crate) warehouse: Option<String>,
    /// `--connect`
    pub(crate) connect: Option<String>,
    /// `--flight`
    pub(crate) flight: Option<String>,
    /// `--http`
    pub(crate) http: Option<String>,
    /// `--format`
    pub(crate) format: Option<Format>,
    /// `--timing`
    pub(crate) timing: Option<bool>,
    /// `-c`
    pub(crate) command: Vec<String>,
    /// `-f`
    pub(crate) file: Vec<PathBuf>,
    /// `--dir`
    pub(crate) dir: Option<PathBuf>,
    /// `--customers`
    pub(crate) customers: Option<u64>,
    /// `--exit`
    pub(crate) exit: Option<bool>,
    /// `--memory-limit`
    pub(crate) memory_limit: Option<Size>,
    /// `--spill-dir`
    pub(crate) spill_dir: Option<PathBuf>,
    /// `--spill-limit`
    pub(crate) spill_limit: Option<Size>,
    /// `--block-cache-dir`
    pub(crate) block_cache_dir: Option<PathBuf>,
    /// `--block-cache-limit`
    pub(crate) block_cache_limit: Option<Size>,
    /// `--threads`
    pub(crate) threads: Option<usize>,
    /// `--tls-cert`
    pub(crate) tls_cert: Option<PathBuf>,
    /// `--tls-key`
    pub(crate) tls_key: Option<PathBuf>,
    /// `--tls-client-ca`
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// `--tls-ca`
    pub(crate) tls_ca: Option<PathBuf>,
    /// `--insecure`
    pub(crate) insecure: Option<bool>,
    /// `--token-key`
    pub(crate) token_key: Option<PathBuf>,
    /// `--token-minutes`
    pub(crate) token_minutes: Option<u64>,
    /// `--jwt-keys`
    pub(crate) jwt_keys: Option<String>,
    /// `--jwt-issuer`
    pub(crate) jwt_issuer: Option<String>,
    /// `--jwt-audience`
    pub(crate) jwt_audience: Option<String>,
    /// `--jwt-claim`
    pub(crate) jwt_claim: Option<String>,
    /// `--user`
    pub(crate) user: Option<String>,
    /// `--password`
    pub(crate) password: Option<Secret>,
    /// `--token`
    pub(crate) token: Option<Secret>,
}

impl ConfigFile {
    /// Reads the file asked for, or the default one if there is one.
    pub(crate) fn load(asked_for: Option<&Path>) -> Result<Self> {
        let path = asked_for.unwrap_or_else(|| Path::new(DEFAULT_PATH));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if error.kind() == ErrorKind::NotFound && asked_for.is_none() => {
                Ok(Self::default())
            }
            Err(error) => Err(CliError::usage(
                format!("cannot read the configuration file {}: {error}", path.display()),
                "give --config the path of a readable file, or leave it out",
            )),
        }
    }

    /// Reads the text of a file; `path` is for the messages.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self> {
        let shown = path.display();
        let malformed = |error: toml::de::Error| {
            CliError::usage(
                format!(
                    "the configuration file {shown} is wrong: {}",
                    error.to_string().trim_end()
                ),
                format!("known keys are {}", KEYS.join(", ")),
            )
        };
        let table: toml::Table = toml::from_str(text).map_err(malformed)?;
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(CliError::usage(
                format!("unknown key \"{unknown}\" in {shown}{}", line_of(text, unknown)),
                match nearest_key(unknown) {
                    Some(key) => format!("did you mean \"{key}\"?"),
                    None => format!("known keys are {}", KEYS.join(", ")),
                },
            ));
        }
        toml::from_str(text).map_err(malformed)
    }
}

/// Where a top-level key or table stands, for the message; nothing when it is written in an unusual way.
fn line_of(text: &str, key: &str) -> String {
    let starts =
        |line: &str| line.trim_start().trim_start_matches(['[', '"', '\'']).starts_with(key);
    text.lines().position(starts).map(|index| format!(", line {}", index + 1)).unwrap_or_default()
}

/// The known key that differs least, if it differs little.
fn nearest_key(unknown: &str) -> Option<&'static str> {
    let wanted = unknown.to_lowercase().replace('-', "_");
    let bound = (wanted.chars().count() / 3).max(2);
    KEYS.iter()
        .map(|key| (levenshtein(&wanted, key), *key))
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match ConfigFile::parse(text, Path::new("pareto.toml")) {
            Ok(file) => format!("{file:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"
            warehouse = "w"
            connect = "grpc://h:1"
            flight = "a:1"
            http = "a:2"
            format = "ndjson"
            timing = true
            command = ["SELECT 1"]
            file = ["a.sql"]
            dir = "d"
            customers = 7
            exit = true
            memory_limit = "1GB"
            spill_dir = "s"
            spill_limit = "2GB"
            block_cache_dir = "/blocks"
            block_cache_limit = "3GB"
            threads = 3
            tls_cert = "c.pem"
            tls_key = "k.pem"
            tls_client_ca = "clients.pem"
            tls_ca = "ca.pem"
            insecure = true
            token_key = "token.key"
            token_minutes = 15
            jwt_keys = "keys.json"
            jwt_issuer = "https://login.example.com"
            jwt_audience = "pareto"
            jwt_claim = "email"
            user = "ada"
            password = "correct horse"
            token = "p1.x"
        "#;
        let file = ConfigFile::parse(text, Path::new("x")).unwrap();
        assert_eq!(file.format, Some(Format::Ndjson));
        assert_eq!(file.memory_limit, Some(Size { bytes: 1_000_000_000 }));
        assert_eq!((file.timing, file.threads, file.customers), (Some(true), Some(3), Some(7)));
        for key in KEYS {
            assert!(text.contains(&format!("{key} =")), "{key} is not tested");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        assert_eq!(
            check("warehouse = \"w\"\nfligth = \"x\""),
            "error: unknown key \"fligth\" in pareto.toml, line 2\n  hint: did you mean \"flight\"?"
        );
        assert!(check("memory-limit = \"1GB\"").ends_with("did you mean \"memory_limit\"?"));
        assert!(check("[server]\nflight = 1").contains("hint: known keys are warehouse, connect"));
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_place() {
        let text = check("threads = \"many\"");
        assert!(text.contains("line 1, column 11"), "{text}");
        let text = check("memory_limit = \"lots\"");
        assert!(text.contains("\"lots\" is not a size"), "{text}");
        assert!(check("format = \"xlsx\"").contains("xlsx"));
        assert!(check("warehouse =").contains("line 1"));
    }

    #[test]
    fn a_file_that_was_asked_for_must_exist() {
        let error = ConfigFile::load(Some(Path::new("does-not-exist.toml"))).unwrap_err();
        assert!(error.to_string().contains("does-not-exist.toml"), "{error}");
    }
}
