//! The order of rows by columns of numbers, as one number each.
//!
//! No function of the trade, but the kernel under sorting: what analyses sort by are keys, days and amounts, and a customer of
//! two million on one of a thousand days is a number of 31 bits. A comparison sort looks at each row some twenty times, at one
//! column after the other; packed numbers are put in order digit by digit, in three passes ([`Packed::pass`]).
//!
//! Equal rows stay in the order they come in. Columns that need more than 64 bits together are left to others.
//!
//! Example: by `customer` ascending and `day` descending, with customers 5 to 7 and days 1 to 4, (7, 3), (5, 1), (7, 4) are the
//! numbers 0b10_01, 0b00_11 and 0b10_00; their order is 1, 2, 0.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::Result;

use crate::lookup::{KeysMet, each_integer};
use crate::ranking::{DIGIT_BITS, FEW, pass};

/// Rows on their way into order.
#[derive(Debug)]
pub struct Packed {
    /// The number of each row, and where it was.
    rows: Vec<(u64, u32)>,
    other: Vec<(u64, u32)>,
    bits: u32,
    /// The bits by which they are in order already.
    done: u32,
}

/// Whether a column of a type can be packed: whole numbers, dates, timestamps and decimals of up to 38 digits.
#[must_use]
pub fn packs(kind: &DataType) -> bool {
    KeysMet::supports(kind) || matches!(kind, DataType::Decimal128(..))
}

impl Packed {
    /// Bytes that a row takes on its way.
    pub const ROW_BYTES: usize = 2 * size_of::<(u64, u32)>();

    /// So many rows, in the order they come in; `None` for more than 2^32.
    #[must_use]
    pub fn new(rows: usize) -> Option<Self> {
        let rows = u32::try_from(rows).ok()?;
        let rows = (0..rows).map(|row| (0, row)).collect();
        Some(Self { rows, other: Vec::new(), bits: 0, done: 0 })
    }

    /// Packs a column in, by which rows are sorted where all before it are equal; false when it does not fit into the bits
    /// that are left. It comes in pieces that have all rows together.
    ///
    /// # Errors
    /// For a column of a type that does not pack.
    pub fn column(&mut self, pieces: &[ArrayRef], options: SortOptions) -> Result<bool> {
        let Some(codes) = Codes::of(pieces, options)? else { return Ok(false) };
        self.bits += codes.bits;
        if self.bits > u64::BITS {
            return Ok(false);
        }
        let mut rest = self.rows.as_mut_slice();
        for piece in pieces {
            let (rows, after) = rest.split_at_mut(piece.len());
            for (number, _) in rows.iter_mut() {
                // A column of 64 bits is the only one that is not constant.
                *number = number.checked_shl(codes.bits).unwrap_or_default() | codes.null;
            }
            codes.write(piece, rows)?;
            rest = after;
        }
        Ok(true)
    }

    /// Puts the rows in order by a few more bits; whether there are more.
    pub fn pass(&mut self) -> bool {
        if self.rows.len() < FEW {
            self.rows.sort_unstable();
            return false;
        }
        if self.done >= self.bits {
            return false;
        }
        self.other.resize(self.rows.len(), (0, 0));
        pass(&self.rows, &mut self.other, self.done, |(number, _)| number);
        std::mem::swap(&mut self.rows, &mut self.other);
        self.done += DIGIT_BITS;
        self.done < self.bits
    }

