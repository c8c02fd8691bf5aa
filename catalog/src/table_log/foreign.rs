//! Delta tables as other programs make them, for the tests of this room: a log written by hand, of files that are not
//! there.
//!
//! Example: `foreign.write(0, &Foreign::first("one", &protocol, &json!({}), &json!({}), "a.parquet"))` is version 0 of a
//! table with one column, `amount`, and one file.

use super::{AsOf, TableLog, TableVersion};
use crate::{Column, Name, Result, Storage, Table};
use arrow::datatypes::DataType;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

/// A folder of its own and the table there.
pub(super) struct Foreign {
    directory: TempDir,
    pub(super) log: TableLog,
    pub(super) table: Arc<Table>,
}

impl Foreign {
    /// Nothing is in the folder yet.
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().to_str().unwrap();
        let table = Table {
            id: Uuid::from_u128(1),
            name: Name::new("public", "sales"),
            columns: vec![Column::new("amount", DataType::Int64)],
            storage: Storage::Delta { location: place.to_owned(), managed: false },
            partitioning: Vec::new(),
            order: Vec::new(),
            constraints: Vec::new(),
            options: BTreeMap::new(),
            comment: None,
            created_at_ms: 0,
        };
        let log = TableLog::at(crate::store::resolve(place).unwrap());
        Self { directory, log, table: Arc::new(table) }
    }

    /// The actions of version 0: this protocol, these settings, this metadata of the column, and one file.
    pub(super) fn first(
        id: &str,
        protocol: &Value,
        settings: &Value,
        column: &Value,
        file: &str,
    ) -> Vec<Value> {
        let fields =
            json!([{"name": "amount", "type": "long", "nullable": true, "metadata": column}]);
        let schema = json!({"type": "struct", "fields": fields}).to_string();
        let metadata = json!({
            "id": id,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": schema,
            "partitionColumns": [],
            "configuration": settings,
            "createdTime": 0
        });
        vec![json!({"protocol": protocol}), json!({"metaData": metadata}), Self::added(file)]
    }

    /// The action that adds a file.
    pub(super) fn added(file: &str) -> Value {
        json!({"add": {
            "path": file,
            "partitionValues": {},
            "size": 1,
            "modificationTime": 0,
            "dataChange": true
        }})
    }

    /// The action that removes a file, and when it was removed.
    pub(super) fn removed(file: &str, at_ms: i64) -> Value {
        json!({"remove": {"path": file, "deletionTimestamp": at_ms, "dataChange": true}})
    }

    /// The file of this name.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a version.
    pub(super) fn write(&self, version: u64, actions: &[Value]) {
        let folder = self.path("_delta_log");
        std::fs::create_dir_all(&folder).unwrap();
        let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
        std::fs::write(folder.join(format!("{version:020}.json")), lines.join("\n")).unwrap();
    }

    /// Removes the table's log.
    pub(super) fn remove(&self) {
        std::fs::remove_dir_all(self.path("_delta_log")).unwrap();
    }

    /// The newest version, from an earlier one on.
    pub(super) async fn open(&self, near: Option<&TableVersion>) -> Result<TableVersion> {
        self.log.open(&self.table, &AsOf::Latest, near, 0).await
    }
}
