//! From a key to a number, fast: the array or hash table that stands for one dimension while a fact is read.
//!
//! No function of the trade, but the kernel under joining a star and grouping it: arrays in, arrays out.
//!
//! Integer keys (dates and times among them) that lie close together become an array with a slot per possible key; others
//! a hash table; keys of other types a hash table over their bytes. A key that is absent or NULL gives what the caller
//! says it gives, so that the same loop serves rows that are dropped and rows that get NULLs.
//!
//! Never holds a key twice: [`Lookup::build`] tells when it meets one.
//!
//! Example: keys 10, 11, 13 with numbers 0, 1, 2 make the slots `[0, 1, ABSENT, 2]` with 10 as the least.

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, internal_err};
use std::collections::HashMap;
use std::sync::Arc;

/// No number: what drops a row, and what a slot without a key holds.
pub const ABSENT: u32 = u32::MAX;
/// An array of slots may always be this long.
const SMALL_SLOTS: usize = 1 << 20;
/// A longer one needs a key in this many slots.
const SLOTS_PER_KEY: usize = 64;

/// An integer that can be a key.
trait Key: Copy {
    /// The key as the widest integer; different keys stay different.
    fn wide(self) -> i64;
}

macro_rules! keys {
    ($($native:ty),*) => {
        $(impl Key for $native {
            fn wide(self) -> i64 {
                i64::from(self)
            }
        })*
    };
}
keys!(i8, i16, i32, i64, u8, u16, u32);

impl Key for u64 {
    fn wide(self) -> i64 {
        self.cast_signed()
    }
}

/// Runs an expression with the values of an integer array, or another when it is not one.
macro_rules! with_integers {
    ($array:expr, $values:ident => $body:expr, else $other:expr) => {{
        use arrow::datatypes::*;
        match $array.data_type() {
            DataType::Int8 => {
                let $values = $array.as_primitive::<Int8Type>().values().as_ref();
                $body
            }
            DataType::Int16 => {
                let $values = $array.as_primitive::<Int16Type>().values().as_ref();
                $body
            }
            DataType::Int32 => {
                let $values = $array.as_primitive::<Int32Type>().values().as_ref();
                $body
            }
            DataType::Int64 => {
                let $values = $array.as_primitive::<Int64Type>().values().as_ref();
                $body
            }
            DataType::UInt8 => {
                let $values = $array.as_primitive::<UInt8Type>().values().as_ref();
                $body
            }
            DataType::UInt16 => {
                let $values = $array.as_primitive::<UInt16Type>().values().as_ref();
                $body
            }
            DataType::UInt32 => {
                let $values = $array.as_primitive::<UInt32Type>().values().as_ref();
                $body
            }
            DataType::UInt64 => {
                let $values = $array.as_primitive::<UInt64Type>().values().as_ref();
                $body
            }
            DataType::Date32 => {
                let $values = $array.as_primitive::<Date32Type>().values().as_ref();
                $body
            }
            DataType::Date64 => {
                let $values = $array.as_primitive::<Date64Type>().values().as_ref();
                $body
            }
            DataType::Timestamp(TimeUnit::Second, _) => {
                let $values = $array.as_primitive::<TimestampSecondType>().values().as_ref();
                $body
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                let $values = $array.as_primitive::<TimestampMillisecondType>().values().as_ref();
                $body
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let $values = $array.as_primitive::<TimestampMicrosecondType>().values().as_ref();
                $body
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                let $values = $array.as_primitive::<TimestampNanosecondType>().values().as_ref();
                $body
            }
            _ => $other,
        }
    }};
}

// Behind the macro, which it needs.
mod met;
mod picked;
mod runs;

pub use met::{KeysMet, Ordinals};
pub use picked::Picked;
use picked::{First, Next};
pub use runs::runs;

/// Whether keys of a type can be looked up: whatever is equal exactly when its bytes are.
pub fn supports(data_type: &DataType) -> bool {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, Date64, Decimal32, Decimal64, Decimal128, Decimal256,
        FixedSizeBinary, LargeBinary, LargeUtf8, Timestamp, Utf8, Utf8View,
    };
    data_type.is_integer()
        || matches!(
            data_type,
            Date32
                | Date64
                | Timestamp(
                    TimeUnit::Second
                        | TimeUnit::Millisecond
                        | TimeUnit::Microsecond
                        | TimeUnit::Nanosecond,
                    _
                )
                | Boolean
                | Decimal32(..)
                | Decimal64(..)
                | Decimal128(..)
                | Decimal256(..)
                | Utf8
                | LargeUtf8
                | Utf8View
                | Binary
                | LargeBinary
                | BinaryView
                | FixedSizeBinary(_)
        )
}

