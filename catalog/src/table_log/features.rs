//! What a table asks of those who write to it, and what of that is kept here.
//!
//! Other programs put rules into a table's log: CHECK constraints, generated columns, a feed of changes. Who writes to the
//! table must keep them, and no later reader can tell that somebody did not. So a write is refused, before a file of it is
//! written, when the table asks for something that it would not get. Whether a MERGE removes rows is known only when it is
//! committed, and is asked then. Reading is another matter ([`super::fallback`]).
//!
//! | The table has | Refused | Because |
//! |---|---|---|
//! | a feature that is not on the list (`identityColumns` and `allowColumnDefaults` are not), protocol version 6, 8 and above | every write | nobody knows here what it asks |
//! | renamed columns | every write | files would have other names in them |
//! | `delta.appendOnly` | what removes rows | that is what it says; OPTIMIZE removes none, nor does a MERGE that only inserts |
//! | a feed of changes | UPDATE, DELETE, a MERGE that does not only insert | they would have to write the feed; what only adds or replaces all is read off its files |
//! | CHECK constraints, invariants, foreign generated columns | what brings rows | they are not evaluated |
//! | columns that number their rows or have a default (`CURRENT_DEFAULT`), without the feature for it | what brings rows | they are not evaluated; with the feature every write is refused, see above |
//!
//! The protocol's version alone says little: a table of version 4 may have generated columns and mostly has none. What
//! counts is what its metadata says, whatever the version. The generated columns of our own partitions are computed by the
//! writer, and are those whose expression is the one that [`super::create`] writes.
//!
//! Never evaluates a rule. Example: `INSERT` into a table with `delta.constraints.positive = 'amount > 0'` is refused, and
//! `DELETE` is not: the rows that stay have kept the rule.

use super::{Operation, Removal, TableVersion, create};
use crate::{CatalogError, CatalogErrorKind, PartitionTerm, Result};
use deltalake_core::kernel::{DataType, StructField};

/// Features that are kept, or that ask for nothing but what the metadata says. All others are refused.
const KNOWN: [&str; 9] = [
    "appendOnly",
    "changeDataFeed",
    "checkConstraints",
    "columnMapping",
    "deletionVectors",
    "generatedColumns",
    "invariants",
    "timestampNtz",
    "v2Checkpoint",
];

/// The last version of the writer's protocol that is known and has no list of features. The next, 6, has identity columns.
const LAST_WITHOUT_LIST: i32 = 5;
/// The version whose tables list their features.
const WITH_LIST: i32 = 7;

/// What to do about a refused write.
const HINT: &str =
    "write to it with the engine that made it, or copy it with CREATE TABLE .. AS SELECT";

/// What a write does to rows, which is what tables have rules about.
impl Operation {
    /// The statement, as users know it.
    fn statement(&self) -> &'static str {
        match self {
            Self::Append => "INSERT",
            Self::Overwrite => "INSERT OVERWRITE",
            Self::Delete { .. } => "DELETE",
            Self::Update { .. } => "UPDATE",
            Self::Merge { .. } => "MERGE",
            Self::Optimize { .. } => "OPTIMIZE",
        }
    }

    /// Whether it brings rows that were not there, changed ones among them.
    fn brings_rows(&self) -> bool {
        match self {
            Self::Append | Self::Overwrite | Self::Update { .. } | Self::Merge { .. } => true,
            Self::Delete { .. } | Self::Optimize { .. } => false,
        }
    }

    /// Whether rows are gone with the files that it removes, changed ones among them.
    fn removes_rows(&self) -> bool {
        match self {
            Self::Overwrite | Self::Delete { .. } | Self::Update { .. } | Self::Merge { .. } => {
                true
            }
            Self::Append | Self::Optimize { .. } => false,
        }
    }

    /// Whether some rows of a file go and others stay, which files alone do not tell.
    fn rewrites_rows(&self) -> bool {
        match self {
            Self::Delete { .. } | Self::Update { .. } | Self::Merge { .. } => true,
            Self::Append | Self::Overwrite | Self::Optimize { .. } => false,
        }
    }
}

/// Refuses a write that would break what the table asks for, as far as that is known before its first file is written.
pub(super) fn allow(version: &TableVersion, operation: &Operation) -> Result<()> {
    let removes_files = match operation {
        Operation::Delete { .. } | Operation::Update { .. } => true,
        Operation::Overwrite => !version.adds().is_empty(),
        // A MERGE may only insert; the others remove no rows.
        Operation::Merge { .. } | Operation::Append | Operation::Optimize { .. } => false,
    };
    check(version, operation, removes_files)
}

