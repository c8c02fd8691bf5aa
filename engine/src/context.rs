//! Everything one statement works with: one version of the catalog, one version of every table, one DataFusion state.
//!
//! Made when the statement starts and dropped when it ends. Whatever a statement reads it reads through here, so that
//! a table mentioned three times is one version three times. Never shared between statements.
//!
//! Example: `INSERT INTO t SELECT * FROM t` reads version 7 of `t` and commits version 8.

use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::interrupt;
use crate::progress::QueryProgress;
use crate::relations::{Names, Relations, unversioned};
use crate::rights::{self, Behalf, Rights};
use crate::session::{Configured, Outcome, Session};
use crate::sql::statement::{Effect, Own};
use crate::sql::tree::{Tree, Written};
use crate::sql::{self, prepare};
use crate::state::{CATALOG, DEFAULT_SCHEMA, State};
use crate::transaction::Transaction;
use arrow::array::RecordBatch;
use datafusion::common::TableReference;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use pareto_catalog::{
    AsOf, Catalog, Name, Operation, Removal, Right, Table, TableVersion, Written as CatalogWritten,
};
use std::sync::{Arc, OnceLock};

/// What a statement runs with.
pub(crate) struct StatementContext {
    /// The engine.
    pub(crate) engine: Arc<Engine>,
    /// The connection the statement came over.
    pub(crate) session: Arc<Session>,
    /// Everything that exists for the statement's user, at the version the statement started with.
    pub(crate) catalog: Arc<Catalog>,
    /// Functions and settings, shared with other statements of the session.
    pub(crate) configured: Configured,
    /// The same with this statement's names and time, once something is planned.
    named: OnceLock<State>,
    /// Who wants to know how far the statement is.
    pub(crate) watch: Option<Arc<QueryProgress>>,
    /// The transaction the statement belongs to.
    pub(crate) transaction: Option<Arc<Transaction>>,
    relations: Arc<Relations>,
}

impl std::fmt::Debug for StatementContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatementContext")
            .field("catalog", &self.catalog.version)
            .finish_non_exhaustive()
    }
}

