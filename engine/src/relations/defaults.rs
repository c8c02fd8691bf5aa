//! A table with the defaults of its columns.
//!
//! DataFusion asks the table for a default when `INSERT` leaves a column out; the scan of the catalog knows none,
//! because a default is SQL text and the catalog does not read SQL. A table without defaults is not wrapped.
//!
//! Example: with `channel VARCHAR DEFAULT 'web'`, `INSERT INTO sales (amount) VALUES (1)` stores `web`.

use crate::error::{EngineError, Result};
use crate::state::State;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{ScanArgs, ScanResult, Session, TableProvider};
use datafusion::common::{Constraints, DFSchema, Statistics};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use pareto_catalog::Table;
use std::collections::HashMap;
use std::sync::Arc;

/// Wraps `inner` when a column of the table has a default.
pub(super) fn with_defaults(
    table: &Table,
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
    if defaults.is_empty() { Ok(inner) } else { Ok(Arc::new(WithDefaults { inner, defaults })) }
}

#[derive(Debug)]
struct WithDefaults {
    inner: Arc<dyn TableProvider>,
    defaults: HashMap<String, Expr>,
}

#[async_trait]
impl TableProvider for WithDefaults {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn constraints(&self) -> Option<&Constraints> {
        self.inner.constraints()
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