/// The keys of a dimension with their numbers.
#[derive(Debug)]
pub struct Lookup {
    table: Table,
    /// The number of NULL and of a key that is not there.
    otherwise: u32,
    /// Every key from the least to the greatest is there, and all have number 0.
    gapless: bool,
}

#[derive(Debug)]
enum Table {
    /// A slot per key from the least on.
    Slots { least: i64, slots: Vec<u32> },
    /// Integers that lie far apart.
    Integers(HashMap<i64, u32>),
    /// Keys of other types, as bytes that are equal when the keys are.
    Bytes { converter: Arc<RowConverter>, numbers: HashMap<Box<[u8]>, u32> },
}

impl Lookup {
    /// Numbers the keys by their place; NULL keys are left out. `None` when a key is there twice and may not be.
    pub fn build(keys: &ArrayRef, repeats: bool) -> Result<Option<Self>> {
        with_integers!(
            keys,
            values => Ok(of_integers(values, keys.nulls(), repeats)),
            else of_bytes(keys, repeats)
        )
    }

    /// Memory it holds.
    pub fn bytes(&self) -> usize {
        match &self.table {
            Table::Slots { slots, .. } => slots.capacity() * size_of::<u32>(),
            Table::Integers(numbers) => numbers.capacity() * size_of::<(i64, u32, u8)>(),
            Table::Bytes { converter, numbers } => {
                let keys: usize = numbers.keys().map(|key| key.len()).sum();
                converter.size() + keys + numbers.capacity() * size_of::<(Box<[u8]>, u32, u8)>()
            }
        }
    }

    /// The same keys with other numbers: what `numbers` holds at each, and `otherwise` for NULL and keys that are not there.
    #[must_use]
    pub fn renumbered(&self, numbers: &[u32], otherwise: u32) -> Self {
        let new = |old: &u32| numbers.get(*old as usize).copied().unwrap_or(otherwise);
        let table = match &self.table {
            Table::Slots { least, slots } => {
                Table::Slots { least: *least, slots: slots.iter().map(new).collect() }
            }
            Table::Integers(old) => {
                Table::Integers(old.iter().map(|(key, old)| (*key, new(old))).collect())
            }
            Table::Bytes { converter, numbers: old } => Table::Bytes {
                converter: Arc::clone(converter),
                numbers: old.iter().map(|(key, old)| (key.clone(), new(old))).collect(),
            },
        };
        let gapless = match &table {
            Table::Slots { slots, .. } => slots.iter().all(|number| *number == 0),
            Table::Integers(_) | Table::Bytes { .. } => false,
        };
        Self { table, otherwise, gapless }
    }

    /// Keeps the rows of a batch that have a number, and begins their groups with it.
    pub fn first(&self, keys: &ArrayRef, stride: usize, picked: &mut Picked) -> Result<()> {
        let runs = if keys.null_count() > 0 {
            None
        } else {
            with_integers!(keys, values => runs(values), else None)
        };
        self.visit(keys, First { count: keys.len(), runs, stride, picked })
    }

    /// Keeps of the picked rows those that have a number, and adds it to their groups.
    pub fn next(&self, keys: &ArrayRef, stride: usize, picked: &mut Picked) -> Result<()> {
        self.visit(keys, Next { stride, picked })
    }

    /// Whether each of these keys is there and has number 0, so that looking them up changes nothing. It is told by the
    /// least and the greatest of them where no key between is missing; otherwise false, whether or not it is so.
    pub fn changes_nothing(&self, keys: &ArrayRef) -> bool {
        let Table::Slots { least, slots } = &self.table else { return false };
        // Slots are in the order of signed numbers, and the ends of a batch in that of its type.
        let is_unsigned = *keys.data_type() == DataType::UInt64;
        if !self.gapless || is_unsigned || keys.null_count() > 0 || keys.is_empty() {
            return false;
        }
        with_integers!(
            keys,
            values => {
                let fold = |(low, high): (_, _), key: &_| (Ord::min(low, *key), Ord::max(high, *key));
                let (low, high) = values.iter().fold((values[0], values[0]), fold);
                let place = |key: i64| usize::try_from(i128::from(key) - i128::from(*least)).ok();
                place(low.wide()).is_some() && place(high.wide()).is_some_and(|place| place < slots.len())
            },
            else false
        )
    }

