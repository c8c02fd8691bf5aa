//! A prepared statement: SQL or a Substrait plan, read and checked once, run many times with different parameters.
//!
//! Its columns and parameter types are known before it runs. Each run takes the newest catalog and sees rows committed
//! since: it plans again, unless nothing that the plan depends on has changed ([`crate::plan_cache`]). What is kept is the
//! promise that the statement is valid. A run binds exactly one row.
//!
//! Example: `prepare("SELECT * FROM sales WHERE customer_id = ?")`, then `execute(one row with one column)`.

mod binding;

use super::{Outcome, Parts, Session, ask, ask_again, no_columns, run_plan};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::plan_cache::{Kept, Plan, Planned};
use crate::progress::QueryProgress;
use crate::sql::statement::Effect;
use crate::sql::tree::Tree;
use crate::sql::{self, Parsed};
use crate::substrait::Substrait;
use crate::transaction::Transaction;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use binding::bind;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, TryCast};
use futures::future::BoxFuture;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A statement ready to run.
#[derive(Debug, Clone)]
pub struct Prepared {
    session: Arc<Session>,
    sql: String,
    origin: Arc<Origin>,
    schema: SchemaRef,
    parameters: SchemaRef,
    update: bool,
    acts: bool,
}

/// What a statement is planned from each time it runs.
#[derive(Debug)]
enum Origin {
    /// The text, for statements of ours, which are parsed again.
    Text,
    Tree(Tree),
    Substrait(Substrait),
}

impl Origin {
    /// The plan, as far as the user's rights go; nothing for statements of ours.
    fn plan<'a>(
        &'a self,
        context: &'a StatementContext,
        sql: &'a str,
    ) -> BoxFuture<'a, Result<Option<Planned>>> {
        Box::pin(async move {
            Ok(match self {
                Self::Text => None,
                Self::Tree(tree) => {
                    let question = context.question(sql);
                    Some(context.plan_anew(tree.share(), question.as_ref()).await?)
                }
                Self::Substrait(plan) => {
                    Some(Planned::Fleeting(Plan::new(context.plan_substrait(plan).await?)))
                }
            })
        })
    }
}

