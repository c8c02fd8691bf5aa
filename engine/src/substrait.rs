//! Plans in place of text: a Substrait plan becomes the plan that SQL would have become.
//!
//! A client that has planned a query itself (a data frame library, another engine) sends the plan as bytes. They are
//! decoded to `messages`, read by `reader` into DataFusion's plan, and from there on are a statement like any other: the
//! same catalog, names, rights, rewrites, writes and query log.
//!
//! ```text
//! bytes ──> messages ──> reader ──┬─> relations, writes      what yields or changes rows
//!                                 ├─> expressions, literals, types
//!                                 └─> functions              names of Substrait, then names of the session
//! ```
//!
//! Columns are numbers in Substrait and names in DataFusion, so the reader carries a list of columns beside each plan.
//! Reading may not wait, but looking up a table must: a plan is read, the tables it asked for are looked up, and it is read
//! again, until it asks for nothing new. Whatever is not understood is refused by the name that its message has, with
//! what is supported; depth, steps and bytes are bounded. Files are never read through a plan, only tables.
//!
//! Example: `{ fetch: { count: 3, input: { read: { named_table: ["sales"] } } } }` is `SELECT * FROM sales LIMIT 3`.

mod expressions;
mod extensions;
mod functions;
mod literals;
mod messages;
mod reader;
mod relations;
mod types;
mod writes;

use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::rights::{self, Behalf};
use crate::sql::{limits, prepare};
use crate::state::State;
use bytes::Bytes;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlan;
use futures::future::BoxFuture;
use reader::{Known, Reader, Wanted};
use std::fmt;
use std::sync::Arc;

/// Stack for reading a plan of the deepest nesting.
const STACK_BYTES: usize = 16 << 20;

/// An encoded plan.
#[derive(Clone)]
pub(crate) struct Substrait(Bytes);

impl fmt::Debug for Substrait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Substrait {
    /// A plan that is not too large.
    pub(crate) fn new(plan: &[u8]) -> Result<Self> {
        limits::check_bytes_of("the plan", plan.len())?;
        Ok(Self(Bytes::copy_from_slice(plan)))
    }

    /// What stands in the query log in place of SQL.
    pub(crate) fn text(&self) -> String {
        format!("Substrait plan of {} bytes", self.0.len())
    }
}

impl StatementContext {
    /// Plans an encoded plan, as far as its user's rights go.
    pub(crate) fn plan_substrait<'a>(
        &'a self,
        plan: &'a Substrait,
    ) -> BoxFuture<'a, Result<LogicalPlan>> {
        Box::pin(async move {
            let plan = self.read_substrait(plan).await?;
            rights::plan::check(self, &plan)?;
            Ok(plan)
        })
    }

    fn read_substrait<'a>(&'a self, plan: &'a Substrait) -> BoxFuture<'a, Result<LogicalPlan>> {
        Box::pin(async move {
            let mut known = Known::default();
            let mut knowing: Option<State> = None;
            loop {
                let state = knowing.as_ref().unwrap_or_else(|| self.state());
                if let Some(plan) = read(plan, state, &mut known)? {
                    return Ok(plan);
                }
                let Wanted { tables, segments } = std::mem::take(&mut known.wanted);
                for names in tables {
                    let table = provider_as_source(self.provider(&names).await?);
                    known.tables.insert(names, table);
                }
                if segments.is_empty() {
                    continue;
                }
                for segment in segments {
                    let sql = prepare::members(self.relations(), &segment, Behalf::Caller)?;
                    known.segments.insert(segment, sql);
                }
                knowing = Some(prepare::knowing(known.segments.clone(), self.state()).await?);
            }
        })
    }

    /// The table or view of that name.
    fn provider<'a>(
        &'a self,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<Arc<dyn TableProvider>>> {
        Box::pin(async move {
            let reference = reader::table_reference(names)?;
            let table = reference.table().to_owned();
            let provider = self.state().schema_for_ref(reference.clone())?.table(&table).await?;
            provider.ok_or_else(|| missing_table(&reference))
        })
    }
}

fn missing_table(reference: &TableReference) -> EngineError {
    EngineError::not_found(format!("table \"{reference}\" does not exist"))
}

/// Reads a plan with what is known of its tables; nothing when it wants to know more, which `known` then says.
fn read(plan: &Substrait, state: &State, known: &mut Known) -> Result<Option<LogicalPlan>> {
    let message = reader::decode_plan(&plan.0)?;
    let (result, wanted, parameters) = limits::on_stack(STACK_BYTES, || {
        let mut reader = Reader::new(state, &message, known)?;
        let result = reader.plan();
        Ok((result, reader.wanted, reader.parameters))
    })?;
    if !wanted.is_empty() {
        // Errors may come from not knowing.
        known.wanted = wanted;
        return Ok(None);
    }
    let plan = result?;
    if known.number(&parameters) { Ok(None) } else { Ok(Some(plan)) }
}