    /// The numbers of some rows.
    pub fn numbers(&self, keys: &ArrayRef, rows: &[u32]) -> Result<UInt32Array> {
        self.visit(keys, Numbers { rows })
    }

    fn visit<V: Visitor>(&self, keys: &ArrayRef, visitor: V) -> Result<V::Answer> {
        let otherwise = self.otherwise;
        let nulls = keys.nulls().filter(|nulls| nulls.null_count() > 0);
        match &self.table {
            Table::Slots { least, slots } => with_integers!(
                keys,
                values => match nulls {
                    None => Ok(visitor.visit(|row| slot(slots, *least, values[row], otherwise))),
                    Some(nulls) => Ok(visitor.visit(|row| {
                        if nulls.is_null(row) { otherwise } else { slot(slots, *least, values[row], otherwise) }
                    })),
                },
                else internal_err!("a key that was an integer is {}", keys.data_type())
            ),
            Table::Integers(numbers) => with_integers!(
                keys,
                values => Ok(visitor.visit(|row| match nulls {
                    Some(nulls) if nulls.is_null(row) => otherwise,
                    _ => numbers.get(&values[row].wide()).copied().unwrap_or(otherwise),
                })),
                else internal_err!("a key that was an integer is {}", keys.data_type())
            ),
            Table::Bytes { converter, numbers } => {
                let bytes = converter.convert_columns(std::slice::from_ref(keys))?;
                Ok(visitor.visit(|row| match nulls {
                    Some(nulls) if nulls.is_null(row) => otherwise,
                    _ => numbers.get(bytes.row(row).as_ref()).copied().unwrap_or(otherwise),
                }))
            }
        }
    }
}

fn slot<K: Key>(slots: &[u32], least: i64, key: K, otherwise: u32) -> u32 {
    let place = key.wide().wrapping_sub(least).cast_unsigned();
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    slots.get(place).copied().unwrap_or(otherwise)
}

/// A loop over rows that is compiled once for each way to find a number.
trait Visitor {
    type Answer;
    fn visit(self, number: impl Fn(usize) -> u32) -> Self::Answer;
}

struct Numbers<'a> {
    rows: &'a [u32],
}

impl Visitor for Numbers<'_> {
    type Answer = UInt32Array;

    fn visit(self, number: impl Fn(usize) -> u32) -> UInt32Array {
        self.rows.iter().map(|row| number(*row as usize)).collect::<Vec<_>>().into()
    }
}

/// Calls `each` with the row and the value of every integer that is not NULL.
pub(crate) fn each_integer(integers: &ArrayRef, mut each: impl FnMut(usize, i64)) -> Result<()> {
    let nulls = integers.nulls().filter(|nulls| nulls.null_count() > 0);
    with_integers!(
        integers,
        values => {
            for (row, value) in values.iter().enumerate() {
                if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                    each(row, value.wide());
                }
            }
            Ok(())
        },
        else internal_err!("{} are not integers", integers.data_type())
    )
}

/// Row and value of the smallest and of the largest key, where keys are integers and there is one.
pub fn extremes(keys: &ArrayRef) -> Option<((usize, i64), (usize, i64))> {
    with_integers!(
        keys,
        values => {
            let (least, most) = span(values, keys.nulls())?;
            let valid = |row: usize| keys.nulls().is_none_or(|nulls| nulls.is_valid(row));
            let row = |end: i64| {
                (0..values.len()).find(|row| values[*row].wide() == end && valid(*row))
            };
            Some(((row(least)?, least), (row(most)?, most)))
        },
        else None
    )
}

/// The least and the greatest of keys, where there is one.
fn span<K: Key>(values: &[K], nulls: Option<&NullBuffer>) -> Option<(i64, i64)> {
    let widen = |(low, high): (i64, i64), key: i64| (low.min(key), high.max(key));
    let nothing = (i64::MAX, i64::MIN);
    let (least, most) = match nulls.filter(|nulls| nulls.null_count() > 0) {
        // Most keys have no NULL among them, and this loop is one that the compiler makes fast.
        None => values.iter().map(|key| key.wide()).fold(nothing, widen),
        Some(nulls) => nulls.valid_indices().map(|row| values[row].wide()).fold(nothing, widen),
    };
    (least <= most).then_some((least, most))
}

