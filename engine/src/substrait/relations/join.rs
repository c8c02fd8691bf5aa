//! Joins: of any condition, of keys, of everything with everything.
//!
//! Which algorithm runs is decided here, so the relations that name one are read as plain joins. Single joins (at most one
//! match) and mark joins (whether there is a match, or it is unknown) have no operator here with their meaning of NULL.
//!
//! Example: `{ left, right, type: LEFT_SEMI, expression: #0 = #3 }` is `left WHERE EXISTS (..)`, with the columns of left.

use super::emit;
use crate::error::{EngineError, Result};
use crate::substrait::functions::binary;
use crate::substrait::messages::ExpressionBytes;
use crate::substrait::messages::references::FieldReference;
use crate::substrait::messages::relations::{
    Cross, Join, JoinKind, KeyComparisonKind, KeyJoin, LoopJoin, PhysicalJoinKind, SimpleComparison,
};
use crate::substrait::reader::{Reader, Relation, Scope, incomplete, unsupported};
use datafusion::common::JoinType;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, Operator};
use std::sync::Arc;

const SUPPORTED: &str = "inner, outer, left, right, semi and anti joins are";

impl Reader<'_> {
    pub(super) fn join(&mut self, join: &Join) -> Result<Relation> {
        let kind = match JoinKind::try_from(join.kind) {
            Ok(JoinKind::Inner) => JoinType::Inner,
            Ok(JoinKind::Outer) => JoinType::Full,
            Ok(JoinKind::Left) => JoinType::Left,
            Ok(JoinKind::Right) => JoinType::Right,
            Ok(JoinKind::LeftSemi) => JoinType::LeftSemi,
            Ok(JoinKind::LeftAnti) => JoinType::LeftAnti,
            Ok(JoinKind::RightSemi) => JoinType::RightSemi,
            Ok(JoinKind::RightAnti) => JoinType::RightAnti,
            Ok(JoinKind::Unspecified) => return Err(incomplete("JoinRel", "a type")),
            Ok(
                other @ (JoinKind::LeftSingle
                | JoinKind::RightSingle
                | JoinKind::LeftMark
                | JoinKind::RightMark),
            ) => return Err(unsupported(&format!("JoinRel of type {other:?}"), SUPPORTED)),
            Err(_) => {
                return Err(unsupported(&format!("JoinRel of type {}", join.kind), SUPPORTED));
            }
        };
        let (left, right, scope) = self.sides(&join.left, &join.right)?;
        let on = self.condition(&join.expression, &scope)?;
        let joined = joined(left, right, kind, on)?;
        let joined = self.filtered(joined, &join.after)?;
        emit(joined, join.common.as_ref())
    }

    pub(super) fn loop_join(&mut self, join: &LoopJoin) -> Result<Relation> {
        let kind = physical_kind(join.kind)?;
        let (left, right, scope) = self.sides(&join.left, &join.right)?;
        let on = self.condition(&join.expression, &scope)?;
        emit(joined(left, right, kind, on)?, join.common.as_ref())
    }

    pub(super) fn key_join(&mut self, join: &KeyJoin) -> Result<Relation> {
        let kind = physical_kind(join.kind)?;
        let (left, right, _) = self.sides(&join.left, &join.right)?;
        let (left_scope, right_scope) = (left.scope(), right.scope());
        let mut keys: Vec<(&FieldReference, &FieldReference, Operator)> = join
            .left_keys
            .iter()
            .zip(&join.right_keys)
            .map(|(left, right)| (left, right, Operator::Eq))
            .collect();
        for key in &join.keys {
            let (Some(left), Some(right)) = (&key.left, &key.right) else {
                return Err(incomplete("ComparisonJoinKey", "both of its fields"));
            };
            let kind = key.comparison.as_ref().and_then(|comparison| comparison.kind);
            keys.push((left, right, key_operator(kind)?));
        }
        if keys.is_empty() {
            return Err(incomplete("join of keys", "a key"));
        }
        let mut on = Vec::with_capacity(keys.len());
        for (left, right, operator) in keys {
            let left = self.reference(left, &left_scope)?;
            let right = self.reference(right, &right_scope)?;
            on.push(binary(left, operator, right));
        }
        let on = on.into_iter().reduce(Expr::and);
        let joined = joined(left, right, kind, on)?;
        let joined = self.filtered(joined, &join.after)?;
        emit(joined, join.common.as_ref())
    }

    pub(super) fn cross(&mut self, cross: &Cross) -> Result<Relation> {
        let (left, right, scope) = self.sides(&cross.left, &cross.right)?;
        let plan = LogicalPlanBuilder::from(left.plan).cross_join(right.plan)?.build()?;
        emit(Relation { plan, fields: scope.fields }, cross.common.as_ref())
    }

    /// Both inputs, no column of one named as one of the other, and the columns of both.
    fn sides(
        &mut self,
        left: &ExpressionBytes,
        right: &ExpressionBytes,
    ) -> Result<(Relation, Relation, Scope)> {
        let left = self.relation(left)?;
        let mut right = self.relation(right)?;
        let mut both = left.plan.schema().join(right.plan.schema());
        if both.is_err() {
            right = self.sealed(right, "right")?;
            both = left.plan.schema().join(right.plan.schema());
        }
        let schema = Arc::new(both?);
        let fields = left.fields.iter().chain(&right.fields).cloned().collect();
        Ok((left, right, Scope { schema, fields }))
    }

    fn condition(&mut self, bytes: &ExpressionBytes, scope: &Scope) -> Result<Option<Expr>> {
        if bytes.is_empty() { Ok(None) } else { self.row_expression(bytes, scope).map(Some) }
    }
}

