//! The values of GetSqlInfo, ordered by number.
//!
//! Zero for a maximum means "no limit that is known". Bit masks hold `1 << value` for each value of the enumeration
//! that is supported, as the protocol has it.

use arrow_flight::sql::SqlInfo::{self, *};
use arrow_flight::sql::{
    SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity, SqlSupportedGroupBy,
    SqlSupportedResultSetConcurrency, SqlSupportedResultSetType, SqlSupportedSubqueries,
    SqlSupportedTransaction, SqlSupportedUnions, SqlTransactionIsolationLevel, SupportedSqlGrammar,
};

use super::Info;
use crate::flight_sql::transaction;

/// The releases of Substrait whose messages are read: from the one that called arguments by their kind to the one the
/// messages were written after. Plans of other releases are tried.
const SUBSTRAIT_OLDEST: &str = "0.20.0";
const SUBSTRAIT_NEWEST: &str = "0.85.0";

/// Words that are reserved here beyond SQL-92.
const KEYWORDS: [&str; 24] = [
    "ANALYZE",
    "CUBE",
    "EXPLAIN",
    "FILTER",
    "GROUPING",
    "ILIKE",
    "LATERAL",
    "LIMIT",
    "MERGE",
    "OFFSET",
    "OPTIMIZE",
    "OVER",
    "PARTITIONED",
    "QUALIFY",
    "REFRESH",
    "RESTORE",
    "ROLLUP",
    "SEGMENT",
    "SETS",
    "SHOW",
    "TRUNCATE",
    "UNNEST",
    "VACUUM",
    "WINDOW",
];

const TEXT_FUNCTIONS: [&str; 34] = [
    "ascii",
    "bit_length",
    "btrim",
    "char_length",
    "chr",
    "concat",
    "concat_ws",
    "contains",
    "ends_with",
    "initcap",
    "left",
    "length",
    "levenshtein",
    "lower",
    "lpad",
    "ltrim",
    "octet_length",
    "overlay",
    "position",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "trim",
    "upper",
];

const TIME_FUNCTIONS: [&str; 20] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "date_bin",
    "date_part",
    "date_trunc",
    "datepart",
    "datetrunc",
    "from_unixtime",
    "make_date",
    "now",
    "to_char",
    "to_date",
    "to_local_time",
    "to_timestamp",
    "to_timestamp_micros",
    "to_timestamp_millis",
    "to_timestamp_nanos",
    "to_timestamp_seconds",
    "to_unixtime",
];

const SYSTEM_FUNCTIONS: [&str; 7] =
    ["arrow_typeof", "coalesce", "current_catalog", "current_schema", "nullif", "uuid", "version"];

/// Every number with its value. `functions` are the names of all functions, which are sorted into JDBC's four drawers;
/// those of no other drawer, the trade's among them, are numeric.
pub(super) fn all(functions: &[String]) -> Vec<(u32, Info)> {
    let mut infos = Vec::new();
    server(&mut infos);
    dialect(&mut infos, functions);
    features(&mut infos);
    limits(&mut infos);
    results(&mut infos);
    let mut numbered: Vec<(u32, Info)> = infos
        .into_iter()
        .filter_map(|(name, info)| u32::try_from(i32::from(name)).ok().map(|number| (number, info)))
        .collect();
    numbered.sort_by_key(|(number, _)| *number);
    numbered
}

type Infos = Vec<(SqlInfo, Info)>;

fn text(value: &str) -> Info {
    Info::Text(value.to_owned())
}

/// A bit for each value of an enumeration.
fn mask<const N: usize>(values: [i32; N]) -> Info {
    Info::Mask(values.into_iter().fold(0, |mask, value| mask | (1 << value)))
}

