//! Groups are numbered in the order in which they are met: 0 for the first, whatever it was.
//!
//! So that accumulators are arrays. Numbers below a bound are looked up in an array ([`Ordinals`]), and so are keys that are
//! expected within a range ([`KeysMet`]); keys beyond it are found too, in a hash table.
//!
//! Example: keys 7, 9, 7, NULL become groups 0, 1, 0, 2.

use super::{ABSENT, Key};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, make_array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use std::collections::HashMap;
use std::sync::Arc;

/// Numbers in the order they are met: 0 for the first, whatever it was.
#[derive(Debug)]
pub struct Ordinals {
    ordinals: Vec<u32>,
    met: Vec<usize>,
}

impl Ordinals {
    /// For numbers below the bound.
    pub fn new(bound: usize) -> Self {
        Self { ordinals: vec![ABSENT; bound], met: Vec::new() }
    }

    /// Replaces each number by its ordinal. A number must be below the bound.
    pub fn replace(&mut self, numbers: &mut [usize]) {
        for number in numbers {
            *number = self.of(*number);
        }
    }

    /// The ordinal of a number, which must be below the bound.
    #[inline]
    pub fn of(&mut self, number: usize) -> usize {
        let Self { ordinals, met } = self;
        let ordinal = &mut ordinals[number];
        if *ordinal == ABSENT {
            *ordinal = u32::try_from(met.len()).unwrap_or(ABSENT);
            met.push(number);
        }
        *ordinal as usize
    }

    /// The numbers met, in order.
    pub fn met(&self) -> &[usize] {
        &self.met
    }

    /// Memory it holds.
    pub fn bytes(&self) -> usize {
        self.ordinals.capacity() * size_of::<u32>() + self.met.capacity() * size_of::<usize>()
    }
}

/// Integer keys in the order they are met, NULL among them.
#[derive(Debug)]
pub struct KeysMet {
    /// The least key that is expected.
    least: i64,
    /// The group of each key that is expected.
    slots: Vec<u32>,
    /// The groups of other keys.
    far: HashMap<i64, u32>,
    null: Option<u32>,
    /// The key of each group; anything for NULL.
    keys: Vec<i64>,
}

impl KeysMet {
    /// Expects keys from `least` on, so many that could be there.
    pub fn new(least: i64, expected: usize) -> Self {
        let slots = vec![ABSENT; expected];
        Self { least, slots, far: HashMap::new(), null: None, keys: Vec::new() }
    }

    /// Whether keys of a type can be numbered.
    pub fn supports(kind: &DataType) -> bool {
        use DataType::{Date32, Date64, Timestamp};
        kind.is_integer() || matches!(kind, Date32 | Date64 | Timestamp(..))
    }

    /// Puts the group of each key into `groups`, in place of what is there.
    ///
    /// # Errors
    /// For keys of a type that is not supported, and more groups than 2^32 - 1.
    pub fn number(&mut self, keys: &ArrayRef, groups: &mut Vec<usize>) -> Result<()> {
        groups.clear();
        let nulls = keys.nulls().filter(|nulls| nulls.null_count() > 0);
        with_integers!(
            keys,
            values => match nulls {
                None => groups.extend(values.iter().map(|key| self.group(key.wide()) as usize)),
                Some(nulls) => groups.extend(values.iter().zip(nulls).map(|(key, known)| {
                    let group = if known { self.group(key.wide()) } else { self.null_group() };
                    group as usize
                })),
            },
            else return internal_err!("keys of type {} cannot be numbered", keys.data_type())
        );
        if self.keys.len() >= ABSENT as usize {
            return internal_err!("there are more groups than numbers");
        }
        Ok(())
    }

    #[inline]
    fn group(&mut self, key: i64) -> u32 {
        // A key below the least is as far as one above the greatest.
        let place = usize::try_from(key.wrapping_sub(self.least).cast_unsigned());
        match place.ok().and_then(|place| self.slots.get_mut(place)) {
            Some(slot) if *slot != ABSENT => *slot,
            Some(slot) => {
                *slot = next(&mut self.keys, key);
                *slot
            }
            None => *self.far.entry(key).or_insert_with(|| next(&mut self.keys, key)),
        }
    }