/// Keys numbered by their place.
fn numbered(table: Table) -> Lookup {
    Lookup { table, otherwise: ABSENT, gapless: false }
}

fn of_integers<K: Key>(values: &[K], nulls: Option<&NullBuffer>, repeats: bool) -> Option<Lookup> {
    let valid = |row: usize| nulls.is_none_or(|nulls| nulls.is_valid(row));
    let keys =
        || values.iter().map(|key| key.wide()).zip(0_u32..).filter(|(_, row)| valid(*row as usize));
    let (least, most) = span(values, nulls).unwrap_or((0, -1));
    let span = usize::try_from(i128::from(most) - i128::from(least) + 1).unwrap_or(usize::MAX);
    if span <= SMALL_SLOTS || span / SLOTS_PER_KEY <= values.len() {
        let mut slots = vec![ABSENT; span];
        for (key, row) in keys() {
            let place = usize::try_from(key.wrapping_sub(least).cast_unsigned()).ok();
            let taken = place.and_then(|place| slots.get_mut(place))?;
            if *taken != ABSENT && !repeats {
                return None;
            }
            *taken = row;
        }
        return Some(numbered(Table::Slots { least, slots }));
    }
    let mut numbers = HashMap::with_capacity(values.len());
    for (key, row) in keys() {
        if numbers.insert(key, row).is_some() && !repeats {
            return None;
        }
    }
    Some(numbered(Table::Integers(numbers)))
}

