//! The last rule on physical plans: ties the copies of each shared subplan together.

use super::exec::SharedSubplanExec;
use crate::kept_rows::Kept;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, displayable};
use std::collections::HashMap;
use std::sync::Arc;

/// The rule.
#[derive(Debug)]
pub(crate) struct LinkSubplans;

impl PhysicalOptimizerRule for LinkSubplans {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let readers = readers(&plan)?;
        let mut subplans = HashMap::new();
        let linked = plan.transform_down(|node| {
            let copy = node.downcast_ref::<SharedSubplanExec>();
            let Some((copy, input)) = copy.and_then(|copy| Some((copy, copy.input()?))) else {
                return Ok(Transformed::no(node));
            };
            if readers.get(&copy.number()) == Some(&1) {
                return Ok(Transformed::yes(Arc::clone(input)));
            }
            if let Some((kept, first)) = subplans.get(&copy.number()) {
                if !gives_the_same(input, first)? {
                    return Ok(Transformed::yes(Arc::clone(input)));
                }
                let other = Arc::new(copy.other(kept));
                return Ok(Transformed::new(other, true, TreeNodeRecursion::Jump));
            }
            let kept = Arc::new(Kept::new("SharedSubplanExec", Arc::clone(input)));
            let first = Arc::new(copy.first(&kept));
            subplans.insert(copy.number(), (kept, Arc::clone(input)));
            Ok(Transformed::yes(first))
        })?;
        Ok(linked.data)
    }

    fn name(&self) -> &'static str {
        "link_subplans"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether a copy is planned as the first was: rules saw the same plan, and should do the same with it. Readers rely on
/// which rows come together, so that must be the same too.
fn gives_the_same(copy: &Arc<dyn ExecutionPlan>, first: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let partitions = |plan: &Arc<dyn ExecutionPlan>| plan.output_partitioning().to_string();
    Ok(copy.schema() == first.schema()
        && partitions(copy) == partitions(first)
        && what_drops_rows(copy)? == what_drops_rows(first)?)
}

/// The filters and scans of a plan as text. A reader's condition that names no column, as one on what a subquery answers,
/// is pushed into the reader's own copy.
fn what_drops_rows(plan: &Arc<dyn ExecutionPlan>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    plan.apply(|node| {
        if node.is::<FilterExec>() || node.children().is_empty() {
            found.push(displayable(node.as_ref()).one_line().to_string());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// How many copies of each subplan there are; those within a copy that is not the first do not count.
fn readers(plan: &Arc<dyn ExecutionPlan>) -> Result<HashMap<usize, usize>> {
    let mut readers = HashMap::new();
    plan.apply(|node| {
        let Some(copy) = node.downcast_ref::<SharedSubplanExec>() else {
            return Ok(TreeNodeRecursion::Continue);
        };
        let count = readers.entry(copy.number()).or_insert(0);
        *count += 1;
        Ok(if *count == 1 { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Jump })
    })?;
    Ok(readers)
}
