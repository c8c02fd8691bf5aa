//! A connection: its settings, its current schema, who it is, and the way to run statements.
//!
//! All methods take `&self`; a session may run several statements at once. Each takes the newest catalog when it
//! starts and sees nothing newer. A statement that fails changes nothing. Dropping a result stream cancels the query.
//! A session holds no locks; dropping it forgets its settings, rolls an open transaction back and removes its temporary tables.
//!
//! Example: `session.execute("SET pareto.rewrite = off")` affects this session only.

mod identity;
mod parts;
mod prepared;
mod temporary;
mod transactions;

pub use parts::Parts;
pub use prepared::Prepared;
pub(crate) use temporary::Temporary;

use crate::context::StatementContext;
use crate::dml;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::login::Identity;
use crate::plan_cache::Planned;
use crate::query_log::Running;
use crate::question::Question;
use crate::rights::standing;
use crate::settings::{self, ParetoOptions, SETTINGS};
use crate::sql::tree::Tree;
use crate::sql::{self, Parsed};
use crate::state::{DEFAULT_SCHEMA, State};
use crate::transaction::Transaction;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{FunctionRegistry, SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use futures::future::BoxFuture;
use pareto_catalog::ScanCache;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use uuid::Uuid;

/// What a statement gave.
pub enum Outcome {
    /// Rows, as they are computed. Dropping the stream cancels the query.
    Rows(SendableRecordBatchStream),
    /// So many rows were added, changed or removed.
    Affected(u64),
    /// Something was defined, dropped or set.
    Done,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(rows) => f.debug_tuple("Rows").field(&rows.schema()).finish(),
            Self::Affected(rows) => f.debug_tuple("Affected").field(rows).finish(),
            Self::Done => f.write_str("Done"),
        }
    }
}

/// One connection.
pub struct Session {
    me: Weak<Self>,
    id: Uuid,
    engine: Arc<Engine>,
    identity: Identity,
    values: Arc<Mutex<Values>>,
    /// The state of the last statement, for the next one.
    configured: Arc<Mutex<Option<Configured>>>,
    temporary: Arc<Mutex<Temporary>>,
    /// The transaction that all statements belong to, when a client holds one.
    within: Option<Arc<Transaction>>,
}

/// What `SET` and `USE` change.
#[derive(Debug, Clone)]
struct Values {
    chosen: Arc<Chosen>,
    /// Files that the server wrote for this session and that it may read.
    uploads: BTreeSet<String>,
    /// What `BEGIN` opened.
    transaction: Option<Arc<Transaction>>,
}

impl Values {
    /// What plans depend on, to be changed. Statements that have begun keep what was chosen then.
    fn choose(&mut self) -> &mut Chosen {
        Arc::make_mut(&mut self.chosen)
    }
}

/// What a session has set that plans depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Chosen {
    schema: String,
    /// Whose rights an administrator has taken on.
    acting_as: Option<String>,
    settings: BTreeMap<&'static str, String>,
}

