//! Dimensions of dimensions: a table that a dimension refers to is joined to that dimension before the fact is.
//!
//! ```text
//! (sales JOIN customer) JOIN region          sales JOIN (customer JOIN region)
//!     region by customer's key          =>       a star again, its dimension a join of two small tables
//! ```
//!
//! Both give the same rows whatever the keys are, but for two cases, which are no stars. Sales that keep their rows without a
//! customer (`LEFT JOIN`) lose them when the region is joined by an inner join, and would not lose them to a dimension that
//! has the region in it. And they find a region without a customer where the key is computed, `coalesce(region, 0)`, and is
//! not NULL for nobody.

use super::{Role, Shape, Spoke, beside, columns_of, moved};
use arrow::datatypes::Schema;
use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use std::sync::Arc;

impl Shape {
    /// Joins a table to the dimension that has its key. Gives its columns in the wide row, or nothing when it cannot be done.
    pub(super) fn extend(&mut self, outer: &Spoke) -> Result<Option<Vec<Arc<dyn PhysicalExpr>>>> {
        let read = collect_columns(&outer.fact_key);
        let reaches = |spoke: &Spoke| {
            let own = spoke.offset..spoke.offset + spoke.plan.schema().fields().len();
            read.iter().all(|column| own.contains(&column.index()))
        };
        let Some(place) = self.spokes.iter().position(reaches) else { return Ok(None) };
        let inner = &self.spokes[place];
        let join_type = match (inner.role, outer.role) {
            (Role::Inner, Role::Inner) => JoinType::Inner,
            (Role::Inner, Role::Outer) => JoinType::Right,
            (Role::Outer, Role::Outer) if outer.fact_key.is::<Column>() => JoinType::Right,
            (Role::Inner, Role::Semi) => JoinType::RightSemi,
            (Role::Inner, Role::Anti) => JoinType::RightAnti,
            (Role::Outer | Role::Semi | Role::Anti, _) => return Ok(None),
        };
        let key = moved(&outer.fact_key, 0, |index| index - inner.offset)?;
        let joined = HashJoinExec::try_new(
            Arc::clone(&outer.plan),
            Arc::clone(&inner.plan),
            vec![(Arc::clone(&outer.key), key)],
            None,
            &join_type,
            None,
            PartitionMode::CollectLeft,
            NullEquality::NullEqualsNothing,
            false,
        )?;
        // The columns of the outer table come first in a join that has them.
        let added = match outer.role {
            Role::Inner | Role::Outer => outer.plan.schema().fields().len(),
            Role::Semi | Role::Anti => 0,
        };
        let offset = inner.offset;
        for (index, spoke) in self.spokes.iter_mut().enumerate() {
            if index == place {
                spoke.key = moved(&spoke.key, 0, |index| index + added)?;
                spoke.table_rows = spoke.table_rows.max(outer.table_rows);
            } else if spoke.offset > offset {
                spoke.offset += added;
            }
        }
        self.spokes[place].plan = Arc::new(joined);
        for expr in self.columns.iter_mut().chain(&mut self.conditions) {
            *expr = moved(expr, offset, |index| index + added)?;
        }
        self.wide = self
            .spokes
            .iter()
            .fold(self.fact.schema(), |wide, spoke| beside(&wide, &spoke.plan.schema()));
        let theirs = match added {
            0 => Schema::empty(),
            _ => outer.plan.schema().as_ref().clone(),
        };
        Ok(Some(columns_of(&theirs, offset)))
    }
}