fn of_bytes(keys: &ArrayRef, repeats: bool) -> Result<Option<Lookup>> {
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let bytes = converter.convert_columns(std::slice::from_ref(keys))?;
    let mut numbers: HashMap<Box<[u8]>, u32> = HashMap::with_capacity(keys.len());
    for (row, number) in (0..keys.len()).zip(0_u32..) {
        let known =
            keys.is_valid(row).then(|| numbers.insert(bytes.row(row).as_ref().into(), number));
        if known.flatten().is_some() && !repeats {
            return Ok(None);
        }
    }
    Ok(Some(numbered(Table::Bytes { converter: Arc::new(converter), numbers })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, Int64Array, StringArray};

    fn check(keys: &ArrayRef, probes: &ArrayRef, expected: &[u32]) {
        let lookup = Lookup::build(keys, false).unwrap().unwrap();
        let rows: Vec<u32> = (0..u32::try_from(probes.len()).unwrap()).collect();
        assert_eq!(lookup.numbers(probes, &rows).unwrap().values(), expected);
        let mut picked = Picked::default();
        lookup.first(probes, 10, &mut picked).unwrap();
        let kept: Vec<u32> =
            rows.iter().copied().filter(|row| expected[*row as usize] != ABSENT).collect();
        assert_eq!(picked.rows(), kept);
        lookup.next(probes, 1, &mut picked).unwrap();
        let groups: Vec<usize> =
            kept.iter().map(|row| expected[*row as usize] as usize * 11).collect();
        assert_eq!(picked.groups(), groups);
        picked.retain(kept.iter().map(|row| row % 2 == 0));
        assert!(picked.rows().iter().all(|row| row % 2 == 0));
    }

    #[test]
    fn finds_near_keys_far_keys_dates_and_texts() {
        let longs = |keys: &[Option<i64>]| {
            Arc::new(keys.iter().copied().collect::<Int64Array>()) as ArrayRef
        };
        check(
            &longs(&[Some(10), Some(11), None, Some(13)]),
            &longs(&[Some(13), Some(12), None, Some(10), Some(9)]),
            &[3, ABSENT, ABSENT, 0, ABSENT],
        );
        check(
            &longs(&[Some(i64::MIN), Some(i64::MAX)]),
            &longs(&[Some(i64::MAX), Some(0), None]),
            &[1, ABSENT, ABSENT],
        );
        check(&longs(&[]), &longs(&[Some(0)]), &[ABSENT]);
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(-5), Some(7)]));
        check(&dates, &dates, &[0, 1]);
        let texts = |keys: &[&str]| Arc::new(StringArray::from(keys.to_vec())) as ArrayRef;
        check(&texts(&["a", ""]), &texts(&["", "b", "a"]), &[1, ABSENT, 0]);
    }

    #[test]
    fn keys_without_a_gap_change_nothing() {
        let longs = |keys: &[i64]| Arc::new(Int64Array::from(keys.to_vec())) as ArrayRef;
        let lookup = |keys: &[i64], numbers: &[u32]| {
            Lookup::build(&longs(keys), false).unwrap().unwrap().renumbered(numbers, ABSENT)
        };
        let whole = lookup(&[7, 5, 6], &[0, 0, 0]);
        assert!(whole.changes_nothing(&longs(&[5, 7, 7, 6])));
        for outside in [vec![4, 5], vec![8], vec![i64::MIN, i64::MAX], vec![]] {
            assert!(!whole.changes_nothing(&longs(&outside)), "{outside:?}");
        }
        let null: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), None]));
        assert!(!whole.changes_nothing(&null));
        assert!(!lookup(&[5, 7], &[0, 0]).changes_nothing(&longs(&[5, 7])), "6 is missing");
        assert!(!lookup(&[5, 6], &[0, 1]).changes_nothing(&longs(&[5])), "numbers differ");
    }

    #[test]
    fn whole_batches_and_parts_of_them_pick_alike() {
        let longs = |keys: Vec<i64>| Arc::new(Int64Array::from(keys)) as ArrayRef;
        let lookup = Lookup::build(&longs((0..50).collect()), false).unwrap().unwrap();
        let (all, some) = (longs((0..50).rev().collect()), longs((0..50).map(|n| n * 2).collect()));
        let mut picked = Picked::default();
        picked.start_whole(50);
        lookup.next(&all, 1, &mut picked).unwrap();
        assert_eq!((picked.rows().len(), picked.groups()[0], picked.groups()[49]), (50, 49, 0));
        lookup.next(&some, 100, &mut picked).unwrap();
        assert_eq!(picked.rows(), (0..25).collect::<Vec<_>>());
        let expected: Vec<usize> = (0..25).map(|n| 49 - n + 200 * n).collect();
        assert_eq!(picked.groups(), expected);
        lookup.next(&all, 0, &mut picked).unwrap();
        assert_eq!(picked.groups(), expected);
    }

    #[test]
    fn keys_that_come_in_runs_pick_what_they_pick_row_by_row() {
        let longs = |keys: Vec<i64>| Arc::new(Int64Array::from(keys)) as ArrayRef;
        let lookup = Lookup::build(&longs(vec![0, 1, 3]), false).unwrap().unwrap();
        let sorted: Vec<i64> = (0..2400).map(|row| row / 600).collect();
        assert_eq!(runs(&sorted).unwrap().len(), 4);
        let mixed: Vec<i64> = sorted.iter().map(|key| (key + 1) % 4).rev().collect();
        let scattered: Vec<i64> = (0..2400).map(|row| row % 4).collect();
        let mut picked = Picked::default();
        // The last two follow a batch of which every row was kept.
        for keys in [sorted, mixed, scattered.clone(), vec![3; 700], scattered, vec![1, 2, 0]] {
            let expected: Vec<(u32, usize)> = (0_u32..)
                .zip(&keys)
                .filter(|(_, key)| **key != 2)
                .map(|(row, key)| (row, if *key == 3 { 20 } else { 10 * usize::from(*key == 1) }))
                .collect();
            lookup.first(&longs(keys), 10, &mut picked).unwrap();
            let rows = picked.rows().to_vec();
            let found: Vec<(u32, usize)> =
                rows.into_iter().zip(picked.groups().iter().copied()).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn repeated_keys_are_told_unless_they_may_be() {
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1]));
        assert!(Lookup::build(&keys, false).unwrap().is_none());
        assert!(Lookup::build(&keys, true).unwrap().is_some());
    }

    #[test]
    fn ordinals_follow_the_order_of_meeting() {
        let mut ordinals = Ordinals::new(9);
        let mut numbers = [7, 3, 7, 8];
        ordinals.replace(&mut numbers);
        assert_eq!((numbers, ordinals.met()), ([0, 1, 0, 2], [7, 3, 8].as_slice()));
    }
}