/// Refuses a commit that would break what the table asks for, by the files that it removes.
pub(super) fn allow_commit(
    version: &TableVersion,
    operation: &Operation,
    removal: &Removal,
) -> Result<()> {
    let removes_files = match removal {
        Removal::Nothing => false,
        Removal::Everything => !version.adds().is_empty(),
        Removal::Files(paths) => !paths.is_empty(),
    };
    check(version, operation, removes_files)
}

fn check(version: &TableVersion, operation: &Operation, removes_files: bool) -> Result<()> {
    let removes_rows = removes_files && operation.removes_rows();
    let rewrites_rows = removes_files && operation.rewrites_rows();
    let why = unknown(version)
        .or_else(|| renamed(version))
        .or_else(|| removes_rows.then(|| append_only(version)).flatten())
        .or_else(|| rewrites_rows.then(|| change_feed(version)).flatten())
        .or_else(|| operation.brings_rows().then(|| rule(version)).flatten());
    why.map_or(Ok(()), |why| Err(refusal(version, operation.statement(), &why)))
}

/// Refuses a commit that touches no rows, such as that of a new column, to a table of an unknown kind.
pub(super) fn allow_upkeep(version: &TableVersion, statement: &str) -> Result<()> {
    unknown(version).map_or(Ok(()), |why| Err(refusal(version, statement, &why)))
}

/// Refuses going back to an old version where no row may be removed, and to a table of an unknown kind.
pub(super) fn allow_restore(version: &TableVersion) -> Result<()> {
    let why = unknown(version).or_else(|| append_only(version));
    why.map_or(Ok(()), |why| Err(refusal(version, "RESTORE", &why)))
}

fn refusal(version: &TableVersion, statement: &str, why: &str) -> CatalogError {
    let message = format!("table {} cannot take this {statement}: {why}", version.table.name);
    CatalogError::new(CatalogErrorKind::Unsupported, message).with_hint(HINT)
}

fn setting<'a>(version: &'a TableVersion, name: &str) -> Option<&'a str> {
    version.snapshot.metadata().configuration().get(name).map(String::as_str)
}

