//! One dimension of a star: what the plan says of it, and what it becomes once its rows are read.
//!
//! Building reads all rows the dimension's own filters leave. Its key becomes a [`Lookup`], the columns and expressions
//! the query groups by become one number per distinct combination, and columns that other expressions need are kept. A
//! key that occurs twice means that a join would multiply rows: [`Dimension::build`] then gives `None` and the plain plan
//! answers. What the keys range over, and which they are when the dimension drops many rows, goes to the fact's scan before
//! it is read.
//!
//! Example: `customer WHERE region = 'ASIA'` grouped by `nation` becomes key -> one of five nations, or absent.

use super::super::star::Role;
use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{EmitTo, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, DynamicFilterPhysicalExpr, in_list, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::group_values::new_group_values;
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use pareto_catalog::KeySet;
use pareto_udfs::lookup::{ABSENT, Lookup, extremes};
use std::sync::Arc;

/// A dimension that keeps more of the fact's rows than this does not tell its keys one by one.
const MOST_SHARE: f64 = 0.75;

/// One dimension and what is wanted of it.
#[derive(Debug, Clone)]
pub(super) struct Dimension {
    /// Its rows.
    pub(super) plan: Arc<dyn ExecutionPlan>,
    pub(super) role: Role,
    /// The key, over the fact's columns.
    pub(super) fact_key: Arc<dyn PhysicalExpr>,
    /// The key, over the dimension's columns.
    pub(super) key: Arc<dyn PhysicalExpr>,
    /// What the query groups by, over the dimension's columns.
    pub(super) groups: Vec<Arc<dyn PhysicalExpr>>,
    /// Columns that expressions over several inputs need.
    pub(super) wanted: Vec<usize>,
    /// Rows of its table before its filters, as far as known.
    pub(super) table_rows: usize,
    /// Tells the fact's scan which keys there are.
    pub(super) filter: Option<Arc<DynamicFilterPhysicalExpr>>,
}

/// A dimension that has been read.
#[derive(Debug)]
pub(super) struct Built {
    /// From key to group number.
    pub(super) groups: Lookup,
    /// How many group numbers there are.
    pub(super) count: usize,
    /// What each group number stands for, a column for each of [`Dimension::groups`].
    pub(super) labels: Vec<ArrayRef>,
    /// From key to row, where columns are wanted.
    pub(super) rows: Option<Lookup>,
    /// The wanted columns.
    pub(super) columns: Vec<ArrayRef>,
    /// How many of the fact's rows are likely to stay, between 0 and 1.
    pub(super) share: f64,
    /// No row of the fact can stay.
    pub(super) drops_all: bool,
    /// Memory of the keys that the fact's scan was told.
    told: usize,
}

impl Built {
    /// Memory it holds.
    pub(super) fn bytes(&self) -> usize {
        let arrays = self.labels.iter().chain(&self.columns);
        self.told
            + self.groups.bytes()
            + self.rows.as_ref().map_or(0, Lookup::bytes)
            + arrays.map(|array| array.get_array_memory_size()).sum::<usize>()
    }
}

impl Dimension {
    /// Turns the rows into a lookup; `None` when their keys repeat and the join would multiply rows.
    pub(super) fn build(
        &self,
        batches: &[RecordBatch],
        list_limit: usize,
    ) -> Result<Option<Built>> {
        let rows = self.rows(batches)?;
        let key = self.key.evaluate(&rows)?.into_array(rows.num_rows())?;
        let repeats = matches!(self.role, Role::Semi | Role::Anti);
        let Some(by_row) = Lookup::build(&key, repeats)? else { return Ok(None) };
        let known = key.len() - key.null_count();
        let told = self.announce(&key, known, list_limit)?;
        let (numbers, labels, count) = self.number(&rows)?;
        let last = numbers.last().copied().unwrap_or(0);
        let (numbers, otherwise) = match self.role {
            Role::Inner | Role::Semi => (numbers, ABSENT),
            Role::Outer => (numbers, last),
            Role::Anti => (vec![ABSENT; numbers.len()], 0),
        };
        let columns: Vec<ArrayRef> =
            self.wanted.iter().map(|place| Arc::clone(rows.column(*place))).collect();
        let places: Vec<u32> = (0..u32::try_from(rows.num_rows()).unwrap_or(ABSENT)).collect();
        let null_row = places.last().copied().unwrap_or(ABSENT);
        let drops = matches!(self.role, Role::Inner | Role::Semi);
        Ok(Some(Built {
            groups: by_row.renumbered(&numbers, otherwise),
            count,
            labels,
            share: if drops { share(known, self.table_rows) } else { 1.0 },
            rows: (!self.wanted.is_empty()).then(|| by_row.renumbered(&places, null_row)),
            columns,
            drops_all: drops && known == 0,
            told,
        }))
    }

    /// All rows as one batch; behind them the row of NULLs that stands for a missing one, where there may be.
    fn rows(&self, batches: &[RecordBatch]) -> Result<RecordBatch> {
        let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
        let schema: SchemaRef = Arc::new(Schema::new(
            self.plan.schema().fields().iter().map(nullable).collect::<Vec<_>>(),
        ));
        let mut parts = Vec::with_capacity(batches.len() + 1);
        for batch in batches {
            parts.push(batch.clone().with_schema(Arc::clone(&schema))?);
        }
        if self.role == Role::Outer {
            let nulls =
                schema.fields().iter().map(|field| new_null_array(field.data_type(), 1)).collect();
            let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
            parts.push(RecordBatch::try_new_with_options(Arc::clone(&schema), nulls, &options)?);
        }
        Ok(concat_batches(&schema, &parts)?)
    }

    /// Numbers the distinct combinations of what the query groups by: the number of each row, and what it stands for.
    fn number(&self, rows: &RecordBatch) -> Result<(Vec<u32>, Vec<ArrayRef>, usize)> {
        if self.groups.is_empty() {
            return Ok((vec![0; rows.num_rows()], Vec::new(), 1));
        }
        let mut columns = Vec::with_capacity(self.groups.len());
        let mut fields = Vec::with_capacity(self.groups.len());
        for (place, group) in self.groups.iter().enumerate() {
            let column = group.evaluate(rows)?.into_array(rows.num_rows())?;
            fields.push(Field::new(place.to_string(), column.data_type().clone(), true));
            columns.push(column);
        }
        let mut distinct = new_group_values(Arc::new(Schema::new(fields)), &GroupOrdering::None)?;
        let mut numbers = Vec::with_capacity(rows.num_rows());
        distinct.intern(&columns, &mut numbers)?;
        let count = distinct.len();
        let labels = distinct.emit(EmitTo::All)?;
        let narrow = |number: usize| u32::try_from(number).unwrap_or(ABSENT);
        Ok((numbers.into_iter().map(narrow).collect(), labels, count))
    }

    /// Tells the scan of the fact the keys: their range, or each of them when they are few and far apart, and the set of
    /// them when it leaves out many rows. Returns the memory that the set takes.
    fn announce(&self, key: &ArrayRef, known: usize, list_limit: usize) -> Result<usize> {
        let Some(filter) = &self.filter else { return Ok(0) };
        let value = |row: usize| ScalarValue::try_from_array(key, row);
        let column = || Arc::clone(&self.fact_key);
        let condition: Arc<dyn PhysicalExpr> = match range(key)? {
            _ if known == 0 => lit(false),
            None if known > list_limit => lit(true),
            Some((least, most, span)) if known > list_limit || span / 2 < known => {
                let from = BinaryExpr::new(column(), Operator::GtEq, lit(least));
                let to = BinaryExpr::new(column(), Operator::LtEq, lit(most));
                Arc::new(BinaryExpr::new(Arc::new(from), Operator::And, Arc::new(to)))
            }
            _ => {
                let keys = (0..key.len()).filter(|row| key.is_valid(*row));
                let list = keys.map(|row| Ok(lit(value(row)?))).collect::<Result<_>>()?;
                let field = Field::new("key", key.data_type().clone(), true);
                let schema = self.filter_schema(field);
                in_list(column(), list, &false, &schema)?
            }
        };
        let pays = known > 0 && share(known, self.table_rows) <= MOST_SHARE;
        let set = if pays { KeySet::of(column(), key)? } else { None };
        let told = set.as_ref().map_or(0, KeySet::bytes);
        filter.update(match set {
            None => condition,
            Some(set) => Arc::new(BinaryExpr::new(condition, Operator::And, Arc::new(set))),
        })?;
        filter.mark_complete();
        Ok(told)
    }

    /// A schema in which the fact's key can be typed.
    fn filter_schema(&self, key: Field) -> Schema {
        use datafusion::physical_expr::expressions::Column;
        let place = self.fact_key.downcast_ref::<Column>().map_or(0, Column::index);
        Schema::new(vec![key; place + 1])
    }
}

/// The part of a table that its filters left.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn share(known: usize, table_rows: usize) -> f64 {
    known as f64 / table_rows.max(known).max(1) as f64
}

/// The least and the greatest of integer keys, and how many keys the range could hold.
fn range(key: &ArrayRef) -> Result<Option<(ScalarValue, ScalarValue, usize)>> {
    if matches!(key.data_type(), DataType::UInt64) {
        return Ok(None);
    }
    let Some((least, most)) = extremes(key) else { return Ok(None) };
    let (low, high) =
        (ScalarValue::try_from_array(key, least.0)?, ScalarValue::try_from_array(key, most.0)?);
    let span = usize::try_from(i128::from(most.1) - i128::from(least.1) + 1).unwrap_or(usize::MAX);
    Ok(Some((low, high, span)))
}
