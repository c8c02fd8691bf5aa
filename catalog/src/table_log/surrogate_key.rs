//! Surrogate keys: rows that come without a key get the next numbers, so that keys are whole, small and dense.
//!
//! Sources name their customers by texts and by numbers with gaps; joins by dense integers are lookups in an array. A table
//! says `WITH (surrogate_key = 'customer_key')`, and whatever writes to it fills the NULLs of that column, from the largest
//! number in the version that it writes to, plus one, on. Numbers start with 1. Rows that bring numbers keep them: that is how
//! a copy of the table is loaded.
//!
//! Two writers at once would give the same numbers. So a write that gave numbers is not committed on top of another one that
//! was there first: that is a conflict, and the statement runs again. Within one write, rows without a number and rows that
//! bring a new one cannot be told apart from each other either, and are refused.
//!
//! Example: over keys 1, 2 and 3 the rows `(NULL, 'ada'), (NULL, 'bob')` are written as `(4, 'ada'), (5, 'bob')`.

use super::TableVersion;
use crate::CatalogError;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// The numbers that one write gives.
#[derive(Debug)]
pub(super) struct Numbers {
    column: String,
    /// The largest there is; unknown when files of others have no statistics.
    largest: Option<i64>,
    /// How many were given.
    given: AtomicI64,
    /// Whether rows brought numbers beyond the largest.
    brought: AtomicBool,
}

impl Numbers {
    /// The numbers after `largest`.
    pub(super) fn after(column: &str, largest: Option<i64>) -> Arc<Self> {
        Arc::new(Self {
            column: column.to_owned(),
            largest,
            given: AtomicI64::new(0),
            brought: AtomicBool::new(false),
        })
    }

    /// Whether rows were given numbers.
    pub(super) fn were_given(&self) -> bool {
        self.given.load(Ordering::SeqCst) > 0
    }

    fn refusal(&self, what: &str, hint: &str) -> DataFusionError {
        let message = format!("surrogate key \"{}\": {what}", self.column);
        DataFusionError::External(Box::new(CatalogError::invalid(message).with_hint(hint)))
    }

    /// The keys with numbers in place of NULLs.
    fn fill(&self, keys: &Int64Array) -> Result<Int64Array> {
        let missing = keys.null_count();
        let largest = self.largest.unwrap_or(i64::MIN);
        if keys.iter().flatten().any(|key| key > largest) {
            self.brought.store(true, Ordering::SeqCst);
        }
        let before = match i64::try_from(missing) {
            Ok(missing) => self.given.fetch_add(missing, Ordering::SeqCst),
            Err(_) => i64::MAX,
        };
        if self.were_given() && self.brought.load(Ordering::SeqCst) {
            let what = "some rows bring new numbers and others are to be given some, which may be the same";
            return Err(self.refusal(what, "give all rows a number, or none"));
        }
        if missing == 0 {
            return Ok(keys.clone());
        }
        let Some(largest) = self.largest else {
            let what = "the largest number is not known, as files of the table have no statistics";
            return Err(self.refusal(what, "OPTIMIZE .. ZORDER BY writes the files anew"));
        };
        let mut next = largest.checked_add(before);
        let mut number = || {
            next = next.and_then(|number| number.checked_add(1));
            next
        };
        Ok(keys.iter().map(|key| key.or_else(&mut number)).collect())
    }
}

/// The expression that fills one column.
#[derive(Debug)]
pub(super) struct Numbered {
    keys: Arc<dyn PhysicalExpr>,
    kind: DataType,
    numbers: Arc<Numbers>,
}

impl Numbered {
    /// `keys`, of this type, with numbers in place of NULLs.
    pub(super) fn new(keys: Arc<dyn PhysicalExpr>, kind: DataType, numbers: Arc<Numbers>) -> Self {
        Self { keys, kind, numbers }
    }
}

impl fmt::Display for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numbered({})", self.keys)
    }
}

impl PartialEq for Numbered {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.numbers, &other.numbers)
    }
}

impl Eq for Numbered {}

impl Hash for Numbered {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.numbers).hash(state);
    }
}