fn is_on(version: &TableVersion, name: &str) -> bool {
    setting(version, name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// A demand on writers that is not known here.
fn unknown(version: &TableVersion) -> Option<String> {
    let protocol = version.snapshot.protocol();
    let number = protocol.min_writer_version();
    if number != WITH_LIST && number > LAST_WITHOUT_LIST {
        return Some(format!(
            "it asks for version {number} of Delta's protocol for writers; Pareto keeps versions 1 to {LAST_WITHOUT_LIST} and {WITH_LIST}"
        ));
    }
    let of_readers = protocol.reader_features().unwrap_or_default().iter();
    let mut features =
        of_readers.chain(protocol.writer_features().unwrap_or_default()).map(ToString::to_string);
    let feature = features.find(|feature| !KNOWN.contains(&feature.as_str()))?;
    Some(format!("it has the Delta feature {feature}, which Pareto does not keep"))
}

fn renamed(version: &TableVersion) -> Option<String> {
    const MODE: &str = "delta.columnMapping.mode";
    let mode = setting(version, MODE).filter(|mode| *mode != "none")?;
    Some(format!("its files name columns in their own way ({MODE} = {mode})"))
}

fn append_only(version: &TableVersion) -> Option<String> {
    const SETTING: &str = "delta.appendOnly";
    is_on(version, SETTING).then(|| format!("no row of it may be removed ({SETTING} = true)"))
}

fn change_feed(version: &TableVersion) -> Option<String> {
    const SETTING: &str = "delta.enableChangeDataFeed";
    let why = || format!("its changes are recorded ({SETTING} = true), which Pareto does not do");
    is_on(version, SETTING).then(why)
}

/// A rule about rows or values that is not evaluated here.
fn rule(version: &TableVersion) -> Option<String> {
    constraint(version).or_else(|| {
        let schema = version.snapshot.schema();
        schema.fields().find_map(|field| rule_of(version, field))
    })
}

fn constraint(version: &TableVersion) -> Option<String> {
    let settings = version.snapshot.metadata().configuration().iter();
    let constraints =
        settings.filter_map(|(name, text)| Some((name.strip_prefix("delta.constraints.")?, text)));
    // The first by name, so that the message is the same each time.
    let (name, text) = constraints.min()?;
    Some(format!("its rows must satisfy {name:?} ({text}), which Pareto does not check"))
}

/// A rule about the values of a column, or of a part of it.
fn rule_of(version: &TableVersion, field: &StructField) -> Option<String> {
    let name = &field.name;
    let told = |key: &str| field.metadata.get(key).map(ToString::to_string);
    if let Some(invariant) = told("delta.invariants") {
        return Some(format!(
            "values of column {name:?} must satisfy {invariant}, which Pareto does not check"
        ));
    }
    if let Some(expression) = told("delta.generationExpression")
        && !is_ours(version, name, &expression)
    {
        return Some(format!(
            "column {name:?} is generated ({expression}), which Pareto does not do"
        ));
    }
    if field.metadata.keys().any(|key| key.starts_with("delta.identity.")) {
        return Some(format!("column {name:?} gives numbers of its own, which Pareto does not do"));
    }
    if let Some(default) = told("CURRENT_DEFAULT") {
        return Some(format!(
            "column {name:?} has the default {default}, which Pareto does not give"
        ));
    }
    within(version, &field.data_type)
}

/// A rule about the parts of a nested type.
fn within(version: &TableVersion, data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Struct(parts) => parts.fields().find_map(|field| rule_of(version, field)),
        DataType::Array(array) => within(version, &array.element_type),
        DataType::Map(map) => {
            within(version, &map.key_type).or_else(|| within(version, &map.value_type))
        }
        DataType::Primitive(_) | DataType::Variant(_) => None,
    }
}

/// Whether a generated column is a partition of ours, whose values the writer computes.
fn is_ours(version: &TableVersion, name: &str, expression: &str) -> bool {
    let is_this = |term: &PartitionTerm| {
        term.stored_column() == name && create::generation(term).as_deref() == Some(expression)
    };
    version.layout().terms.iter().any(is_this)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table_log::foreign::Foreign;
    use serde_json::{Value, json};
    use std::collections::HashSet;

    fn operations() -> [Operation; 6] {
        [
            Operation::Append,
            Operation::Overwrite,
            Operation::Delete { predicate: None },
            Operation::Update { predicate: None },
            Operation::Merge { predicate: None },
            Operation::Optimize { target_size_bytes: 1 },
        ]
    }

    fn version(number: i32) -> Value {
        json!({"minReaderVersion": 1, "minWriterVersion": number})
    }

    fn features(names: &[&str]) -> Value {
        json!({"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": names})
    }

    /// Asks before the write, and again before a commit that removes this.
    fn asked(version: &TableVersion, operation: &Operation, removal: &Removal) -> Result<()> {
        allow(version, operation)?;
        allow_commit(version, operation, removal)
    }

    /// A table with this protocol, these settings and this metadata of its column refuses these statements, and says so.
    async fn refuses(
        protocol: &Value,
        settings: &Value,
        column: &Value,
        refused: &[&str],
        why: &str,
    ) {
        let foreign = Foreign::new();
        foreign.write(0, &Foreign::first("one", protocol, settings, column, "a.parquet"));
        let version = foreign.open(None).await.unwrap();
        assert_eq!(version.files().len(), 1, "it can be read");
        for operation in operations() {
            let statement = operation.statement();
            match asked(&version, &operation, &Removal::Everything) {
                Ok(()) => assert!(!refused.contains(&statement), "{statement} was let through"),
                Err(error) => {
                    assert!(refused.contains(&statement), "{error}");
                    assert_eq!(error.kind, CatalogErrorKind::Unsupported);
                    let begin = format!("table public.sales cannot take this {statement}: ");
                    assert!(error.message.starts_with(&begin), "{error}");
                    assert!(error.message.contains(why), "{error}");
                }
            }
        }
    }

    const NONE: [&str; 0] = [];
    const BRINGING: [&str; 4] = ["INSERT", "INSERT OVERWRITE", "UPDATE", "MERGE"];
    const REMOVING: [&str; 4] = ["INSERT OVERWRITE", "DELETE", "UPDATE", "MERGE"];
    const ALL: [&str; 6] = ["INSERT", "INSERT OVERWRITE", "DELETE", "UPDATE", "MERGE", "OPTIMIZE"];

    #[tokio::test]
    async fn what_a_protocol_allows_and_a_table_does_not_have_asks_for_nothing() {
        let nothing = json!({});
        for number in 1..=5 {
            refuses(&version(number), &nothing, &nothing, &NONE, "").await;
        }
        let listed = features(&[
            "appendOnly",
            "changeDataFeed",
            "checkConstraints",
            "generatedColumns",
            "invariants",
        ]);
        refuses(&listed, &nothing, &nothing, &NONE, "").await;
        let off = json!({"delta.appendOnly": "false", "delta.enableChangeDataFeed": "false"});
        refuses(&listed, &off, &nothing, &NONE, "").await;
    }

    #[tokio::test]
    async fn rules_about_rows_refuse_what_brings_rows() {
        let nothing = json!({});
        let positive = json!({"delta.constraints.positive": "amount > 0"});
        let why = "its rows must satisfy \"positive\" (amount > 0)";
        refuses(&version(3), &positive, &nothing, &BRINGING, why).await;
        refuses(&features(&["checkConstraints"]), &positive, &nothing, &BRINGING, why).await;
        let invariant =
            json!({"delta.invariants": r#"{"expression":{"expression":"amount > 3"}}"#});
        refuses(&version(2), &nothing, &invariant, &BRINGING, "amount > 3").await;
        let generated = json!({"delta.generationExpression": "1 + 1"});
        let why = "column \"amount\" is generated (1 + 1)";
        refuses(&version(4), &nothing, &generated, &BRINGING, why).await;
        let identity = json!({"delta.identity.start": 1, "delta.identity.step": 1});
        refuses(&version(2), &nothing, &identity, &BRINGING, "numbers of its own").await;
        let default = json!({"CURRENT_DEFAULT": "7"});
        refuses(&version(2), &nothing, &default, &BRINGING, "the default 7").await;
    }

    #[tokio::test]
    async fn rules_about_removal_refuse_what_removes() {
        let nothing = json!({});
        let only = json!({"delta.appendOnly": "true"});
        refuses(&version(2), &only, &nothing, &REMOVING, "no row of it may be removed").await;
        let fed = json!({"delta.enableChangeDataFeed": "true"});
        let rewriting = ["DELETE", "UPDATE", "MERGE"];
        refuses(&version(4), &fed, &nothing, &rewriting, "its changes are recorded").await;
    }

    #[tokio::test]
    async fn what_removes_nothing_is_let_through() {
        let (protocol, nothing) = (version(4), json!({}));
        let merge = Operation::Merge { predicate: None };
        let none = Removal::Files(HashSet::new());
        let one = Removal::Files(HashSet::from(["a.parquet".to_owned()]));
        for setting in ["delta.appendOnly", "delta.enableChangeDataFeed"] {
            let foreign = Foreign::new();
            let settings = json!({setting: "true"});
            let mut actions = Foreign::first("one", &protocol, &settings, &nothing, "a.parquet");
            foreign.write(0, &actions);
            let opened = foreign.open(None).await.unwrap();
            assert!(asked(&opened, &merge, &none).is_ok(), "a MERGE that only inserts");
            assert!(allow(&opened, &merge).is_ok(), "it may turn out to only insert");
            assert!(allow_commit(&opened, &merge, &one).is_err(), "it does not");

            let empty = Foreign::new();
            actions.pop();
            empty.write(0, &actions);
            let opened = empty.open(None).await.unwrap();
            assert!(opened.files().is_empty());
            assert!(asked(&opened, &Operation::Overwrite, &Removal::Everything).is_ok());
        }
    }

    #[tokio::test]
    async fn what_is_not_known_refuses_every_write() {
        let nothing = json!({});
        refuses(&version(6), &nothing, &nothing, &ALL, "version 6 of Delta's protocol").await;
        for name in ["identityColumns", "checkpointProtection", "somethingNew"] {
            let why = format!("the Delta feature {name}");
            refuses(&features(&[name]), &nothing, &nothing, &ALL, &why).await;
        }
    }

    #[tokio::test]
    async fn renamed_columns_refuse_every_write() {
        let protocol = json!({"minReaderVersion": 2, "minWriterVersion": 5});
        let settings =
            json!({"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "1"});
        let column =
            json!({"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "col-1"});
        refuses(&protocol, &settings, &column, &ALL, "delta.columnMapping.mode = name").await;
    }

    #[tokio::test]
    async fn a_version_is_not_restored_where_rows_must_stay() {
        let nothing = json!({});
        let only = json!({"delta.appendOnly": "true"});
        for (settings, allowed) in [(&nothing, true), (&only, false)] {
            let foreign = Foreign::new();
            let protocol = version(2);
            foreign.write(0, &Foreign::first("one", &protocol, settings, &nothing, "a.parquet"));
            let opened = foreign.open(None).await.unwrap();
            assert_eq!(allow_restore(&opened).is_ok(), allowed);
            assert!(allow_upkeep(&opened, "VACUUM").is_ok());
        }
    }
}