fn joined(left: Relation, right: Relation, kind: JoinType, on: Option<Expr>) -> Result<Relation> {
    let fields = match kind {
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => left.fields,
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right.fields,
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
            left.fields.into_iter().chain(right.fields).collect()
        }
    };
    let builder = LogicalPlanBuilder::from(left.plan);
    let plan = match (kind, on) {
        (JoinType::Inner, None) => builder.cross_join(right.plan)?,
        (kind, on) => builder.join_on(right.plan, kind, on)?,
    };
    Ok(Relation { plan: plan.build()?, fields })
}

fn physical_kind(kind: i32) -> Result<JoinType> {
    Ok(match PhysicalJoinKind::try_from(kind) {
        Ok(PhysicalJoinKind::Inner) => JoinType::Inner,
        Ok(PhysicalJoinKind::Outer) => JoinType::Full,
        Ok(PhysicalJoinKind::Left) => JoinType::Left,
        Ok(PhysicalJoinKind::Right) => JoinType::Right,
        Ok(PhysicalJoinKind::LeftSemi) => JoinType::LeftSemi,
        Ok(PhysicalJoinKind::LeftAnti) => JoinType::LeftAnti,
        Ok(PhysicalJoinKind::RightSemi) => JoinType::RightSemi,
        Ok(PhysicalJoinKind::RightAnti) => JoinType::RightAnti,
        Ok(PhysicalJoinKind::Unspecified) => return Err(incomplete("join", "a type")),
        Ok(
            other @ (PhysicalJoinKind::LeftSingle
            | PhysicalJoinKind::RightSingle
            | PhysicalJoinKind::LeftMark
            | PhysicalJoinKind::RightMark),
        ) => return Err(unsupported(&format!("join of type {other:?}"), SUPPORTED)),
        Err(_) => return Err(unsupported(&format!("join of type {kind}"), SUPPORTED)),
    })
}

fn key_operator(kind: Option<KeyComparisonKind>) -> Result<Operator> {
    let Some(KeyComparisonKind::Simple(kind)) = kind else {
        return match kind {
            None => Ok(Operator::Eq),
            Some(_) => Err(unsupported("a join key with a function of its own", "= is")),
        };
    };
    match SimpleComparison::try_from(kind) {
        Ok(SimpleComparison::Equal) => Ok(Operator::Eq),
        Ok(SimpleComparison::NotDistinct) => Ok(Operator::IsNotDistinctFrom),
        Ok(SimpleComparison::Unspecified | SimpleComparison::MightEqual) | Err(_) => {
            Err(EngineError::invalid("a join key is compared with EQ or IS_NOT_DISTINCT_FROM"))
        }
    }
}