fn server(infos: &mut Infos) {
    infos.extend([
        (FlightSqlServerName, text("Pareto")),
        (FlightSqlServerVersion, text(env!("CARGO_PKG_VERSION"))),
        (FlightSqlServerArrowVersion, text(arrow::ARROW_VERSION)),
        (FlightSqlServerReadOnly, Info::Switch(false)),
        (FlightSqlServerSql, Info::Switch(true)),
        (FlightSqlServerSubstrait, Info::Switch(true)),
        (FlightSqlServerSubstraitMinVersion, text(SUBSTRAIT_OLDEST)),
        (FlightSqlServerSubstraitMaxVersion, text(SUBSTRAIT_NEWEST)),
        // Not a mask: the value itself.
        (FlightSqlServerTransaction, Info::Mask(SqlSupportedTransaction::Savepoint.into())),
        (FlightSqlServerCancel, Info::Switch(true)),
        (FlightSqlServerBulkIngestion, Info::Switch(true)),
        (FlightSqlServerIngestTransactionsSupported, Info::Switch(true)),
        (FlightSqlServerStatementTimeout, Info::Mask(0)),
        (FlightSqlServerTransactionTimeout, Info::Mask(transaction_timeout_ms())),
    ]);
}

/// After so long without a statement a transaction is rolled back.
fn transaction_timeout_ms() -> i32 {
    i32::try_from(transaction::IDLE.as_millis()).unwrap_or(i32::MAX)
}

fn dialect(infos: &mut Infos, functions: &[String]) {
    let has = |name: &&str| functions.iter().any(|function| function == name);
    let drawer = |names: &[&str]| {
        Info::List(names.iter().filter(|name| has(name)).map(|name| (*name).to_owned()).collect())
    };
    let sorted = |name: &String| {
        [&TEXT_FUNCTIONS[..], &TIME_FUNCTIONS, &SYSTEM_FUNCTIONS]
            .iter()
            .any(|names| names.contains(&name.as_str()))
    };
    infos.extend([
        (SqlDdlCatalog, Info::Switch(false)),
        (SqlDdlSchema, Info::Switch(true)),
        (SqlDdlTable, Info::Switch(true)),
        (
            SqlIdentifierCase,
            Info::Mask(SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase.into()),
        ),
        (SqlIdentifierQuoteChar, text("\"")),
        (
            SqlQuotedIdentifierCase,
            Info::Mask(SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive.into()),
        ),
        (SqlAllTablesAreSelectable, Info::Switch(true)),
        (SqlNullOrdering, Info::Mask(SqlNullOrdering::SqlNullsSortedHigh.into())),
        (SqlKeywords, Info::List(KEYWORDS.map(str::to_owned).to_vec())),
        (
            SqlNumericFunctions,
            Info::List(functions.iter().filter(|name| !sorted(name)).cloned().collect()),
        ),
        (SqlStringFunctions, drawer(&TEXT_FUNCTIONS)),
        (SqlSystemFunctions, drawer(&SYSTEM_FUNCTIONS)),
        (SqlDatetimeFunctions, drawer(&TIME_FUNCTIONS)),
        (SqlSearchStringEscape, text("\\")),
        (SqlExtraNameCharacters, text("")),
        (SqlSchemaTerm, text("schema")),
        (SqlProcedureTerm, text("procedure")),
        (SqlCatalogTerm, text("catalog")),
        (SqlCatalogAtStart, Info::Switch(true)),
        // Schemas are named in procedure calls, index and privilege definitions by DML and DDL alike.
        (SqlSchemasSupportedActions, mask([0, 1, 2])),
        (SqlCatalogsSupportedActions, mask([0, 1, 2])),
    ]);
}

