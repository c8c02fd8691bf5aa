//! The files of the corpus and their records, in the order of the files.
//!
//! `make corpus` unpacks them where this looks. A record that is for another engine only, or that reads or writes files
//! beside the corpus, is not asked, nor is one that is answered by chance.

use std::path::{Path, PathBuf};

use sqllogictest::{
    Condition, DefaultColumnType, Location, QueryExpect, Record, SortMode, StatementExpect,
};

/// The folder of functions of Spark, which Pareto does not have.
const LEFT_OUT: &str = "spark/";

/// Marks of SQL that needs files which the crate does not bring, or that leaves files behind.
const FILES: [&str; 6] =
    ["EXTERNAL TABLE", "COPY ", "STORED AS", "TEST_FILES/", "../TESTING/", "../../"];

/// SQL whose answer depends on more than the question.
const BY_CHANCE: [&str; 1] = [
    // On which file of a table is read first: `LIMIT 1` of rows of which one has no `abs`.
    "arrow_typeof(abs(c7)), arrow_typeof(abs(c8))\nfrom test_nullable_integer limit 1",
];

/// One file.
pub(super) struct File {
    /// Its path below the folder of the corpus.
    pub(super) name: String,
    pub(super) records: Vec<Asked>,
}

/// One statement, and what the file says of its answer.
pub(super) struct Asked {
    pub(super) line: u32,
    pub(super) sql: String,
    pub(super) expected: Expected,
}

/// What a file expects.
pub(super) enum Expected {
    Success,
    Count(u64),
    Failure,
    Rows(Vec<String>, Order),
}

/// How rows are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    AsTheyCome,
    Rows,
    Values,
}

/// The files that `make corpus` unpacked.
pub(super) fn files() -> Result<Vec<File>, String> {
    let folder = folder();
    let mut paths = Vec::new();
    walk(&folder, &mut paths).map_err(|error| {
        format!("{}: {error}\n  hint: `make corpus` brings the files", folder.display())
    })?;
    paths.sort();
    let named = paths.into_iter().filter_map(|path| {
        let name = path.strip_prefix(&folder).ok()?.display().to_string();
        (!name.starts_with(LEFT_OUT)).then_some((name, path))
    });
    named.map(|(name, path)| Ok(File { records: records(&path)?, name })).collect()
}

fn folder() -> PathBuf {
    let cache = std::env::var_os("PARETO_CACHE_DIR").map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache/pareto")));
    cache.unwrap_or_default().join("corpus/datafusion-sqllogictest-55.2.0/test_files")
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            found.push(path);
        }
    }
    Ok(())
}

fn records(path: &Path) -> Result<Vec<Asked>, String> {
    let records = sqllogictest::parse_file::<DefaultColumnType>(path)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(records.into_iter().filter_map(asked).collect())
}

fn asked(record: Record<DefaultColumnType>) -> Option<Asked> {
    let new = |loc: &Location, conditions: &[Condition], sql: String, expected| {
        let by_chance = BY_CHANCE.iter().any(|mark| sql.contains(mark));
        let is_ours = !conditions.iter().any(is_for_others) && !needs_files(&sql) && !by_chance;
        is_ours.then(|| Asked { line: loc.line(), sql, expected })
    };
    match record {
        Record::Statement { loc, conditions, sql, expected, .. } => {
            let expected = match expected {
                StatementExpect::Ok => Expected::Success,
                StatementExpect::Count(count) => Expected::Count(count),
                StatementExpect::Error(_) => Expected::Failure,
            };
            new(&loc, &conditions, sql, expected)
        }
        Record::Query { loc, conditions, sql, expected, .. } => {
            let expected = match expected {
                QueryExpect::Error(_) => Expected::Failure,
                QueryExpect::Results { sort_mode, results, .. } => {
                    let order = match sort_mode {
                        None | Some(SortMode::NoSort) => Order::AsTheyCome,
                        Some(SortMode::RowSort) => Order::Rows,
                        Some(SortMode::ValueSort) => Order::Values,
                    };
                    Expected::Rows(results, order)
                }
            };
            new(&loc, &conditions, sql, expected)
        }
        _ => None,
    }
}

fn is_for_others(condition: &Condition) -> bool {
    match condition {
        Condition::OnlyIf { label } => label != "Datafusion",
        Condition::SkipIf { label } => label == "Datafusion",
    }
}

fn needs_files(sql: &str) -> bool {
    let sql = sql.to_uppercase();
    FILES.iter().any(|mark| sql.contains(mark))
}