/// A state with what was chosen. It has no names of tables: a statement that is planned puts its own in.
#[derive(Clone)]
pub(crate) struct Configured {
    pub(crate) chosen: Arc<Chosen>,
    pub(crate) state: State,
    /// What plans run with.
    pub(crate) task: Arc<TaskContext>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(engine: Arc<Engine>, identity: Identity) -> Arc<Self> {
        let chosen = Arc::new(Chosen {
            schema: DEFAULT_SCHEMA.to_owned(),
            acting_as: None,
            settings: BTreeMap::new(),
        });
        let values = Values { chosen, uploads: BTreeSet::new(), transaction: None };
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            id: Uuid::new_v4(),
            engine,
            identity,
            values: Arc::new(Mutex::new(values)),
            configured: Arc::default(),
            temporary: Arc::default(),
            within: None,
        })
    }

    /// Cuts a text into statements at its semicolons; comments and quotes are respected, empty statements dropped.
    pub fn split(text: &str) -> Result<Vec<String>> {
        sql::split(text)
    }

    /// Runs exactly one statement.
    pub fn execute<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            let mut running = self.begin(sql);
            match Box::pin(self.run(sql)).await {
                Ok(outcome) => Ok(running.follow(outcome, sql)),
                Err(error) => {
                    let error = error.locate(sql);
                    running.fail(&error);
                    Err(error)
                }
            }
        })
    }

    /// Notes that a statement starts.
    fn begin(&self, sql: &str) -> Running {
        self.engine.queries().begin(self.id, self.user(), sql)
    }

    fn run<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            let context = self.context().await?;
            let question = context.question(sql);
            if let Some(outcome) = ask_again(&context, question.as_ref()).await? {
                return Ok(outcome);
            }
            match sql::parse(sql)? {
                Parsed::Own(statement) => context.run(statement.as_ref()).await,
                Parsed::Sql(statement) => ask(&context, statement, question).await,
            }
        })
    }

    /// Plans a statement for running it several times, with `?` or `$n` parameters.
    pub fn prepare<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Prepared>> {
        Box::pin(async move {
            let session = self.shared()?;
            Box::pin(Prepared::new(session, sql)).await.map_err(|error| error.locate(sql))
        })
    }

    /// The same for an encoded Substrait plan. Its parameters are numbered in the order of their anchors.
    pub fn prepare_substrait<'a>(&'a self, plan: &'a [u8]) -> BoxFuture<'a, Result<Prepared>> {
        Box::pin(async move { Prepared::of_substrait(self.shared()?, plan).await })
    }

    /// The columns of a table or view.
    pub fn table_schema<'a>(
        &'a self,
        schema: &'a str,
        table: &'a str,
    ) -> BoxFuture<'a, Result<SchemaRef>> {
        Box::pin(async move {
            let context = self.context().await?;
            let reference = datafusion::common::TableReference::partial(schema, table);
            let provider = context.state().schema_for_ref(reference)?.table(table).await?;
            let provider = provider.ok_or_else(|| {
                EngineError::not_found(format!("table \"{schema}.{table}\" does not exist"))
            })?;
            Ok(provider.schema())
        })
    }

    /// Tells sessions apart in `system.queries`.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The value this session has set a setting to; `None` where it is as the engine has it.
    pub fn chosen(&self, key: &str) -> Option<String> {
        self.chosen_now().settings.get(key).cloned()
    }

    /// What this session has set itself, the current schema among it: what another session of the same user needs to
    /// give the same answers. `None` while it acts as somebody else, has temporary
    /// tables, or sees what a transaction has not committed.
    pub(crate) fn choices(&self) -> Option<BTreeMap<String, String>> {
        let pending = self.transaction().is_some() || !self.temporary_names().is_empty();
        let chosen = self.chosen_now();
        if pending || chosen.acting_as.is_some() {
            return None;
        }
        let mut choices: BTreeMap<String, String> =
            chosen.settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        choices.insert("schema".to_owned(), chosen.schema.clone());
        Some(choices)
    }

    /// Every setting with the value in effect.
    pub fn settings(&self) -> Vec<(String, String)> {
        let mut state = self.engine.base().copy();
        // Kept values were applied once when they were set; they apply again.
        let _ = self.configure(&mut state, &self.chosen_now());
        let mut all: Vec<(String, String)> = SETTINGS
            .iter()
            .map(|setting| (setting.key.to_owned(), setting.value(state.config_options())))
            .collect();
        all.push(("schema".to_owned(), self.schema()));
        all
    }

    /// Changes a setting, as `SET key = value` does. The key `schema` changes the current schema.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        if key.eq_ignore_ascii_case("schema") || key.eq_ignore_ascii_case("search_path") {
            value.clone_into(&mut self.values().choose().schema);
            return Ok(());
        }
        let setting = settings::find(key)?;
        let value = setting.normalize(value)?;
        setting.apply(self.engine.base().copy().config_mut().options_mut(), &value)?;
        self.values().choose().settings.insert(setting.key, value);
        Ok(())
    }

    /// Puts a setting back to its default; all of them for `None`.
    pub(crate) fn reset(&self, key: Option<&str>) -> Result<()> {
        match key {
            None => self.values().choose().settings.clear(),
            Some(key) if key.eq_ignore_ascii_case("schema") => {
                DEFAULT_SCHEMA.clone_into(&mut self.values().choose().schema)
            }
            Some(key) => {
                let setting = settings::find(key)?;
                self.values().choose().settings.remove(setting.key);
            }
        }
        Ok(())
    }

    /// The names of all functions, ours and DataFusion's.
    pub fn function_names(&self) -> Vec<String> {
        let state = self.engine.base();
        let mut names: BTreeSet<String> = state.scalar_functions().keys().cloned().collect();
        names.extend(state.aggregate_functions().keys().cloned());
        names.extend(state.window_functions().keys().cloned());
        names.extend(state.higher_order_functions().keys().cloned());
        names.extend(state.table_functions().keys().cloned());
        names.extend(sql::prepare::FILE_FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()));
        names.extend(pareto_udfs::chains().map(|spec| spec.name.to_owned()));
        names.into_iter().collect()
    }

    /// What an answer to this text depends on, but for tables.
    pub(crate) fn question(&self, sql: &str, catalog: u64, chosen: &Arc<Chosen>) -> Question {
        let (identity, chosen) = (self.identity.clone(), Arc::clone(chosen));
        Question { sql: sql.to_owned(), catalog, identity, chosen }
    }

    /// The current schema.
    pub(crate) fn schema(&self) -> String {
        self.chosen_now().schema.clone()
    }

    /// The engine it is a session of.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The state with what the session has set: that of the statement before, unless something was set since.
    pub(crate) fn configured(&self) -> Result<Configured> {
        let chosen = self.chosen_now();
        let mut kept = self.configured.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(configured) = kept.as_ref().filter(|configured| configured.chosen == chosen) {
            return Ok(configured.clone());
        }
        let mut state = self.engine.base().copy();
        self.configure(&mut state, &chosen)?;
        state.mark_start_execution();
        let configured = Configured { chosen, task: state.task_ctx(), state: state.into() };
        *kept = Some(configured.clone());
        Ok(configured)
    }

    fn chosen_now(&self) -> Arc<Chosen> {
        Arc::clone(&self.values().chosen)
    }

    /// Puts what was chosen into a state.
    fn configure(&self, state: &mut SessionState, chosen: &Chosen) -> Result<()> {
        let options = state.config_mut().options_mut();
        options.catalog.default_schema.clone_from(&chosen.schema);
        options.set("pareto.user", &self.user_of(chosen.acting_as.as_deref()))?;
        for (key, value) in &chosen.settings {
            settings::find(key)?.apply(options, value)?;
        }
        if !ParetoOptions::switched_on(options, |own| own.scan_cache) {
            state.config_mut().set_extension(Arc::new(ScanCache(None)));
        }
        if chosen.settings.contains_key(settings::TIME_ZONE) {
            follow_settings(state)?;
        }
        Ok(())
    }

    pub(crate) fn context(&self) -> BoxFuture<'_, Result<StatementContext>> {
        Box::pin(async move { StatementContext::new(self.shared()?).await })
    }

    fn shared(&self) -> Result<Arc<Self>> {
        self.me.upgrade().ok_or_else(|| EngineError::internal("the session has ended"))
    }

    fn values(&self) -> std::sync::MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes those functions anew that were made for a time zone, such as `now()`.