    /// Where the rows were, in order; after the last pass.
    #[must_use]
    pub fn into_order(self) -> Vec<u32> {
        self.rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// How the values of a column become numbers from 0 on, in the order that is asked for.
struct Codes {
    least: i128,
    most: i128,
    descending: bool,
    /// Added to what is not NULL.
    first: u64,
    null: u64,
    bits: u32,
}

impl Codes {
    /// `None` when they need more than 64 bits.
    fn of(pieces: &[ArrayRef], options: SortOptions) -> Result<Option<Self>> {
        let (mut least, mut most) = (i128::MAX, i128::MIN);
        for piece in pieces {
            each(piece, |_, value| {
                least = least.min(value);
                most = most.max(value);
            })?;
        }
        let has_nulls = pieces.iter().any(|piece| piece.null_count() > 0);
        let range = if least > most { Some(0) } else { most.checked_sub(least) };
        let first = u64::from(has_nulls && options.nulls_first);
        let codes = range.and_then(|range| u64::try_from(range).ok()).and_then(|range| {
            let null = if options.nulls_first { 0 } else { range.checked_add(1)? };
            let greatest = range.checked_add(u64::from(has_nulls))?;
            let bits = u64::BITS - greatest.leading_zeros();
            let null = if has_nulls { null } else { 0 };
            Some(Self { least, most, descending: options.descending, first, null, bits })
        });
        Ok(codes)
    }

    /// Puts the codes of a piece behind the numbers of its rows, which end with that of NULL.
    fn write(&self, piece: &ArrayRef, rows: &mut [(u64, u32)]) -> Result<()> {
        each(piece, |row, value| {
            let offset = if self.descending { self.most - value } else { value - self.least };
            let code = u64::try_from(offset).unwrap_or_default() + self.first;
            let (number, _) = &mut rows[row];
            *number = (*number - self.null) + code;
        })
    }
}

/// Calls `each` with the row and the value of everything that is not NULL.
fn each(piece: &ArrayRef, mut each: impl FnMut(usize, i128)) -> Result<()> {
    if !matches!(piece.data_type(), DataType::Decimal128(..)) {
        let unsigned = *piece.data_type() == DataType::UInt64;
        return each_integer(piece, |row, value| {
            each(row, if unsigned { value.cast_unsigned().into() } else { value.into() });
        });
    }
    let values = piece.as_primitive::<Decimal128Type>();
    match values.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => values.values().iter().enumerate().for_each(|(row, value)| each(row, *value)),
        Some(nulls) => nulls.valid_indices().for_each(|row| each(row, values.value(row))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Decimal128Array, Int64Array, StringArray, UInt64Array};
    use arrow::compute::{SortColumn as Sorted, concat, lexsort_to_indices};
    use proptest::prelude::*;
    use std::sync::Arc;

    type Row = (Option<i64>, Option<i128>, u64);

    type SortColumn = (Vec<ArrayRef>, SortOptions);

    fn order(columns: &[SortColumn]) -> Option<Vec<u32>> {
        let rows = columns[0].0.iter().map(|piece| piece.len()).sum();
        let mut packed = Packed::new(rows).unwrap();
        for (pieces, options) in columns {
            if !packed.column(pieces, *options).unwrap() {
                return None;
            }
        }
        while packed.pass() {}
        Some(packed.into_order())
    }

    /// What arrow says, rows that are equal in the order they come in.
    fn expected(columns: &[SortColumn], count: usize) -> Vec<u32> {
        let mut sorted: Vec<Sorted> = columns
            .iter()
            .map(|(pieces, options)| {
                let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
                Sorted { values: concat(&pieces).unwrap(), options: Some(*options) }
            })
            .collect();
        let rows = UInt64Array::from_iter_values(0..count as u64);
        sorted.push(Sorted { values: Arc::new(rows), options: None });
        lexsort_to_indices(&sorted, None).unwrap().values().to_vec()
    }

    proptest! {
        #[test]
        fn rows_are_in_order(
            rows in prop::collection::vec((prop::option::of(-20_i64..20), prop::option::of(0_i128..5), any::<u64>()), 1..5000),
            descending in any::<[bool; 3]>(),
            nulls_first in any::<[bool; 3]>(),
            cut in 0_usize..5000,
        ) {
            let cut = cut.min(rows.len());
            let pieces = |make: &dyn Fn(&[Row]) -> ArrayRef| {
                vec![make(&rows[..cut]), make(&rows[cut..])]
            };
            let options = |place: usize| SortOptions { descending: descending[place], nulls_first: nulls_first[place] };
            let columns = [
                (pieces(&|rows| Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>())), options(0)),
                (pieces(&|rows| Arc::new(rows.iter().map(|row| row.1).collect::<Decimal128Array>())), options(1)),
                (pieces(&|rows| Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.2)))), options(2)),
            ];
            prop_assert_eq!(order(&columns[..2]).unwrap(), expected(&columns[..2], rows.len()));
            // Alone they have room, whatever they are; behind others not.
            prop_assert_eq!(order(&columns[2..]).unwrap(), expected(&columns[2..], rows.len()));
        }
    }

    #[test]
    fn what_needs_more_than_64_bits_is_left() {
        let far: ArrayRef = Arc::new(UInt64Array::from(vec![0, u64::MAX]));
        let wide: ArrayRef = Arc::new(Decimal128Array::from(vec![i128::MIN, i128::MAX]));
        let nulls: ArrayRef = Arc::new(UInt64Array::from(vec![Some(0), Some(u64::MAX), None]));
        let options = SortOptions::default();
        assert_eq!(order(&[(vec![Arc::clone(&far)], options)]), Some(vec![0, 1]));
        assert_eq!(
            order(&[(vec![Arc::clone(&far)], options), (vec![Arc::clone(&far)], options)]),
            None
        );
        assert_eq!(order(&[(vec![wide], options)]), None);
        assert_eq!(order(&[(vec![nulls], options)]), None);
        assert_eq!(order(&[(vec![], options)]), Some(vec![]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        assert!(!packs(text.data_type()));
        assert!(Packed::new(1).unwrap().column(&[text], options).is_err());
    }
}
