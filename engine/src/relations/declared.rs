//! A table with what the catalog declares of it beside its rows: the defaults of its columns, and the keys it may be trusted in.
//!
//! DataFusion asks the table for a default when `INSERT` leaves a column out; the scan of the catalog knows none, because a
//! default is SQL text and the catalog does not read SQL. Keys that say `RELY` are for our own rules
//! ([`crate::rewrite`]) and not told to DataFusion, which knows no foreign ones and builds more on the others than is promised.
//! A table that declares neither is not wrapped.
//!
//! Example: with `channel VARCHAR DEFAULT 'web'`, `INSERT INTO sales (amount) VALUES (1)` stores `web`.

use crate::error::{EngineError, Result};
use crate::state::State;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{ScanArgs, ScanResult, Session, TableProvider};
use datafusion::common::{DFSchema, Statistics};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use pareto_catalog::{Constraint, ConstraintKind, Name, Table};
use std::collections::HashMap;
use std::sync::Arc;

/// The keys that the owner of a table vouches for.
#[derive(Debug)]
pub(crate) struct TrustedKeys {
    table: Name,
    keys: Vec<Constraint>,
}

impl TrustedKeys {
    /// Whether no two rows share these columns, NULLs aside.
    pub(crate) fn is_unique(&self, columns: &[String]) -> bool {
        self.keys.iter().any(|key| match key.kind {
            ConstraintKind::PrimaryKey | ConstraintKind::Unique => {
                key.columns.iter().all(|column| columns.contains(column))
            }
            ConstraintKind::ForeignKey { .. } => false,
        })
    }

    /// Whether every row whose `columns` are not NULL has one in the other table whose `referenced` are the same.
    pub(crate) fn refers(&self, columns: &[String], other: &Self, referenced: &[String]) -> bool {
        let pairs = |of: &[String], to: &[String]| {
            let mut pairs: Vec<_> = of.iter().cloned().zip(to.iter().cloned()).collect();
            pairs.sort_unstable();
            pairs
        };
        self.keys.iter().any(|key| match &key.kind {
            ConstraintKind::ForeignKey { table, columns: to } => {
                *table == other.table && pairs(&key.columns, to) == pairs(columns, referenced)
            }
            ConstraintKind::PrimaryKey | ConstraintKind::Unique => false,
        })
    }
}

/// Wraps `inner` when the table declares something. Keys are trusted of the newest version only: what was deleted since may
/// have been referred to.
pub(super) fn wrapped(
    table: &Table,
    is_newest: bool,
    inner: Arc<dyn TableProvider>,
    state: &State,
) -> Result<Arc<dyn TableProvider>> {
    let mut defaults = HashMap::new();
    for column in &table.columns {
        if let Some(text) = &column.default {
            let expr = state.create_logical_expr(text, &DFSchema::empty()).map_err(|error| {
                let error = EngineError::from(error);
                EngineError::invalid(format!(
                    "the default of column \"{}\" of \"{}\" cannot be used: {}",
                    column.name, table.name, error.message
                ))
            })?;
            defaults.insert(column.name.clone(), expr);
        }
    }
    let keys = table.constraints.iter().filter(|key| key.rely && is_newest).cloned();
    let keys = TrustedKeys { table: table.name.clone(), keys: keys.collect() };
    if defaults.is_empty() && keys.keys.is_empty() {
        return Ok(inner);
    }
    Ok(Arc::new(Declared { inner, defaults, keys }))
}

/// The table.
#[derive(Debug)]
pub(crate) struct Declared {
    inner: Arc<dyn TableProvider>,
    defaults: HashMap<String, Expr>,
    keys: TrustedKeys,
}

impl Declared {
    /// What may be trusted.
    pub(crate) fn keys(&self) -> &TrustedKeys {
        &self.keys
    }
}

#[async_trait]
impl TableProvider for Declared {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn table_type(&self) -> TableType {
        self.inner.table_type()
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.defaults.get(column)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        self.inner.scan(state, projection, filters, limit).await
    }

    async fn scan_with_args<'a>(
        &self,
        state: &dyn Session,
        args: ScanArgs<'a>,
    ) -> PlanResult<ScanResult> {
        self.inner.scan_with_args(state, args).await
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        self.inner.supports_filters_pushdown(filters)
    }

    fn statistics(&self) -> Option<Statistics> {
        self.inner.statistics()
    }
}