impl StatementContext {
    /// Takes the newest catalog and the session's settings.
    pub(crate) fn new(session: Arc<Session>) -> BoxFuture<'static, Result<Self>> {
        Box::pin(async move {
            let engine = Arc::clone(session.engine());
            let whole = engine.warehouse().catalog().await?;
            let rights = session.rights(&whole)?;
            let configured = session.configured()?;
            let template = configured.state.clone();
            let transaction = session.transaction();
            let relations = Relations::new(Arc::clone(&session), whole, rights, template);
            let relations = Arc::new(relations.within(transaction.clone()));
            let catalog = Arc::clone(relations.catalog());
            let named = OnceLock::new();
            let watch = None;
            Ok(Self { engine, session, catalog, configured, named, watch, transaction, relations })
        })
    }

    /// Functions, settings and names, ready to plan with. A plan that is kept needs no names, so they wait for who asks.
    pub(crate) fn state(&self) -> &State {
        self.named.get_or_init(|| {
            let mut state = self.configured.state.copy();
            state.register_catalog_list(Arc::new(Names::new(Arc::clone(&self.relations))));
            state.mark_start_execution();
            state.into()
        })
    }

    /// What plans run with.
    pub(crate) fn task(&self) -> Arc<TaskContext> {
        Arc::clone(&self.configured.task)
    }

    /// Plans with another state from now on.
    pub(crate) fn plan_with(&mut self, state: State) {
        self.configured.task = state.task_ctx();
        self.named = OnceLock::from(state);
    }

    /// The tables this statement has opened.
    pub(crate) fn relations(&self) -> &Arc<Relations> {
        &self.relations
    }

    /// What the statement's user may do.
    pub(crate) fn rights(&self) -> &Rights {
        self.relations.rights()
    }

    /// The table at the version this statement sees, for a use that needs this right.
    pub(crate) fn table_version<'a>(
        &'a self,
        name: &'a Name,
        right: Right,
    ) -> BoxFuture<'a, Result<TableVersion>> {
        Box::pin(async move {
            let table = self.known_table(name)?;
            self.rights().require(right, &table.name)?;
            self.relations.latest(&table.name).await
        })
    }

    /// The same for a table that will be written: a transaction must have room for it.
    pub(crate) fn table_to_write<'a>(
        &'a self,
        name: &'a Name,
        right: Right,
    ) -> BoxFuture<'a, Result<TableVersion>> {
        Box::pin(async move {
            let version = self.table_version(name, right).await?;
            if let Some(transaction) = &self.transaction {
                transaction.admit(version.table())?;
            }
            Ok(version)
        })
    }

    /// The table as it is now, after another writer was first.
    pub(crate) fn reopen<'a>(
        &'a self,
        version: &'a TableVersion,
    ) -> BoxFuture<'a, Result<TableVersion>> {
        Box::pin(async move {
            if let Some(transaction) = &self.transaction
                && let Some(changed) = transaction.version_of(version.table())?
            {
                return Ok(changed);
            }
            Ok(self.engine.warehouse().open_table(version.table(), AsOf::Latest).await?)
        })
    }

    /// Makes files part of a table: now, or with the transaction that the statement belongs to.
    pub(crate) fn commit<'a>(
        &'a self,
        table: &'a TableVersion,
        written: Option<CatalogWritten>,
        removal: &'a Removal,
        operation: &'a Operation,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match &self.transaction {
                Some(transaction) => transaction.stage(table, written, removal, operation),
                None => {
                    table.commit(written, removal, operation).await?;
                    Ok(())
                }
            }
        })
    }

    /// Runs a statement of ours. One that cannot be part of a transaction commits what is pending first.
    pub(crate) fn run<'a>(&'a self, statement: &'a dyn Own) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            if statement.effect() == Effect::Commits {
                self.commit_pending().await?;
            }
            statement.run(self).await
        })
    }

    /// Commits what the transaction has pending, before a definition, which cannot be part of one.
    pub(crate) fn commit_pending(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match &self.transaction {
                Some(transaction) => transaction.commit_pending().await,
                None => Ok(()),
            }
        })
    }

    /// Refuses to make or replace a table or view where that is not allowed, before any work is done for it.
    pub(crate) fn require_make(&self, name: &Name) -> Result<()> {
        if unversioned(&name.name).0 != name.name {
            return Err(EngineError::invalid(format!(
                "\"{}\" would be read as a version of another table",
                name.name
            ))
            .with_hint("take a name that does not end like a time travel"));
        }
        Ok(self.rights().require_make(name, self.exists(name))?)
    }

    /// The full name of something written with one to three parts.
    pub(crate) fn name(&self, written: &Written) -> Result<Name> {
        let parts = written.parts();
        match parts {
            [name] => Ok(Name::new(self.schema(), name.clone())),
            [schema, name] => Ok(Name::new(schema.clone(), name.clone())),
            [catalog, schema, name] if catalog.eq_ignore_ascii_case(CATALOG) => {
                Ok(Name::new(schema.clone(), name.clone()))
            }
            [catalog, ..] if parts.len() == 3 => {
                Err(EngineError::not_found(format!("database \"{catalog}\" does not exist"))
                    .with_hint(format!("the only one is \"{CATALOG}\"")))
            }
            _ => Err(EngineError::invalid(format!("\"{written}\" is not a table name"))
                .with_hint("write schema.table")),
        }
    }

    /// The full name behind a name in a plan.
    pub(crate) fn name_of(&self, reference: &TableReference) -> Name {
        let schema = reference.schema().map_or_else(|| self.schema(), str::to_owned);
        Name::new(schema, reference.table())
    }

    /// The schema that names without one are looked up in.
    pub(crate) fn schema(&self) -> String {
        self.configured.state.config_options().catalog.default_schema.clone()
    }

    /// The table of that name; a view of that name is an error that says so.
    pub(crate) fn table(&self, written: &Written) -> Result<&Table> {
        self.known_table(&self.name(written)?)
    }

    /// The same for a full name.
    pub(crate) fn known_table(&self, name: &Name) -> Result<&Table> {
        match self.catalog.table(name) {
            Ok(table) => Ok(table),
            Err(error) => match self.catalog.view(name) {
                Ok(view) => {
                    Err(EngineError::invalid(format!("\"{}\" is a view, not a table", view.name))
                        .with_hint("name the table that it reads"))
                }
                Err(_) => Err(error.into()),
            },
        }
    }

    /// Plans a parsed statement, as far as its user's rights go.
    pub(crate) fn plan(&self, tree: Tree) -> BoxFuture<'_, Result<LogicalPlan>> {
        Box::pin(async move {
            let plan = prepare::plan(tree, &self.relations, self.state(), Behalf::Caller).await?;
            rights::plan::check(self, &plan)?;
            Ok(plan)
        })
    }

    /// Plans a query that we wrote ourselves.
    pub(crate) fn plan_query<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<LogicalPlan>> {
        Box::pin(async move { self.plan(sql::parse_query(sql)?).await })
    }

    /// Runs a plan.
    pub(crate) fn stream<'a>(
        &'a self,
        plan: &'a LogicalPlan,
    ) -> BoxFuture<'a, Result<SendableRecordBatchStream>> {
        Box::pin(async move {
            let state = self.state();
            self.run_optimized(&state.optimize(plan)?, state).await
        })
    }

    /// Runs an optimised plan that answers the same whenever it is asked.
    pub(crate) fn stream_kept<'a>(
        &'a self,
        plan: &'a LogicalPlan,
    ) -> BoxFuture<'a, Result<SendableRecordBatchStream>> {
        self.run_optimized(plan, &self.configured.state)
    }

    fn run_optimized<'a>(
        &'a self,
        plan: &'a LogicalPlan,
        state: &'a State,
    ) -> BoxFuture<'a, Result<SendableRecordBatchStream>> {
        Box::pin(async move {
            let planner = state.query_planner();
            let mut physical = planner.create_physical_plan(plan, &**state).await?;
            if let Some(watch) = &self.watch {
                physical = interrupt::guard(physical, watch.interrupt())?;
                watch.follow(&physical);
            }
            Ok(execute_stream(physical, self.task())?)
        })
    }

    /// Runs a query that we wrote ourselves and keeps its rows; for small answers only.
    pub(crate) fn rows<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Vec<RecordBatch>>> {
        Box::pin(async move {
            let plan = self.plan_query(sql).await?;
            Ok(self.stream(&plan).await?.try_collect().await?)
        })
    }
}

/// The short way to write a name: without the schema when it is the one every warehouse has.
pub(crate) fn short(name: &Name) -> String {
    if name.schema == DEFAULT_SCHEMA {
        quote(&name.name)
    } else {
        format!("{}.{}", quote(&name.schema), quote(&name.name))
    }
}

/// A full name that any schema setting reads the same way.
pub(crate) fn full(name: &Name) -> String {
    format!("{}.{}", quote(&name.schema), quote(&name.name))
}

/// An identifier as SQL, in double quotes where it needs them.
pub(crate) fn quote(ident: &str) -> String {
    let plain = ident.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && ident.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !sqlparser::keywords::ALL_KEYWORDS.iter().any(|word| word.eq_ignore_ascii_case(ident));
    if plain { ident.to_owned() } else { format!("\"{}\"", ident.replace('"', "\"\"")) }
}

/// A text as a SQL string.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
