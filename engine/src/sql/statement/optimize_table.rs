//! `OPTIMIZE [TABLE] t [WHERE condition] [ZORDER BY (columns)]`: packs small files into large ones.
//!
//! Without a condition every partition is looked at; with one, the files that hold a row for which it is true. Files of
//! at least three quarters of the target size are left alone, and so is a partition with a single small file. `ZORDER BY`
//! rewrites all of them, rows of a partition that are near in every column next to each other. Rows do not change, and readers see the
//! old files until the one commit.
//!
//! Example: `OPTIMIZE sales WHERE sold_on >= '2024-06-01'`.

use super::create_table::{self, TARGET_FILE_SIZE};
use super::{Own, own};
use crate::answer::{Answer, Cell, Kind, Shape, int, schema_of};
use crate::context::{StatementContext, quote};
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use async_trait::async_trait;
use datafusion::physical_plan::ExecutionPlan;
use pareto_catalog::{NativeScan, Operation, Removal, Right, Table};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// The size files are packed to, unless the table says `WITH (target_file_size = ..)`.
const TARGET_SIZE_BYTES: u64 = 256 << 20;
/// Buckets per column when rows are put near each other.
const ZORDER_BITS: u32 = 8;
/// Interleaving more columns than this puts nothing near anything.
const ZORDER_COLUMNS: usize = 4;

#[derive(Debug)]
struct OptimizeTable {
    table: Written,
    condition: Option<String>,
    near: Vec<String>,
}

const SHAPE: Shape = &[
    ("files_removed", Kind::Int),
    ("files_added", Kind::Int),
    ("bytes_removed", Kind::Int),
    ("bytes_added", Kind::Int),
    ("version", Kind::Int),
];

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("OPTIMIZE")?;
    reader.word("TABLE");
    let table = reader.name()?;
    let condition = if reader.word("WHERE") {
        let start = reader.here();
        reader.parser().parse_expr()?;
        Some(reader.since(start).to_owned())
    } else {
        None
    };
    let near = if reader.word("ZORDER BY") { reader.list(Reader::ident)? } else { Vec::new() };
    own(OptimizeTable { table, condition, near })
}

#[async_trait]
impl Own for OptimizeTable {
    fn columns(&self) -> Option<SchemaRef> {
        Some(schema_of(SHAPE))
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let table = context.table(&self.table)?;
        let near = self.near(table)?;
        let version = context.table_version(&table.name, Right::Create).await?;
        let scan = version.rewritable()?;
        let chosen = match &self.condition {
            Some(condition) => Some(self.files_with(context, &scan, condition).await?),
            None => None,
        };
        let target = target_size(table)?;
        let files = choose(&scan, chosen.as_ref(), target, !near.is_empty());
        let mut answer = Answer::new(SHAPE);
        if files.is_empty() {
            answer.push([int(0), int(0), int(0), int(0), int(version.version())]);
            return answer.outcome();
        }
        let removed: u64 = scan
            .file_sizes()
            .iter()
            .filter(|(number, ..)| files.contains(number))
            .map(|(_, size, ..)| *size)
            .sum();
        let operation = Operation::Optimize { target_size_bytes: target };
        let input = rows(context, scan.clone().only(&files), table, &near).await?;
        let written = match near.as_slice() {
            [] => version.write(input, &operation, context.task()).await?,
            _ => version.write_along(input, &operation, context.task()).await?,
        };
        let (added, bytes) = (written.files(), written.bytes);
        let removal = Removal::Files(scan.log_paths(&files));
        let made = version.commit(Some(written), &removal, &operation).await?;
        answer.push([
            int(files.len()),
            int(added),
            int(removed),
            int(bytes),
            Cell::Int(i64::try_from(made).unwrap_or(i64::MAX)),
        ]);
        answer.outcome()
    }
}

