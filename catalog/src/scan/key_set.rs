//! Which keys a join will find, as a predicate: `key IN (..)` decided by one bit for each possible key.
//!
//! Whoever joins a fact with a small table knows all keys before the fact is read. The range of them prunes files and row
//! groups; the bits tell a scan of kept columns which rows to leave out before any other column of them is touched. As
//! a plain expression it can be evaluated anywhere, and what cannot make sense of it may leave it out.
//!
//! Only keys that are stored as whole numbers (dates and times among them) and lie close together have one.
//!
//! Example: keys 3, 5 and 9 are the bits `1010001` from 3 on; `key IN {3 keys from 3 to 9}`.

use super::hot_columns::whole_numbers;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Int64Type, Schema};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Keys may always span so many bits.
const SMALL_SPAN: usize = 1 << 20;
/// A wider span needs a key in this many.
const SPAN_PER_KEY: usize = 256;

/// The predicate that an expression has one of some keys.
#[derive(Debug, Clone, Eq)]
pub struct KeySet {
    key: Arc<dyn PhysicalExpr>,
    keys: Arc<Keys>,
}

// By hand, because a derived one would move the key.
impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.key.eq(&other.key) && self.keys.eq(&other.keys)
    }
}

impl Hash for KeySet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
        self.keys.hash(state);
    }
}

/// Some whole numbers, as bits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keys {
    kind: DataType,
    least: i64,
    most: i64,
    count: usize,
    words: Vec<u64>,
}

impl Hash for Keys {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.least, self.most, self.count).hash(state);
    }
}

impl KeySet {
    /// That `key` is one of the values of `keys`, which has its type. NULL is never among them.
    ///
    /// `None` where keys are not stored as whole numbers, there is none, or they lie too far apart.
    ///
    /// # Errors
    /// When the values cannot be read as numbers, which is a fault of this program.
    pub fn of(key: Arc<dyn PhysicalExpr>, keys: &ArrayRef) -> Result<Option<Self>> {
        if matches!(keys.data_type(), DataType::Decimal128(..)) {
            return Ok(None);
        }
        let Some(numbers) = whole_numbers(keys)? else { return Ok(None) };
        let numbers = numbers.as_primitive::<Int64Type>();
        let known = || numbers.iter().flatten();
        let (Some(least), Some(most)) = (known().min(), known().max()) else { return Ok(None) };
        let count = numbers.len() - numbers.null_count();
        let span = usize::try_from(i128::from(most) - i128::from(least) + 1).unwrap_or(usize::MAX);
        if span > SMALL_SPAN && span / SPAN_PER_KEY > count {
            return Ok(None);
        }
        let mut words = vec![0_u64; span.div_ceil(64)];
        for number in known() {
            let place = distance(least, number);
            if let Some(word) = words.get_mut(place / 64) {
                *word |= 1 << (place % 64);
            }
        }
        let kind = keys.data_type().clone();
        Ok(Some(Self { key, keys: Arc::new(Keys { kind, least, most, count, words }) }))
    }

    /// Memory that the keys take.
    pub fn bytes(&self) -> usize {
        size_of_val(self.keys.words.as_slice())
    }

    pub(super) fn key(&self) -> &Arc<dyn PhysicalExpr> {
        &self.key
    }

    pub(super) fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }
}

impl Keys {
    /// The type of what the numbers stand for.
    pub(super) fn kind(&self) -> &DataType {
        &self.kind
    }

    /// The least and the greatest key.
    pub(super) fn span(&self) -> (i64, i64) {
        (self.least, self.most)
    }

    /// 1 when a number is among the keys, 0 when not.
    #[inline]
    pub(super) fn has(&self, number: i64) -> u8 {
        let place = distance(self.least, number);
        self.words.get(place / 64).map_or(0, |word| u8::from(word >> (place % 64) & 1 == 1))
    }
}

/// How far a number is above another; far too much when it is below.
#[inline]
fn distance(least: i64, number: i64) -> usize {
    usize::try_from(number.wrapping_sub(least).cast_unsigned()).unwrap_or(usize::MAX)
}

impl fmt::Display for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Keys { least, most, count, .. } = self.keys.as_ref();
        write!(f, "{} IN {{{count} keys from {least} to {most}}}", self.key)
    }
}

impl PhysicalExpr for KeySet {
    fn data_type(&self, _schema: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _schema: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let values = self.key.evaluate(batch)?.into_array(batch.num_rows())?;
        let Some(numbers) = whole_numbers(&values)? else {
            return internal_err!("a key that was a whole number is {}", values.data_type());
        };
        let numbers = numbers.as_primitive::<Int64Type>();
        let among = |row| numbers.is_valid(row) && self.keys.has(numbers.value(row)) == 1;
        let rows = BooleanBuffer::collect_bool(numbers.len(), among);
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(rows, None))))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.key]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let Ok([key]) = <[_; 1]>::try_from(children) else {
            return internal_err!("KeySet has one key");
        };
        Ok(Arc::new(Self { key, keys: Arc::clone(&self.keys) }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, Decimal128Array, Int64Array, StringArray, UInt64Array};
    use arrow::datatypes::Field;
    use datafusion::physical_expr::expressions::Column;

    fn set(keys: &ArrayRef) -> Option<KeySet> {
        KeySet::of(Arc::new(Column::new("k", 0)), keys).unwrap()
    }

    #[test]
    fn it_holds_for_its_keys_and_for_nothing_else() {
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), None, Some(70), Some(-9)]));
        let set = set(&keys).unwrap();
        let probes: Vec<Option<i64>> =
            (-200..200).map(Some).chain([None, Some(i64::MIN), Some(i64::MAX)]).collect();
        let schema = Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true)]));
        let column: ArrayRef = Arc::new(Int64Array::from(probes.clone()));
        let batch = RecordBatch::try_new(schema, vec![column]).unwrap();
        let found = set.evaluate(&batch).unwrap().into_array(probes.len()).unwrap();
        let expected = probes.iter().map(|probe| matches!(probe, Some(3 | 70 | -9)));
        assert!(found.as_boolean().values().iter().eq(expected));
        assert_eq!(set.to_string(), "k@0 IN {3 keys from -9 to 70}");
        assert_eq!(set.bytes(), 16);
    }

    #[test]
    fn only_whole_numbers_that_lie_close_together_have_one() {
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![10_000, 10_031]));
        assert!(set(&dates).is_some());
        let refused: [ArrayRef; 5] = [
            Arc::new(Int64Array::from(vec![0, 1 << 40])),
            Arc::new(Int64Array::from(vec![None::<i64>])),
            Arc::new(StringArray::from(vec!["a"])),
            Arc::new(UInt64Array::from(vec![1])),
            Arc::new(Decimal128Array::from(vec![1])),
        ];
        assert!(refused.iter().all(|keys| set(keys).is_none()));
        let ends: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX]));
        assert!(set(&ends).is_none());
    }
}
