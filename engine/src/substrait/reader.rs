//! The reader of one plan: what it knows, what it wants to know, and its bounds.
//!
//! Relations, expressions and functions are read by methods of [`Reader`] in files of their own. A [`Relation`] is a plan
//! of DataFusion with the columns that Substrait counts: a relation that only reorders or drops columns changes the
//! list and leaves the plan alone. Every table that is read twice gets another name the second time, and every computed
//! column a name of its own, so that a column's name means one thing in the whole plan.
//!
//! Example: after `{ read: sales, emit: [2, 0] }` the plan is the scan of `sales`, the columns are its third and first.

use super::extensions::Extensions;
use super::messages::plan::{Plan, PlanRelKind, RelRoot};
use super::messages::{literals, relations};
use crate::error::{EngineError, Result};
use bytes::Bytes;
use datafusion::common::{Column, DFSchemaRef, TableReference};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableSource};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The deepest nesting of relations and expressions, together.
const DEPTH_LIMIT: usize = 200;
/// The most relations and expressions of one plan, each counted as often as it is read.
const STEPS_LIMIT: usize = 200_000;
/// The most relations of one plan.
const RELATIONS_LIMIT: usize = 1_000;

/// What has been looked up for a plan.
#[derive(Default)]
pub(super) struct Known {
    pub(super) tables: HashMap<Vec<String>, Arc<dyn TableSource>>,
    /// The segments of `in_segment`, with the query of their members.
    pub(super) segments: BTreeMap<String, String>,
    /// The number of each parameter, from 1, by the anchor that the plan gives it.
    parameters: BTreeMap<u32, usize>,
    pub(super) wanted: Wanted,
}

impl Known {
    /// Numbers the parameters that were found; whether that changes anything.
    pub(super) fn number(&mut self, found: &BTreeSet<u32>) -> bool {
        let numbers: BTreeMap<u32, usize> = found.iter().copied().zip(1..).collect();
        let changed = numbers != self.parameters;
        self.parameters = numbers;
        changed
    }
}

/// What must be looked up before the plan can be read.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) tables: BTreeSet<Vec<String>>,
    pub(super) segments: BTreeSet<String>,
}

impl Wanted {
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.segments.is_empty()
    }
}

/// A plan, and which of its columns Substrait counts, in order.
#[derive(Clone)]
pub(super) struct Relation {
    pub(super) plan: LogicalPlan,
    pub(super) fields: Vec<Column>,
}

impl Relation {
    /// All columns of a plan.
    pub(super) fn all(plan: LogicalPlan) -> Self {
        let fields = plan.schema().columns();
        Self { plan, fields }
    }

    /// Where expressions over this relation find their columns.
    pub(super) fn scope(&self) -> Scope {
        Scope { schema: Arc::clone(self.plan.schema()), fields: self.fields.clone() }
    }
}

/// What an expression can refer to.
#[derive(Clone)]
pub(super) struct Scope {
    pub(super) schema: DFSchemaRef,
    pub(super) fields: Vec<Column>,
}