impl OptimizeTable {
    fn near(&self, table: &Table) -> Result<Vec<String>> {
        if self.near.is_empty() {
            return Ok(Vec::new());
        }
        if !table.order.is_empty() {
            return Err(EngineError::invalid(format!(
                "table \"{}\" is sorted by its ORDER BY already",
                table.name
            ))
            .with_hint("OPTIMIZE without ZORDER BY packs its files and keeps that order"));
        }
        if self.near.len() > ZORDER_COLUMNS {
            return Err(EngineError::invalid(format!(
                "ZORDER BY takes at most {ZORDER_COLUMNS} columns"
            )));
        }
        let find = |name: &String| {
            table.column(name).map(|column| column.name.clone()).ok_or_else(|| {
                EngineError::invalid(format!("table \"{}\" has no column \"{name}\"", table.name))
                    .with_nearest(name, table.columns.iter().map(|column| column.name.as_str()))
            })
        };
        self.near.iter().map(find).collect()
    }

    /// The numbers of the files that hold a row for which the condition is true.
    async fn files_with(
        &self,
        context: &StatementContext,
        scan: &NativeScan,
        condition: &str,
    ) -> Result<HashSet<i64>> {
        const RELATION: &str = "$optimized files";
        context.relations().add_provider(RELATION, Arc::new(scan.clone().numbering_rows())).await;
        let sql = format!(
            "SELECT DISTINCT {} FROM \"{RELATION}\" WHERE {condition}",
            NativeScan::FILE_COLUMN
        );
        let batches = context.rows(&sql).await?;
        Ok(batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect())
    }
}

fn target_size(table: &Table) -> Result<u64> {
    let given = table.options.get(TARGET_FILE_SIZE);
    given.map_or(Ok(TARGET_SIZE_BYTES), |text| create_table::bytes(text))
}

/// The files worth rewriting, by number.
fn choose(scan: &NativeScan, among: Option<&HashSet<i64>>, target: u64, all: bool) -> HashSet<i64> {
    let mut partitions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (number, size, _, partition) in scan.file_sizes() {
        let wanted = among.is_none_or(|among| among.contains(&number));
        if wanted && (all || size < target / 4 * 3) {
            let key: Vec<String> = partition.iter().map(ToString::to_string).collect();
            partitions.entry(key.join("\u{1f}")).or_default().push(number);
        }
    }
    partitions.into_values().filter(|files| all || files.len() > 1).flatten().collect()
}

/// The rows of these files; when near ones are to be together, with their place on the curve as the last column.
async fn rows(
    context: &StatementContext,
    scan: NativeScan,
    table: &Table,
    near: &[String],
) -> Result<Arc<dyn ExecutionPlan>> {
    const RELATION: &str = "$optimized rows";
    context.relations().add_provider(RELATION, Arc::new(scan)).await;
    let columns: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
    let columns = columns.join(", ");
    let sql = match near {
        [] => format!("SELECT {columns} FROM \"{RELATION}\""),
        [column] => {
            format!("SELECT {columns}, {} AS \"$curve\" FROM \"{RELATION}\"", quote(column))
        }
        many => {
            // Each column becomes a bucket number of eight bits; interleaving the bits gives the curve.
            let tiles: Vec<String> = many
                .iter()
                .enumerate()
                .map(|(index, column)| {
                    format!(
                        "CAST(ntile({}) OVER (ORDER BY {}) - 1 AS BIGINT) AS \"$z{index}\"",
                        1u32 << ZORDER_BITS,
                        quote(column)
                    )
                })
                .collect();
            let bits = (0..ZORDER_BITS).flat_map(|bit| {
                let width = u32::try_from(many.len()).unwrap_or(1);
                (0..width).map(move |index| {
                    format!("(((\"$z{index}\" >> {bit}) & 1) << {})", bit * width + index)
                })
            });
            let curve = bits.collect::<Vec<_>>().join(" + ");
            format!(
                "SELECT {columns}, {curve} AS \"$curve\" FROM (SELECT *, {} FROM \"{RELATION}\")",
                tiles.join(", ")
            )
        }
    };
    let plan = context.plan_query(&sql).await?;
    Ok(context.state().create_physical_plan(&plan).await?)
}
