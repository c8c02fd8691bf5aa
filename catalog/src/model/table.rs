//! A table: its columns, where its rows live, how they are partitioned and sorted, and its keys.
//!
//! The Delta log is the truth about columns and files; this record is the index that lists a thousand tables without
//! opening a thousand logs. It never holds files or statistics.
//!
//! Example: `sales`, partitioned by `date_trunc('month', sold_on)`, sorted by `(sold_on, customer_id)`.

use super::{Constraint, Name};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A column of a table or view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name, unique in its table without regard to case.
    pub name: String,
    /// The Arrow type, written as Arrow prints it.
    #[serde(serialize_with = "type_to_text", deserialize_with = "type_from_text")]
    pub data_type: DataType,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// The SQL text of the default, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Column {
    /// A nullable column without default.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Self { name: name.into(), data_type, nullable: true, default: None, comment: None }
    }

    /// The Arrow field.
    pub fn field(&self) -> Field {
        Field::new(&self.name, self.data_type.clone(), self.nullable)
    }
}

fn type_to_text<S: Serializer>(data_type: &DataType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&data_type.to_string())
}

fn type_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DataType, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("unknown column type {text:?}")))
}

/// How rows are divided into directories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum PartitionTerm {
    /// By the value of a column.
    Column {
        /// The column.
        column: String,
    },
    /// By a date or timestamp rounded down; kept as a generated column that users do not see.
    DateTrunc {
        /// `year`, `quarter`, `month`, `week` or `day`.
        unit: String,
        /// The column that is rounded.
        column: String,
    },
}

impl PartitionTerm {
    /// The units that `date_trunc` partitions by.
    pub const UNITS: [&'static str; 5] = ["year", "quarter", "month", "week", "day"];

    /// The column the term reads.
    pub fn source(&self) -> &str {
        match self {
            Self::Column { column } | Self::DateTrunc { column, .. } => column,
        }
    }

    /// The column that holds the partition value in the table's log: `sold_on_month` for `date_trunc('month', sold_on)`.
    pub fn stored_column(&self) -> String {
        match self {
            Self::Column { column } => column.clone(),
            Self::DateTrunc { unit, column } => format!("{column}_{unit}"),
        }
    }
}

impl std::fmt::Display for PartitionTerm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Column { column } => f.write_str(column),
            Self::DateTrunc { unit, column } => write!(f, "date_trunc('{unit}', {column})"),
        }
    }
}

/// One key of the order that rows have within a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortTerm {
    /// The column.
    pub column: String,
    /// Largest first.
    #[serde(default)]
    pub descending: bool,
    /// NULLs before all values.
    #[serde(default)]
    pub nulls_first: bool,
}

/// The formats of files that can be queried in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values.
    Csv,
    /// One JSON object a line.
    Json,
}

/// Where the rows of a table live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "snake_case")]
pub enum Storage {
    /// A Delta table.
    Delta {
        /// A path below the warehouse, or a URL of its own.
        location: String,
        /// Pareto made the directory, and dropping the table may remove it.
        managed: bool,
    },
    /// Files that others write; Pareto only reads them.
    Files {
        /// Their format.
        format: FileFormat,
        /// A file, a directory or a glob.
        url: String,
        /// Hive partition columns in the path.
        #[serde(default)]
        partition_columns: Vec<String>,
        /// Options of the format, such as `delimiter`.
        #[serde(default)]
        options: BTreeMap<String, String>,
    },
}

/// A table of the warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Tells a table from another of the same name that came later.
    pub id: Uuid,
    /// The name, unique among tables and views of the schema.
    pub name: Name,
    /// The columns, in declared order; generated partition columns are not among them.
    pub columns: Vec<Column>,
    /// Where the rows live.
    pub storage: Storage,
    /// How rows are divided.
    #[serde(default)]
    pub partitioning: Vec<PartitionTerm>,
    /// How rows are sorted within a file.
    #[serde(default)]
    pub order: Vec<SortTerm>,
    /// Declared keys.
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    /// Options from `WITH (...)`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When it was created, in milliseconds since 1970 UTC.
    pub created_at_ms: i64,
}

impl Table {
    /// The option that names the surrogate key.
    pub const SURROGATE_KEY: &'static str = "surrogate_key";

    /// The column that is numbered when rows are written without a value in it.
    pub fn surrogate_key(&self) -> Option<&str> {
        self.options.get(Self::SURROGATE_KEY).map(String::as_str)
    }

    /// The columns as an Arrow schema.
    pub fn arrow_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(Column::field).collect::<Vec<_>>()))
    }

    /// The column of that name, case aside.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}
