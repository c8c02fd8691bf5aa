//! `system.tables`, `system.files` and `system.partitions`: where the bytes are.
//!
//! Each Delta table is opened at the version the statement sees. A table whose log cannot be read is an error that
//! names it, not a missing row. External tables are listed without files: others write them. What tells of rows (how many
//! there are, their least and greatest values, the partitions they are in) is for those alone who may read them.
//!
//! Example: `SELECT partition, row_count FROM system.partitions WHERE table_name = 'sales'`.

use crate::answer::{Answer, Cell, Kind, Shape, int, text};
use crate::error::Result;
use crate::information_schema::is_listed;
use crate::relations::Relations;
use futures::FutureExt;
use futures::future::BoxFuture;
use pareto_catalog::{FileInfo, PartitionTerm, Right, Storage, Table};
use std::collections::BTreeMap;

pub(super) const TABLES: Shape = &[
    ("table_schema", Kind::Text),
    ("table_name", Kind::Text),
    ("kind", Kind::Text),
    ("location", Kind::Text),
    ("version", Kind::Int),
    ("row_count", Kind::Int),
    ("files", Kind::Int),
    ("size_bytes", Kind::Int),
    ("partitioned_by", Kind::Text),
    ("ordered_by", Kind::Text),
    ("created_at", Kind::Moment),
    ("comment", Kind::Text),
];

pub(super) fn tables(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    async move {
        let mut answer = Answer::new(TABLES);
        for table in listed(relations) {
            let (kind, rest) = match &table.storage {
                Storage::Delta { managed, .. } => {
                    let version = relations.latest(&table.name).await?;
                    let files = version.files();
                    let size: u64 = files.iter().map(|file| file.size_bytes).sum();
                    let rows = version.row_count().filter(|_| may_read(relations, table));
                    let rows = rows.map_or(Cell::Null, int);
                    let kind = if *managed { "managed" } else { "delta" };
                    (
                        kind,
                        [
                            text(version.url()),
                            int(version.version()),
                            rows,
                            int(files.len()),
                            int(size),
                        ],
                    )
                }
                Storage::Files { url, .. } => (
                    "external",
                    [text(url.clone()), Cell::Null, Cell::Null, Cell::Null, Cell::Null],
                ),
            };
            let partitioned: Vec<String> =
                table.partitioning.iter().map(PartitionTerm::to_string).collect();
            let ordered: Vec<&str> = table.order.iter().map(|term| term.column.as_str()).collect();
            let listed = |list: String| if list.is_empty() { Cell::Null } else { text(list) };
            let start =
                [text(table.name.schema.clone()), text(table.name.name.clone()), text(kind)];
            let end = [
                listed(partitioned.join(", ")),
                listed(ordered.join(", ")),
                Cell::Moment(table.created_at_ms),
                table.comment.clone().into(),
            ];
            answer.push(start.into_iter().chain(rest).chain(end));
        }
        Ok(answer)
    }
    .boxed()
}

pub(super) const FILES: Shape = &[
    ("table_schema", Kind::Text),
    ("table_name", Kind::Text),
    ("path", Kind::Text),
    ("size_bytes", Kind::Int),
    ("row_count", Kind::Int),
    ("partition", Kind::Text),
    ("modified_at", Kind::Moment),
    ("statistics", Kind::Text),
];

pub(super) fn files(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    async move {
        let mut answer = Answer::new(FILES);
        for table in readable(relations) {
            for file in relations.latest(&table.name).await?.files() {
                answer.push([
                    text(table.name.schema.clone()),
                    text(table.name.name.clone()),
                    text(file.path.clone()),
                    int(file.size_bytes),
                    file.rows.map_or(Cell::Null, int),
                    partition_of(&file),
                    Cell::Moment(file.modified_ms),
                    file.statistics.into(),
                ]);
            }
        }
        Ok(answer)
    }
    .boxed()
}

pub(super) const PARTITIONS: Shape = &[
    ("table_schema", Kind::Text),
    ("table_name", Kind::Text),
    ("partition", Kind::Text),
    ("files", Kind::Int),
    ("row_count", Kind::Int),
    ("size_bytes", Kind::Int),
];

pub(super) fn partitions(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    async move {
        let mut answer = Answer::new(PARTITIONS);
        for table in readable(relations) {
            if table.partitioning.is_empty() {
                continue;
            }
            let mut sums: BTreeMap<String, (u64, Option<u64>, u64)> = BTreeMap::new();
            for file in relations.latest(&table.name).await?.files() {
                let Cell::Text(partition) = partition_of(&file) else { continue };
                let sum = sums.entry(partition).or_insert((0, Some(0), 0));
                *sum = (
                    sum.0 + 1,
                    sum.1.zip(file.rows).map(|(sum, rows)| sum + rows),
                    sum.2 + file.size_bytes,
                );
            }
            for (partition, (files, rows, size)) in sums {
                let rows = rows.map_or(Cell::Null, int);
                answer.push([
                    text(table.name.schema.clone()),
                    text(table.name.name.clone()),
                    text(partition),
                    int(files),
                    rows,
                    int(size),
                ]);
            }
        }
        Ok(answer)
    }
    .boxed()
}

fn listed(relations: &Relations) -> impl Iterator<Item = &Table> {
    relations.catalog().tables().filter(|table| is_listed(&table.name.schema))
}

/// The Delta tables whose rows the user may read.
fn readable(relations: &Relations) -> Vec<&Table> {
    let is_delta = |table: &&Table| matches!(table.storage, Storage::Delta { .. });
    listed(relations).filter(is_delta).filter(|table| may_read(relations, table)).collect()
}

fn may_read(relations: &Relations, table: &Table) -> bool {
    relations.rights().may(Right::Select, &table.name)
}

/// `sold_on_month=2024-01-01/channel=web`, or NULL for a table without partitions.
fn partition_of(file: &FileInfo) -> Cell {
    if file.partition.is_empty() {
        return Cell::Null;
    }
    let parts = file
        .partition
        .iter()
        .map(|(column, value)| format!("{column}={}", value.as_deref().unwrap_or("NULL")));
    text(parts.collect::<Vec<_>>().join("/"))
}