fn features(infos: &mut Infos) {
    infos.extend([
        (SqlSupportsColumnAliasing, Info::Switch(true)),
        (SqlNullPlusNullIsNull, Info::Switch(true)),
        (SqlSupportsConvert, Info::NoMap),
        (SqlSupportsTableCorrelationNames, Info::Switch(true)),
        (SqlSupportsDifferentTableCorrelationNames, Info::Switch(false)),
        (SqlSupportsExpressionsInOrderBy, Info::Switch(true)),
        (SqlSupportsOrderByUnrelated, Info::Switch(true)),
        (
            SqlSupportedGroupBy,
            mask([
                SqlSupportedGroupBy::SqlGroupByUnrelated.into(),
                SqlSupportedGroupBy::SqlGroupByBeyondSelect.into(),
            ]),
        ),
        (SqlSupportsLikeEscapeClause, Info::Switch(true)),
        (SqlSupportsNonNullableColumns, Info::Switch(true)),
        (
            SqlSupportedGrammar,
            mask([
                SupportedSqlGrammar::SqlMinimumGrammar.into(),
                SupportedSqlGrammar::SqlCoreGrammar.into(),
                SupportedSqlGrammar::SqlExtendedGrammar.into(),
            ]),
        ),
        // Entry and intermediate level of SQL-92; the crate does not export the enumeration.
        (SqlAnsi92SupportedLevel, mask([0, 1])),
        (SqlSupportsIntegrityEnhancementFacility, Info::Switch(false)),
        (
            SqlOuterJoinsSupportLevel,
            mask([
                SqlOuterJoinsSupportLevel::SqlLimitedOuterJoins.into(),
                SqlOuterJoinsSupportLevel::SqlFullOuterJoins.into(),
            ]),
        ),
        (SqlSupportedPositionedCommands, Info::Mask(0)),
        (SqlSelectForUpdateSupported, Info::Switch(false)),
        (SqlStoredProceduresSupported, Info::Switch(false)),
        (
            SqlSupportedSubqueries,
            mask([
                SqlSupportedSubqueries::SqlSubqueriesInComparisons.into(),
                SqlSupportedSubqueries::SqlSubqueriesInExists.into(),
                SqlSupportedSubqueries::SqlSubqueriesInIns.into(),
                SqlSupportedSubqueries::SqlSubqueriesInQuantifieds.into(),
            ]),
        ),
        (SqlCorrelatedSubqueriesSupported, Info::Switch(true)),
        (
            SqlSupportedUnions,
            mask([SqlSupportedUnions::SqlUnion.into(), SqlSupportedUnions::SqlUnionAll.into()]),
        ),
    ]);
}

fn limits(infos: &mut Infos) {
    let unlimited = [
        SqlMaxBinaryLiteralLength,
        SqlMaxCharLiteralLength,
        SqlMaxColumnNameLength,
        SqlMaxColumnsInGroupBy,
        SqlMaxColumnsInIndex,
        SqlMaxColumnsInOrderBy,
        SqlMaxColumnsInSelect,
        SqlMaxColumnsInTable,
        SqlMaxConnections,
        SqlMaxCursorNameLength,
        SqlMaxIndexLength,
        SqlDbSchemaNameLength,
        SqlMaxProcedureNameLength,
        SqlMaxCatalogNameLength,
        SqlMaxRowSize,
        SqlMaxStatementLength,
        SqlMaxStatements,
        SqlMaxTableNameLength,
        SqlMaxTablesInSelect,
        SqlMaxUsernameLength,
    ];
    infos.extend(unlimited.map(|name| (name, Info::Big(0))));
    infos.push((SqlMaxRowSizeIncludesBlobs, Info::Switch(true)));
}

fn results(infos: &mut Infos) {
    let read_only =
        mask([SqlSupportedResultSetConcurrency::SqlResultSetConcurrencyReadOnly.into()]);
    infos.extend([
        (
            SqlDefaultTransactionIsolation,
            Info::Big(i32::from(SqlTransactionIsolationLevel::SqlTransactionReadCommitted).into()),
        ),
        (SqlTransactionsSupported, Info::Switch(true)),
        (
            SqlSupportedTransactionsIsolationLevels,
            mask([
                SqlTransactionIsolationLevel::SqlTransactionNone.into(),
                SqlTransactionIsolationLevel::SqlTransactionReadCommitted.into(),
            ]),
        ),
        (SqlDataDefinitionCausesTransactionCommit, Info::Switch(true)),
        (SqlDataDefinitionsInTransactionsIgnored, Info::Switch(false)),
        (
            SqlSupportedResultSetTypes,
            mask([SqlSupportedResultSetType::SqlResultSetTypeForwardOnly.into()]),
        ),
        (SqlSupportedConcurrenciesForResultSetUnspecified, read_only.clone()),
        (SqlSupportedConcurrenciesForResultSetForwardOnly, read_only),
        (SqlSupportedConcurrenciesForResultSetScrollSensitive, Info::Mask(0)),
        (SqlSupportedConcurrenciesForResultSetScrollInsensitive, Info::Mask(0)),
        (SqlBatchUpdatesSupported, Info::Switch(true)),
        (SqlSavepointsSupported, Info::Switch(true)),
        (SqlNamedParametersSupported, Info::Switch(false)),
        (SqlLocatorsUpdateCopy, Info::Switch(false)),
        (SqlStoredFunctionsUsingCallSyntaxSupported, Info::Switch(false)),
    ]);
}