fn follow_settings(state: &mut SessionState) -> Result<()> {
    let options = state.config_options();
    let followers: Vec<_> = state
        .scalar_functions()
        .values()
        .filter_map(|function| function.inner().with_updated_config(options))
        .collect();
    for function in followers {
        state.register_udf(Arc::new(function))?;
    }
    Ok(())
}

/// Answers a question that was asked before from what was kept of it: its answer, or its plan.
pub(crate) fn ask_again<'a>(
    context: &'a StatementContext,
    question: Option<&'a Arc<Question>>,
) -> BoxFuture<'a, Result<Option<Outcome>>> {
    Box::pin(async move {
        if let Some(rows) = context.kept(question).await? {
            return Ok(Some(Outcome::Rows(rows)));
        }
        match context.kept_plan(question).await? {
            Some(kept) => run_lasting(context, &kept.plan, question.cloned()).await.map(Some),
            None => Ok(None),
        }
    })
}

/// Runs a statement of DataFusion's without parameters, of which nothing is kept.
pub(crate) fn ask(
    context: &StatementContext,
    statement: Tree,
    question: Option<Arc<Question>>,
) -> BoxFuture<'_, Result<Outcome>> {
    Box::pin(async move {
        match context.plan_anew(statement, question.as_ref()).await? {
            Planned::Lasting(plan) => run_lasting(context, &plan, question).await,
            Planned::Fleeting(plan) => run_plan(context, plan.clone()).await,
        }
    })
}

/// Runs a plan that answers the same each time, and keeps the answer.
fn run_lasting<'a>(
    context: &'a StatementContext,
    plan: &'a LogicalPlan,
    question: Option<Arc<Question>>,
) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(async move {
        let rows = standing::watch(context, context.stream_kept(plan).await?);
        Ok(Outcome::Rows(context.keeping(question, rows).await))
    })
}

/// Runs what DataFusion planned.
pub(crate) fn run_plan<'a>(
    context: &'a StatementContext,
    plan: LogicalPlan,
) -> BoxFuture<'a, Result<Outcome>> {
    Box::pin(async move {
        match &plan {
            LogicalPlan::Dml(statement) => {
                dml::execute(context, statement).await.map(Outcome::Affected)
            }
            LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) if !create.temporary => {
                context.commit_pending().await?;
                sql::create_table_from_plan(context, create).await
            }
            LogicalPlan::Ddl(statement) => Err(unsupported(ddl_name(statement))),
            LogicalPlan::Statement(statement) => Err(unsupported(statement.name())),
            LogicalPlan::Copy(_) => Err(unsupported("this form of COPY")),
            _ => Ok(Outcome::Rows(standing::watch(context, context.stream(&plan).await?))),
        }
    })
}

fn unsupported(what: &str) -> EngineError {
    EngineError::invalid(format!("{what} is not supported"))
}

fn ddl_name(statement: &DdlStatement) -> &'static str {
    match statement {
        DdlStatement::CreateExternalTable(_) => "this form of CREATE EXTERNAL TABLE",
        DdlStatement::CreateMemoryTable(_) => "this form of CREATE TABLE",
        DdlStatement::CreateView(_) => "this form of CREATE VIEW",
        DdlStatement::CreateCatalogSchema(_) => "this form of CREATE SCHEMA",
        DdlStatement::CreateCatalog(_) => "CREATE DATABASE",
        DdlStatement::CreateIndex(_) => "CREATE INDEX",
        DdlStatement::DropTable(_)
        | DdlStatement::DropView(_)
        | DdlStatement::DropCatalogSchema(_) => "this form of DROP",
        DdlStatement::CreateFunction(_) => "CREATE FUNCTION",
        DdlStatement::DropFunction(_) => "DROP FUNCTION",
    }
}

/// No columns: what a statement without rows has.
pub(crate) fn no_columns() -> SchemaRef {
    Arc::new(Schema::empty())
}