impl Prepared {
    pub(super) fn new<'a>(session: Arc<Session>, sql: &'a str) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let context = session.context().await?;
            let question = context.question(sql);
            if let Some(kept) = context.kept_plan(question.as_ref()).await? {
                return Ok(Self::again(session, sql.to_owned(), &kept));
            }
            match sql::parse(sql)? {
                Parsed::Own(statement) => {
                    let columns = statement.columns();
                    let update = columns.is_none();
                    let acts = !update && statement.effect() == Effect::Commits;
                    Ok(Self {
                        session,
                        sql: sql.to_owned(),
                        origin: Arc::new(Origin::Text),
                        schema: columns.unwrap_or_else(no_columns),
                        parameters: no_columns(),
                        update,
                        acts,
                    })
                }
                Parsed::Sql(statement) => {
                    let origin = Origin::Tree(statement);
                    Self::planned(session, &context, sql.to_owned(), origin).await
                }
            }
        })
    }

    pub(super) fn of_substrait<'a>(
        session: Arc<Session>,
        plan: &'a [u8],
    ) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let plan = Substrait::new(plan)?;
            let context = session.context().await?;
            let text = plan.text();
            Self::planned(session, &context, text, Origin::Substrait(plan)).await
        })
    }

    /// A query whose plan was kept.
    fn again(session: Arc<Session>, sql: String, kept: &Kept) -> Self {
        let origin = Origin::Tree(kept.tree.share());
        Self::lasting(session, sql, origin, &kept.plan)
    }

    /// A query that always asks the same, and so has no parameters.
    fn lasting(session: Arc<Session>, sql: String, origin: Origin, plan: &LogicalPlan) -> Self {
        let (schema, parameters) = (Arc::clone(plan.schema().inner()), no_columns());
        let (origin, update, acts) = (Arc::new(origin), false, false);
        Self { session, sql, origin, schema, parameters, update, acts }
    }

    /// What its plan says about a statement.
    fn planned<'a>(
        session: Arc<Session>,
        context: &'a StatementContext,
        sql: String,
        origin: Origin,
    ) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let Some(planned) = origin.plan(context, &sql).await? else {
                return Err(EngineError::internal("a statement of ours has no plan"));
            };
            let plan = match planned {
                Planned::Lasting(plan) => return Ok(Self::lasting(session, sql, origin, &plan)),
                Planned::Fleeting(plan) => plan,
            };
            let update = matches!(
                *plan,
                LogicalPlan::Dml(_) | LogicalPlan::Ddl(_) | LogicalPlan::Statement(_)
            );
            let parameters = parameters_of(&plan)?;
            let schema = if update { no_columns() } else { output_of(context, &plan) };
            let origin = Arc::new(origin);
            Ok(Self { session, sql, origin, schema, parameters, update, acts: false })
        })
    }

    /// The columns of the result; none for updates.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The parameters in order, named `$1`, `$2`, ..; text where the statement leaves the type open.
    pub fn parameter_schema(&self) -> SchemaRef {
        Arc::clone(&self.parameters)
    }

    /// Whether running it changes something instead of giving rows.
    pub fn is_update(&self) -> bool {
        self.update
    }

    /// Whether running it changes something and gives rows all the same, as `OPTIMIZE` and `RESTORE` do.
    pub fn acts(&self) -> bool {
        self.acts
    }

    /// The session it runs in, with the transaction it was prepared in.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The same statement as part of a transaction.
    #[must_use]
    pub fn within(&self, transaction: &Arc<Transaction>) -> Self {
        Self { session: self.session.within(transaction), ..self.clone() }
    }

    /// What a session of the same user has to set so that this text gives the same rows there. `None` for what changes
    /// something (`OPTIMIZE` does, and has rows), has parameters, belongs to a transaction, or runs with somebody else's
    /// rights.
    pub fn choices(&self) -> Option<BTreeMap<String, String>> {
        let reads = matches!(*self.origin, Origin::Tree(_))
            && !self.update
            && self.parameters.fields().is_empty();
        if reads { self.session.choices() } else { None }
    }

    /// The same query cut into at most so many parts that run independently of each other; `None` where it cannot be
    /// cut, or only by running it more than once.
    pub fn parts(&self, most: usize) -> BoxFuture<'_, Result<Option<Parts>>> {
        Box::pin(async move {
            match self.origin.as_ref() {
                Origin::Tree(statement) if self.choices().is_some() && most > 1 => {
                    Parts::cut(Arc::clone(&self.session), &self.sql, statement, most).await
                }
                Origin::Tree(_) | Origin::Text | Origin::Substrait(_) => Ok(None),
            }
        })
    }

    /// The text it was prepared from; for a Substrait plan, words that say so.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Runs it with the one row of `parameters`.
    pub async fn execute(&self, parameters: Option<RecordBatch>) -> Result<Outcome> {
        self.execute_watched(parameters, None).await
    }

    /// The same, with someone who wants to know how far it is.
    pub async fn execute_watched(
        &self,
        parameters: Option<RecordBatch>,
        watch: Option<Arc<QueryProgress>>,
    ) -> Result<Outcome> {
        let mut running = self.session.begin(&self.sql);
        match Box::pin(self.run(parameters, watch)).await {
            Ok(outcome) => Ok(running.follow(outcome, &self.sql)),
            Err(error) => {
                let error = error.locate(&self.sql);
                running.fail(&error);
                Err(error)
            }
        }
    }

    fn run(
        &self,
        parameters: Option<RecordBatch>,
        watch: Option<Arc<QueryProgress>>,
    ) -> BoxFuture<'_, Result<Outcome>> {
        Box::pin(async move {
            let mut context = self.session.context().await?;
            context.watch = watch;
            let given = parameters.as_ref().map_or(0, RecordBatch::num_columns);
            let wanted = self.parameters.fields().len();
            if given != wanted {
                return Err(EngineError::invalid(format!(
                    "the statement has {wanted} parameters, {given} were bound"
                )));
            }
            if let Origin::Tree(statement) = self.origin.as_ref()
                && wanted == 0
            {
                let question = context.question(&self.sql);
                return match ask_again(&context, question.as_ref()).await? {
                    Some(outcome) => Ok(outcome),
                    None => ask(&context, statement.share(), question).await,
                };
            }
            let Some(planned) = self.origin.plan(&context, &self.sql).await? else {
                return match sql::parse(&self.sql)? {
                    Parsed::Own(statement) => context.run(statement.as_ref()).await,
                    Parsed::Sql(_) => Err(EngineError::internal("a statement changed its nature")),
                };
            };
            let mut plan = planned.into_plan();
            if let Some(row) = parameters.filter(|row| row.num_columns() > 0) {
                plan = bind(plan, &row, &self.parameters)?;
            }
            run_plan(&context, plan).await
        })
    }
}

/// The result's columns as they will arrive: after optimisation where that works without parameter values.
fn output_of(context: &StatementContext, plan: &LogicalPlan) -> SchemaRef {
    match context.state().optimize(plan) {
        Ok(plan) => Arc::clone(plan.schema().inner()),
        Err(_) => Arc::clone(plan.schema().inner()),
    }
}

fn parameters_of(plan: &LogicalPlan) -> Result<SchemaRef> {
    let mut types: HashMap<String, Option<DataType>> = plan.get_parameter_types()?;
    settle(plan, &mut types)?;
    let count = types
        .keys()
        .filter_map(|name| name.strip_prefix('$')?.parse::<usize>().ok())
        .max()
        .unwrap_or(0);
    if count < types.len() {
        return Err(EngineError::invalid("parameters are numbered from $1 without gaps"));
    }
    let fields = (1..=count).map(|number| {
        let name = format!("${number}");
        let data_type = types.get(&name).cloned().flatten().unwrap_or(DataType::Utf8);
        Field::new(name, data_type, true)
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// Gives a type to parameters that DataFusion leaves open and whose place says it: `CAST(? AS INT)` takes an INT,
/// `LIMIT ?` and `OFFSET ?` a whole number. Drivers refuse to bind anything but the announced type.
fn settle(plan: &LogicalPlan, types: &mut HashMap<String, Option<DataType>>) -> Result<()> {
    settle_limits(plan, types)?;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) =
                    expr
                {
                    settle_one(types, expr, field.data_type());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}

/// `LIMIT ?` and `OFFSET ?` alone.
fn settle_limits(plan: &LogicalPlan, types: &mut HashMap<String, Option<DataType>>) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node {
            for bound in [&limit.skip, &limit.fetch].into_iter().flatten() {
                settle_one(types, bound, &DataType::Int64);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn settle_one(types: &mut HashMap<String, Option<DataType>>, expr: &Expr, data_type: &DataType) {
    if let Expr::Placeholder(Placeholder { id, .. }) = expr {
        let known = types.entry(id.clone()).or_insert(None);
        known.get_or_insert_with(|| data_type.clone());
    }
}