/// Reads one plan.
pub(super) struct Reader<'a> {
    pub(super) state: &'a SessionState,
    pub(super) message: &'a Plan,
    pub(super) extensions: Extensions,
    pub(super) known: &'a Known,
    pub(super) wanted: Wanted,
    /// The anchors of the parameters that were found.
    pub(super) parameters: BTreeSet<u32>,
    /// The scopes around the current subquery, outermost first.
    pub(super) outer: Vec<Scope>,
    /// How many conditions AND and OR have joined.
    pub(super) terms: usize,
    depth: usize,
    steps: usize,
    relations: usize,
    names: HashSet<String>,
    computed: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        state: &'a SessionState,
        message: &'a Plan,
        known: &'a Known,
    ) -> Result<Self> {
        Ok(Self {
            state,
            message,
            extensions: Extensions::new(message),
            known,
            wanted: Wanted::default(),
            parameters: BTreeSet::new(),
            outer: Vec::new(),
            terms: 0,
            depth: 0,
            steps: 0,
            relations: 0,
            names: HashSet::new(),
            computed: 0,
        })
    }

    /// The whole plan: its root, or its last relation when none is called root.
    pub(super) fn plan(&mut self) -> Result<LogicalPlan> {
        let message = self.message;
        let kinds = message.relations.iter().filter_map(|relation| relation.kind.as_ref());
        let roots: Vec<&RelRoot> = kinds
            .clone()
            .filter_map(|kind| match kind {
                PlanRelKind::Root(root) => Some(root),
                PlanRelKind::Rel(_) => None,
            })
            .collect();
        match (roots.as_slice(), kinds.last()) {
            ([root], _) => self.root(&root.input, &root.names),
            ([], Some(PlanRelKind::Rel(relation))) => self.root(relation, &[]),
            ([], _) => Err(EngineError::invalid("the plan has no relation")
                .with_hint("a Substrait Plan holds one RelRoot")),
            (roots, _) => Err(EngineError::invalid(format!(
                "the plan has {} roots; one answer is given at a time",
                roots.len()
            ))
            .with_hint("send each as a plan of its own")),
        }
    }

    fn root(&mut self, input: &Bytes, names: &[String]) -> Result<LogicalPlan> {
        let relation: relations::Rel = decode(input, "Rel")?;
        if let Some(plan) = self.write(&relation)? {
            return Ok(plan);
        }
        let relation = self.relation(input)?;
        self.named(relation, names)
    }

    /// Counts a level of nesting around `read`.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.step()?;
        if self.depth == DEPTH_LIMIT {
            return Err(EngineError::invalid(format!(
                "the plan is nested too deeply: at most {DEPTH_LIMIT} levels are allowed"
            ))
            .with_hint("use a list of options in place of a chain, or a view for the inner part"));
        }
        self.depth += 1;
        let outcome = read(self);
        self.depth -= 1;
        outcome
    }

    /// Counts something that is read.
    pub(super) fn step(&mut self) -> Result<()> {
        self.steps += 1;
        if self.steps <= STEPS_LIMIT {
            return Ok(());
        }
        Err(EngineError::invalid(format!(
            "the plan has too many expressions: at most {STEPS_LIMIT} are allowed"
        ))
        .with_hint("load large data with CommandStatementIngest, or bind it as parameters"))
    }

    /// Counts a relation.
    pub(super) fn count_relation(&mut self) -> Result<()> {
        self.relations += 1;
        if self.relations <= RELATIONS_LIMIT {
            return Ok(());
        }
        Err(EngineError::invalid(format!(
            "the plan has too many relations: at most {RELATIONS_LIMIT} are allowed"
        ))
        .with_hint("build it up through tables"))
    }

    /// The name itself when it is the first of its kind in the plan, otherwise with a number.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let taken = &mut self.names;
        let candidates =
            std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name}_{number}")));
        for candidate in candidates {
            if taken.insert(candidate.to_lowercase()) {
                return candidate;
            }
        }
        name.to_owned()
    }

    /// A name for a computed column that no other column of the plan has.
    pub(super) fn fresh(&mut self) -> String {
        self.computed += 1;
        format!("$f{}", self.computed)
    }

    /// Where a plan's columns would be confused with others, or it has more than Substrait counts: the same rows with the
    /// counted columns alone, under one name of their own.
    pub(super) fn sealed(&mut self, relation: Relation, name: &str) -> Result<Relation> {
        let plan = self.exact(relation)?;
        let alias = self.unique(name);
        Ok(Relation::all(
            LogicalPlanBuilder::from(plan).alias(TableReference::bare(alias))?.build()?,
        ))
    }

    /// A plan with the counted columns and no others, no two of them of one name.
    pub(super) fn exact(&mut self, relation: Relation) -> Result<LogicalPlan> {
        let mut names = HashSet::new();
        let mut unchanged = relation.plan.schema().fields().len() == relation.fields.len();
        let have = relation.plan.schema().columns();
        let mut columns = Vec::with_capacity(relation.fields.len());
        for (place, field) in relation.fields.iter().enumerate() {
            let column = Expr::Column(field.clone());
            unchanged &= have.get(place) == Some(field);
            if names.insert(field.name.clone()) {
                columns.push(column);
            } else {
                unchanged = false;
                columns.push(column.alias(self.fresh()));
            }
        }
        if unchanged {
            return Ok(relation.plan);
        }
        Ok(LogicalPlanBuilder::from(relation.plan).project(columns)?.build()?)
    }

    /// The value that the plan itself binds to a parameter.
    pub(super) fn bound(&self, anchor: u32) -> Option<&'a literals::Literal> {
        let message: &'a Plan = self.message;
        let binding = message.parameter_bindings.iter().find(|binding| binding.anchor == anchor)?;
        binding.value.as_ref()
    }

    /// The name of a parameter in DataFusion's plan.
    pub(super) fn parameter_name(&mut self, anchor: u32) -> String {
        self.parameters.insert(anchor);
        format!("${}", self.known.parameters.get(&anchor).copied().unwrap_or(1))
    }
}

/// A plan from its bytes.
pub(super) fn decode_plan(bytes: &Bytes) -> Result<Plan> {
    decode(bytes, "Plan")
}

/// A message from its bytes.
pub(super) fn decode<M: Message + Default>(bytes: &Bytes, name: &str) -> Result<M> {
    M::decode(bytes.clone()).map_err(|error| {
        EngineError::invalid(format!("this is not a Substrait {name}: {error}"))
            .with_hint("send an encoded substrait.Plan")
    })
}

/// The name of a table, from outermost to innermost.
pub(super) fn table_reference(names: &[String]) -> Result<TableReference> {
    match names {
        [table] => Ok(TableReference::bare(table.clone())),
        [schema, table] => Ok(TableReference::partial(schema.clone(), table.clone())),
        [catalog, schema, table] => {
            Ok(TableReference::full(catalog.clone(), schema.clone(), table.clone()))
        }
        _ => Err(EngineError::invalid(format!(
            "a table's name has one to three parts, not {}",
            names.len()
        ))
        .with_hint("[\"schema\", \"table\"]")),
    }
}

/// What the plan holds and nothing here can do, under the name that Substrait gives it.
pub(super) fn unsupported(what: &str, supported: &str) -> EngineError {
    EngineError::invalid(format!("{what} of Substrait is not supported")).with_hint(supported)
}

/// What a message must have and has not.
pub(super) fn incomplete(message: &str, what: &str) -> EngineError {
    EngineError::invalid(format!("the plan has a {message} without {what}"))
}
