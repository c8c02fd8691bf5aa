//! Projections: the columns of the input, then computed ones.
//!
//! Columns that only pass through cost nothing: no operator is made for them. A computed column gets a name of its own.
//! Window functions are computed by an operator below, each distinct one once.
//!
//! Example: two columns and `expressions: [#0 + #1]` with `emit: [2]` is `SELECT c0 + c1`.

use super::emit;
use crate::error::{EngineError, Result};
use crate::substrait::messages::relations::{Project, Window};
use crate::substrait::reader::{Reader, Relation};
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::utils::find_window_exprs;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use std::collections::HashSet;

impl Reader<'_> {
    pub(super) fn project(&mut self, project: &Project) -> Result<Relation> {
        let input = self.relation(&project.input)?;
        let scope = input.scope();
        let mut computed = Vec::with_capacity(project.expressions.len());
        for expression in &project.expressions {
            computed.push(self.expression(expression, &scope)?);
        }
        let mapping = project.common.as_ref().and_then(|common| common.emit.as_ref());
        let mapping = mapping.map(|emit| emit.mapping.as_slice());
        self.projected(input, computed, mapping)
    }

    /// The input's columns and computed ones; of these what `mapping` picks, or all.
    pub(super) fn projected(
        &mut self,
        input: Relation,
        computed: Vec<Expr>,
        mapping: Option<&[i32]>,
    ) -> Result<Relation> {
        let passed = input.fields.iter().cloned().map(Expr::Column);
        let all: Vec<Expr> = passed.chain(computed).collect();
        let picked = match mapping {
            None => (0..all.len()).collect(),
            Some(places) => places
                .iter()
                .map(|place| {
                    let place = usize::try_from(*place).ok().filter(|place| *place < all.len());
                    place.ok_or_else(|| wrong_place(places, all.len()))
                })
                .collect::<Result<Vec<usize>>>()?,
        };
        let wanted: HashSet<usize> = picked.iter().copied().collect();
        let mut places = HashSet::new();
        let mut outputs = Vec::new();
        let mut fields = vec![None; all.len()];
        let mut passes_all = true;
        for (place, expression) in all.into_iter().enumerate() {
            if !wanted.contains(&place) {
                continue;
            }
            let column = match &expression {
                Expr::Column(column) => {
                    if places.insert(column.clone()) {
                        outputs.push(expression.clone());
                    }
                    column.clone()
                }
                _ => {
                    passes_all = false;
                    let name = self.fresh();
                    outputs.push(expression.alias(name.clone()));
                    Column::from_name(name)
                }
            };
            if let Some(field) = fields.get_mut(place) {
                *field = Some(column);
            }
        }
        let fields = picked.iter().filter_map(|place| fields.get(*place)?.clone()).collect();
        if passes_all {
            return Ok(Relation { plan: input.plan, fields });
        }
        let (plan, outputs) = over_windows(input, outputs)?;
        Ok(Relation { plan: plan.project(outputs)?.build()?, fields })
    }

    pub(super) fn window_relation(&mut self, window: &Window) -> Result<Relation> {
        let input = self.relation(&window.input)?;
        let scope = input.scope();
        let partitions = self.row_expressions(&window.partitions, &scope)?;
        let sorts = self.sorts(&window.sorts, &scope)?;
        let mut computed = Vec::with_capacity(window.functions.len());
        for function in &window.functions {
            computed.push(self.window(function, partitions.clone(), sorts.clone(), &scope)?);
        }
        let relation = self.projected(input, computed, None)?;
        emit(relation, window.common.as_ref())
    }
}

fn wrong_place(places: &[i32], columns: usize) -> EngineError {
    let worst = places.iter().find(|place| usize::try_from(**place).map_or(true, |p| p >= columns));
    EngineError::invalid(format!(
        "a ProjectRel passes on column {}, and has {columns}, counted from 0",
        worst.copied().unwrap_or_default()
    ))
}

/// Window functions in an operator of their own, and the expressions that use its columns.
fn over_windows(input: Relation, outputs: Vec<Expr>) -> Result<(LogicalPlanBuilder, Vec<Expr>)> {
    let windows = find_window_exprs(&outputs);
    if windows.is_empty() {
        return Ok((LogicalPlanBuilder::from(input.plan), outputs));
    }
    let plan = LogicalPlanBuilder::window_plan(input.plan, windows.clone())?;
    let replace = |expression: Expr| {
        expression.transform_down(|part| {
            if windows.contains(&part) {
                let name = part.schema_name().to_string();
                Ok(Transformed::yes(Expr::Column(Column::from_name(name))))
            } else {
                Ok(Transformed::no(part))
            }
        })
    };
    let mut replaced = Vec::with_capacity(outputs.len());
    for output in outputs {
        replaced.push(replace(output)?.data);
    }
    Ok((LogicalPlanBuilder::from(plan), replaced))
}