impl PhysicalExpr for Numbered {
    fn data_type(&self, _input: &Schema) -> Result<DataType> {
        Ok(self.kind.clone())
    }

    fn nullable(&self, _input: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let keys = self.keys.evaluate(batch)?.into_array(batch.num_rows())?;
        let keys = cast_with_options(&keys, &DataType::Int64, &strict)?;
        let filled: ArrayRef = Arc::new(self.numbers.fill(keys.as_primitive::<Int64Type>())?);
        let cast = cast_with_options(&filled, &self.kind, &strict);
        match cast.ok().filter(|filled| filled.null_count() == 0) {
            Some(filled) => Ok(ColumnarValue::Array(filled)),
            None => {
                let what = "its type has no numbers left";
                Err(self.numbers.refusal(what, "make the table anew with a BIGINT"))
            }
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.keys]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let keys = children.pop().unwrap_or_else(|| Arc::clone(&self.keys));
        Ok(Arc::new(Self::new(keys, self.kind.clone(), Arc::clone(&self.numbers))))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn is_volatile_node(&self) -> bool {
        true
    }
}

impl TableVersion {
    /// The columns that rows to be written must have: a surrogate key may be NULL there.
    pub fn input_schema(&self) -> SchemaRef {
        let schema = self.schema();
        let Some(key) = self.table.surrogate_key() else { return schema };
        let fields = schema.fields().iter().map(|field| {
            let is_key = field.name() == key;
            field.as_ref().clone().with_nullable(field.is_nullable() || is_key)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The numbers that a write to this version gives, if the table has a surrogate key.
    pub(super) fn numbers(&self) -> Option<Arc<Numbers>> {
        let key = self.table.surrogate_key()?;
        Some(Numbers::after(key, self.largest(key)))
    }

    /// The largest value of a column, or more than it; 0 when there are no rows.
    fn largest(&self, column: &str) -> Option<i64> {
        let place = self.layout().scanned.table_schema().index_of(column).ok()?;
        let mut largest = 0;
        for file in self.data_files() {
            if file.rows == Some(0) {
                continue;
            }
            let known = file.known.column_statistics.get(place)?;
            let here = known.max_value.get_value()?.cast_to(&DataType::Int64).ok()?;
            let ScalarValue::Int64(Some(here)) = here else { return None };
            largest = largest.max(here);
        }
        Some(largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(numbers: &Numbers, keys: &[Option<i64>]) -> std::result::Result<Vec<i64>, String> {
        let filled = numbers.fill(&Int64Array::from(keys.to_vec()));
        filled.map(|keys| keys.values().to_vec()).map_err(|error| error.strip_backtrace())
    }

    #[test]
    fn batch_after_batch_gets_the_next_numbers() {
        let numbers = Numbers::after("k", Some(3));
        assert!(!numbers.were_given());
        assert_eq!(fill(&numbers, &[None, Some(2), None]), Ok(vec![4, 2, 5]));
        assert_eq!(fill(&numbers, &[None]), Ok(vec![6]));
        assert!(numbers.were_given());
    }

    #[test]
    fn rows_that_all_bring_numbers_keep_them() {
        let numbers = Numbers::after("k", Some(3));
        assert_eq!(fill(&numbers, &[Some(9), Some(1)]), Ok(vec![9, 1]));
        assert!(!numbers.were_given());
    }

    #[test]
    fn numbers_that_may_be_the_same_are_refused() {
        for batches in [[[None, Some(4)], [None, None]], [[None, None], [Some(4), Some(5)]]] {
            let numbers = Numbers::after("k", Some(3));
            let filled: std::result::Result<Vec<_>, _> =
                batches.iter().map(|keys| fill(&numbers, keys)).collect();
            let error = filled.unwrap_err();
            assert!(error.contains("surrogate key \"k\": some rows bring new numbers"), "{error}");
        }
    }

    #[test]
    fn a_largest_that_is_not_known_matters_to_rows_without_a_number_only() {
        assert_eq!(fill(&Numbers::after("k", None), &[Some(9)]), Ok(vec![9]));
        let error = fill(&Numbers::after("k", None), &[None]).unwrap_err();
        assert!(error.contains("OPTIMIZE"), "{error}");
    }
}