    fn null_group(&mut self) -> u32 {
        *self.null.get_or_insert_with(|| next(&mut self.keys, 0))
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key was met.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Memory it holds.
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
            + self.far.capacity() * size_of::<(i64, u32, u8)>()
            + self.keys.capacity() * size_of::<i64>()
    }

    /// Takes the keys out, in the order of their groups, and starts anew.
    ///
    /// # Errors
    /// When the keys were of another type, which is a fault of this program.
    pub fn take(&mut self, kind: &DataType) -> Result<ArrayRef> {
        let keys = std::mem::take(&mut self.keys);
        self.slots.fill(ABSENT);
        self.far.clear();
        let null = self.null.take();
        let nulls = null.map(|null| {
            (0..keys.len()).map(|group| group != null as usize).collect::<NullBuffer>()
        });
        let wide: ArrayRef = Arc::new(Int64Array::new(ScalarBuffer::from(keys), nulls));
        let stored = match kind {
            DataType::Date32 => cast(&wide, &DataType::Int32)?,
            DataType::UInt64 | DataType::Date64 | DataType::Timestamp(..) => wide,
            _ => cast(&wide, kind)?,
        };
        Ok(make_array(stored.to_data().into_builder().data_type(kind.clone()).build()?))
    }
}

/// The next group.
fn next(keys: &mut Vec<i64>, key: i64) -> u32 {
    let group = u32::try_from(keys.len()).unwrap_or(ABSENT);
    keys.push(key);
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        Date32Array, Int8Array, TimestampMicrosecondArray, UInt32Array, UInt64Array,
    };

    fn check(batches: &[ArrayRef], expected: &[&[usize]], keys: &ArrayRef) {
        // Expected are some of the keys, all, and none.
        for (least, count) in [(3, 5), (-200, 500), (0, 0)] {
            let mut met = KeysMet::new(least, count);
            for _ in 0..2 {
                assert!(met.is_empty());
                let mut groups = vec![17];
                for (batch, expected) in batches.iter().zip(expected) {
                    met.number(batch, &mut groups).unwrap();
                    assert_eq!(&groups, expected);
                }
                assert_eq!(met.len(), keys.len());
                assert!(met.bytes() > 0);
                assert_eq!(&met.take(keys.data_type()).unwrap(), keys);
            }
        }
    }

    #[test]
    fn keys_are_numbered_as_they_are_met() {
        let longs = |keys: &[Option<i64>]| Arc::new(Int64Array::from(keys.to_vec())) as ArrayRef;
        check(
            &[longs(&[Some(7), Some(3), Some(7)]), longs(&[Some(-1), None, Some(3), None])],
            &[&[0, 1, 0], &[2, 3, 1, 3]],
            &longs(&[Some(7), Some(3), Some(-1), None]),
        );
        check(
            &[longs(&[Some(i64::MIN), Some(i64::MAX), Some(5), Some(i64::MIN)])],
            &[&[0, 1, 2, 0]],
            &longs(&[Some(i64::MIN), Some(i64::MAX), Some(5)]),
        );
    }

    #[test]
    fn keys_of_every_type_come_back() {
        let all: [ArrayRef; 5] = [
            Arc::new(Int8Array::from(vec![Some(-128), Some(127), None])),
            Arc::new(UInt32Array::from(vec![u32::MAX, 0, 4])),
            Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(4)])),
            Arc::new(Date32Array::from(vec![Some(20_000), Some(-1), None])),
            Arc::new(TimestampMicrosecondArray::from(vec![1, i64::MAX, 4]).with_timezone("UTC")),
        ];
        for keys in all {
            assert!(KeysMet::supports(keys.data_type()));
            check(std::slice::from_ref(&keys), &[&[0, 1, 2]], &keys);
        }
        assert!(!KeysMet::supports(&DataType::Utf8));
        let texts: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["a"]));
        assert!(KeysMet::new(0, 1).number(&texts, &mut Vec::new()).is_err());
    }
}
