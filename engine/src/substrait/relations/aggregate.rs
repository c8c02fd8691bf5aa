//! Aggregates: groups, measures, grouping sets.
//!
//! The columns are the distinct grouping expressions in the order in which they first appear, then the measures, then,
//! when there are several grouping sets, the place of the set that a row belongs to. Plans of DataFusion's own producer
//! count the bit mask of the missing columns in between instead; they are known by the producer's name.
//!
//! Example: the sets `(a, b), (a)` and `sum(c)` give `a, b, sum(c), 0 or 1`.

use super::emit;
use crate::error::{EngineError, Result};
use crate::substrait::messages::relations::{Aggregate, Grouping};
use crate::substrait::reader::{Reader, Relation, Scope, incomplete};
use datafusion::common::Column;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, GroupingSet, LogicalPlanBuilder, lit};
use std::collections::HashMap;

/// The most columns that grouping sets can tell apart.
const SETS_COLUMNS_LIMIT: usize = 32;

/// Grouping expressions without repetition, and each set as their places.
struct Groups {
    expressions: Vec<Expr>,
    sets: Vec<Vec<usize>>,
}

impl Groups {
    fn place(&mut self, expression: Expr) -> usize {
        match self.expressions.iter().position(|known| *known == expression) {
            Some(place) => place,
            None => {
                self.expressions.push(expression);
                self.expressions.len() - 1
            }
        }
    }

    /// What DataFusion groups by.
    fn group_by(&self) -> Vec<Expr> {
        match self.sets.as_slice() {
            [] => Vec::new(),
            [_] => self.expressions.clone(),
            sets => {
                let pick = |place: &usize| self.expressions.get(*place).cloned();
                let sets = sets.iter().map(|set| set.iter().filter_map(pick).collect()).collect();
                vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets))]
            }
        }
    }

    /// For each set, the number that DataFusion gives its rows: a bit for each column that is missing, the rightmost
    /// lowest, and above them how many equal sets came before.
    fn numbers(&self) -> Result<Vec<u64>> {
        let columns = self.expressions.len();
        if columns > SETS_COLUMNS_LIMIT {
            return Err(EngineError::invalid(format!(
                "grouping sets over {columns} columns: at most {SETS_COLUMNS_LIMIT} are allowed"
            )));
        }
        let mut before: HashMap<u64, u64> = HashMap::new();
        let numbers = self.sets.iter().map(|set| {
            let missing = (0..columns).filter(|column| !set.contains(column));
            let mask = missing.fold(0_u64, |mask, column| mask | 1 << (columns - 1 - column));
            let repeats = before.entry(mask).or_default();
            let number = mask | *repeats << columns;
            *repeats += 1;
            number
        });
        Ok(numbers.collect())
    }
}

impl Reader<'_> {
    pub(super) fn aggregate_relation(&mut self, aggregate: &Aggregate) -> Result<Relation> {
        let input = self.relation(&aggregate.input)?;
        let scope = input.scope();
        let groups = self.groups(aggregate, &scope)?;
        let mut measures: Vec<Expr> = Vec::new();
        let mut columns = Vec::with_capacity(aggregate.measures.len());
        for measure in &aggregate.measures {
            let call =
                measure.function.as_ref().ok_or_else(|| incomplete("Measure", "a function"))?;
            let measure = self.aggregate_function(call, &measure.filter, &scope)?;
            let known = measures.iter().position(|known| *known == measure.expression);
            columns.push((known.unwrap_or(measures.len()), measure.zero_for_null));
            if known.is_none() {
                measures.push(measure.expression);
            }
        }
        if groups.expressions.is_empty() && measures.is_empty() {
            return Err(incomplete("AggregateRel", "groupings and measures"));
        }
        let plan =
            LogicalPlanBuilder::from(input.plan).aggregate(groups.group_by(), measures)?.build()?;
        let have = plan.schema().columns();
        let relation = Relation { plan, fields: have.clone() };
        let several = groups.sets.len() > 1;
        let first_measure = groups.expressions.len() + usize::from(several);
        let mut outputs: Vec<Expr> =
            have.iter().take(groups.expressions.len()).cloned().map(Expr::Column).collect();
        let grouping = have.get(groups.expressions.len()).filter(|_| several).cloned();
        if let (Some(number), true) = (&grouping, self.extensions.datafusion) {
            outputs.push(Expr::Column(number.clone()));
        }
        for (place, zero_for_null) in columns {
            let Some(column) = have.get(first_measure + place).cloned() else {
                return Err(EngineError::internal("a measure without a column"));
            };
            let column = Expr::Column(column);
            outputs.push(if zero_for_null {
                self.function("coalesce", vec![column, lit(0_i64)])?
            } else {
                column
            });
        }
        if let (Some(number), false) = (grouping, self.extensions.datafusion) {
            outputs.push(set_place(number, &groups.numbers()?));
        }
        let relation = self.computed(relation, outputs)?;
        emit(relation, aggregate.common.as_ref())
    }

    /// These columns and no others.
    fn computed(&mut self, input: Relation, outputs: Vec<Expr>) -> Result<Relation> {
        let first = i32::try_from(input.fields.len()).unwrap_or(i32::MAX);
        let count = i32::try_from(outputs.len()).unwrap_or(i32::MAX);
        let mapping: Vec<i32> = (first..first.saturating_add(count)).collect();
        self.projected(input, outputs, Some(&mapping))
    }

    fn groups(&mut self, aggregate: &Aggregate, scope: &Scope) -> Result<Groups> {
        let listed = self.row_expressions(&aggregate.expressions, scope)?;
        let mut groups = Groups { expressions: Vec::new(), sets: Vec::new() };
        for grouping in &aggregate.groupings {
            let mut set = Vec::new();
            for expression in self.grouping(grouping, &listed, scope)? {
                let place = groups.place(expression);
                if !set.contains(&place) {
                    set.push(place);
                }
            }
            groups.sets.push(set);
        }
        Ok(groups)
    }

    fn grouping(
        &mut self,
        grouping: &Grouping,
        listed: &[Expr],
        scope: &Scope,
    ) -> Result<Vec<Expr>> {
        if grouping.references.is_empty() {
            return self.row_expressions(&grouping.expressions, scope);
        }
        let pick = |place: &u32| {
            let expression = usize::try_from(*place).ok().and_then(|place| listed.get(place));
            expression.cloned().ok_or_else(|| {
                EngineError::invalid(format!(
                    "a grouping refers to expression {place}, and there are {}, counted from 0",
                    listed.len()
                ))
            })
        };
        grouping.references.iter().map(pick).collect()
    }
}

/// The place of a row's grouping set.
fn set_place(number: Column, numbers: &[u64]) -> Expr {
    let cases = numbers
        .iter()
        .zip(0_i32..)
        .map(|(number, place)| (Box::new(lit(*number)), Box::new(lit(place))));
    Expr::Case(Case::new(Some(Box::new(Expr::Column(number))), cases.collect(), None))
}
