//! A column kept in as few bytes a value as its values need.
//!
//! Keys, quantities and codes of a fact are declared as BIGINT or DECIMAL and need one, two or four bytes. A scan of kept
//! columns is bound by the memory it reads, so fewer bytes are faster, and a condition is decided on them as they are
//! kept. What leaves is the declared type again, made piece by piece while a piece is in the processor's cache.
//!
//! Whole numbers of all widths, dates, times and decimals are narrowed, texts that come again and again have codes
//! ([`texts`](super::texts)); everything else is kept as it came.
//!
//! Example: a BIGINT column of discounts from 0 to 10 is kept as UInt8; `discount BETWEEN 1 AND 3` compares bytes.

use super::super::key_set::Keys;
use super::compare;
use super::texts::{Coded, Holds};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch, make_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, max, min, take};
use arrow::datatypes::{
    DataType, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type,
};
use datafusion::common::Result;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;

/// One column of one row group: its pieces, and the memory that they take together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pieces: Arc<[Piece]>,
    /// What codes stand for, where pieces are codes.
    values: Option<ArrayRef>,
    kind: DataType,
    pub(super) bytes: usize,
}

/// Some thousand rows of a column.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    kept: ArrayRef,
    /// The least and the greatest value, of kinds that are narrowed and pieces that have a value.
    span: Option<(i64, i64)>,
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        self.kept.as_ref() == other.kept.as_ref() && self.span == other.span
    }
}

/// Which rows of a piece may satisfy a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chosen {
    All,
    None,
    Some(BooleanBuffer),
}

impl Chosen {
    /// How many rows, of a piece of so many.
    pub(super) fn count(&self, len: usize) -> usize {
        match self {
            Self::All => len,
            Self::None => 0,
            Self::Some(rows) => rows.count_set_bits(),
        }
    }
}

impl Column {
    /// Keeps pieces of one kind, each in the same width.
    pub(super) fn new(pieces: &[ArrayRef], kind: &DataType) -> Result<Self> {
        if let Some(Coded { values, codes }) = Coded::of(pieces, kind)? {
            let sizes = codes.iter().chain([&values]).map(|array| array.get_array_memory_size());
            let bytes = sizes.sum();
            let pieces = codes.into_iter().map(|kept| Piece { kept, span: None }).collect();
            return Ok(Self { pieces, values: Some(values), kind: kind.clone(), bytes });
        }
        let numbers: Vec<Option<ArrayRef>> =
            pieces.iter().map(|piece| numbers(piece)).collect::<Result<_>>()?;
        let spans: Vec<Option<(i64, i64)>> = numbers.iter().map(span).collect();
        let least = spans.iter().flatten().map(|span| span.0).min();
        let most = spans.iter().flatten().map(|span| span.1).max();
        let width = width(kind, least.unwrap_or(0), most.unwrap_or(0));
        let mut kept = Vec::with_capacity(pieces.len());
        for ((piece, numbers), span) in pieces.iter().zip(numbers).zip(spans) {
            kept.push(match (&width, numbers) {
                (Some(width), Some(numbers)) => Piece { kept: cast(&numbers, width)?, span },
                (None, _) | (_, None) => Piece { kept: Arc::clone(piece), span },
            });
        }
        // Texts of several pieces may lie in one buffer, which counts once.
        let mut counter = RecordBatchMemoryCounter::new();
        for piece in &kept {
            let piece = RecordBatch::try_from_iter([("piece", Arc::clone(&piece.kept))])?;
            counter.count_batch(&piece);
        }
        let bytes = counter.memory_usage();
        Ok(Self { pieces: kept.into(), values: None, kind: kind.clone(), bytes })
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Rows of a piece in the declared type, all of them or those that a filter leaves.
    pub(super) fn rows(
        &self,
        piece: usize,
        left: Option<&arrow::compute::FilterPredicate>,
    ) -> Result<ArrayRef> {
        let kept = &self.pieces[piece].kept;
        let filtered = left.map(|left| left.filter(kept)).transpose()?;
        let kept = filtered.as_ref().unwrap_or(kept);
        match &self.values {
            None => widen(kept, &self.kind),
            Some(values) => Ok(take(values, kept, None)?),
        }
    }

    /// For which codes a condition on this column alone holds; `None` where there are none, or it leaves everything.
    pub(super) fn holds(&self, condition: &Arc<dyn PhysicalExpr>) -> Option<Holds> {
        Holds::of(condition, self.values.as_ref()?)
    }
}

impl Piece {
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The rows from `from` to `to`, both included. NULL is in no range; where all values are, it may be left in.
    pub(super) fn within(&self, from: i64, to: i64) -> Result<Chosen> {
        let Some((least, most)) = self.span else { return Ok(Chosen::All) };
        if to < from || to < least || most < from {
            return Ok(Chosen::None);
        }
        if from <= least && most <= to {
            return Ok(Chosen::All);
        }
        let Some(storage) = storage(self.kept.data_type()) else { return Ok(Chosen::All) };
        let values = as_kind(&self.kept, &storage)?;
        // The bounds lie between the least and the greatest then, so they fit.
        let chosen = compare::within(&values, from.max(least), to.min(most));
        Ok(chosen.map_or(Chosen::All, Chosen::Some))
    }

    /// The rows whose code a condition holds for.
    pub(super) fn holding(&self, holds: &Holds) -> Chosen {
        holds.rows(&self.kept)
    }

    /// The rows among `rows` whose value is one of the keys. NULL is none of them; where nobody can tell, it may be left in.
    pub(super) fn among(&self, keys: &Keys, rows: Chosen) -> Result<Chosen> {
        let Some((least, most)) = self.span else { return Ok(rows) };
        let (first, last) = keys.span();
        if last < least || most < first {
            return Ok(Chosen::None);
        }
        let Some(storage) = storage(self.kept.data_type()) else { return Ok(rows) };
        let values = as_kind(&self.kept, &storage)?;
        let found = match &rows {
            Chosen::None => return Ok(Chosen::None),
            Chosen::All => compare::among(&values, keys, None),
            Chosen::Some(some) => compare::among(&values, keys, Some(some)),
        };
        Ok(found.map_or(rows, Chosen::Some))
    }
}

/// The integers that values of a kind are stored as.
fn storage(kind: &DataType) -> Option<DataType> {
    use DataType as D;
    match kind {
        D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::UInt8 | D::UInt16 | D::UInt32 => {
            Some(kind.clone())
        }
        D::Date32 | D::Time32(_) => Some(D::Int32),
        D::Date64 | D::Time64(_) | D::Timestamp(_, _) | D::Duration(_) => Some(D::Int64),
        _ => None,
    }
}

/// The same bytes under another kind.
fn as_kind(array: &ArrayRef, kind: &DataType) -> Result<ArrayRef> {
    if array.data_type() == kind {
        return Ok(Arc::clone(array));
    }
    Ok(make_array(array.to_data().into_builder().data_type(kind.clone()).build()?))
}

/// The values as 64-bit integers; `None` for kinds that are none, and decimals that do not fit.
pub(in crate::scan) fn numbers(piece: &ArrayRef) -> Result<Option<ArrayRef>> {
    if let Some(decimals) = piece.as_primitive_opt::<Decimal128Type>() {
        let fits = decimals.iter().flatten().all(|value| i64::try_from(value).is_ok());
        #[expect(clippy::cast_possible_truncation, reason = "all of them fit")]
        let narrow = |value: i128| value as i64;
        return Ok(fits.then(|| Arc::new(decimals.unary::<_, Int64Type>(narrow)) as ArrayRef));
    }
    match storage(piece.data_type()) {
        None => Ok(None),
        Some(storage) => Ok(Some(cast(&as_kind(piece, &storage)?, &DataType::Int64)?)),
    }
}

fn span(numbers: &Option<ArrayRef>) -> Option<(i64, i64)> {
    let numbers = numbers.as_ref()?.as_primitive::<Int64Type>();
    Some((min(numbers)?, max(numbers)?))
}

/// The narrowest integers that hold the values, when they are narrower than the kind.
fn width(kind: &DataType, least: i64, most: i64) -> Option<DataType> {
    use DataType as D;
    let within = |from: i64, to: i64| from <= least && most <= to;
    let (width, bytes) = if within(0, u8::MAX.into()) {
        (D::UInt8, 1)
    } else if within(i8::MIN.into(), i8::MAX.into()) {
        (D::Int8, 1)
    } else if within(0, u16::MAX.into()) {
        (D::UInt16, 2)
    } else if within(i16::MIN.into(), i16::MAX.into()) {
        (D::Int16, 2)
    } else if within(0, u32::MAX.into()) {
        (D::UInt32, 4)
    } else if within(i32::MIN.into(), i32::MAX.into()) {
        (D::Int32, 4)
    } else {
        (D::Int64, 8)
    };
    (bytes < kind.primitive_width()?).then_some(width)
}

/// Narrow integers in the declared kind.
fn widen(kept: &ArrayRef, kind: &DataType) -> Result<ArrayRef> {
    if kept.data_type() == kind {
        return Ok(Arc::clone(kept));
    }
    if let DataType::Decimal128(precision, scale) = kind {
        let decimals = match from_any::<Decimal128Type>(kept) {
            Some(decimals) => decimals,
            None => return Ok(cast(kept, kind)?),
        };
        return Ok(Arc::new(decimals.with_precision_and_scale(*precision, *scale)?));
    }
    let Some(storage) = storage(kind) else { return Ok(Arc::clone(kept)) };
    let wide: Option<ArrayRef> = match storage {
        DataType::Int32 => from_short::<Int32Type>(kept).map(|wide| Arc::new(wide) as _),
        DataType::Int64 => from_any::<Int64Type>(kept).map(|wide| Arc::new(wide) as _),
        _ => None,
    };
    as_kind(&wide.map_or_else(|| cast(kept, &storage), Ok)?, kind)
}

/// One and two bytes as wider integers. Nothing can fail, so this is faster than a cast, which looks for what does.
fn from_short<T>(kept: &ArrayRef) -> Option<PrimitiveArray<T>>
where
    T: ArrowPrimitiveType,
    T::Native: From<u8> + From<i8> + From<u16> + From<i16>,
{
    match kept.data_type() {
        DataType::UInt8 => from::<UInt8Type, T>(kept),
        DataType::Int8 => from::<Int8Type, T>(kept),
        DataType::UInt16 => from::<UInt16Type, T>(kept),
        DataType::Int16 => from::<Int16Type, T>(kept),
        _ => None,
    }
}

/// The same of all widths.
fn from_any<T>(kept: &ArrayRef) -> Option<PrimitiveArray<T>>
where
    T: ArrowPrimitiveType,
    T::Native: From<u8> + From<i8> + From<u16> + From<i16> + From<u32> + From<i32> + From<i64>,
{
    match kept.data_type() {
        DataType::UInt32 => from::<UInt32Type, T>(kept),
        DataType::Int32 => from::<Int32Type, T>(kept),
        DataType::Int64 => from::<Int64Type, T>(kept),
        _ => from_short(kept),
    }
}

fn from<S, T>(kept: &ArrayRef) -> Option<PrimitiveArray<T>>
where
    S: ArrowPrimitiveType,
    T: ArrowPrimitiveType,
    T::Native: From<S::Native>,
{
    Some(kept.as_primitive_opt::<S>()?.unary(T::Native::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BooleanArray, Date32Array, Decimal128Array, Int16Array, Int64Array, StringArray,
        TimestampSecondArray, UInt32Array, UInt64Array,
    };
    use arrow::compute::FilterBuilder;

    fn round_trip(pieces: &[ArrayRef], kept: &DataType) {
        let kind = pieces[0].data_type().clone();
        let column = Column::new(pieces, &kind).unwrap();
        for (place, piece) in pieces.iter().enumerate() {
            assert_eq!(column.pieces()[place].kept.data_type(), kept);
            assert_eq!(&column.rows(place, None).unwrap(), piece);
            let odd: BooleanArray = (0..piece.len()).map(|row| Some(row % 2 == 1)).collect();
            let left = FilterBuilder::new(&odd).build();
            let expected = arrow::compute::filter(piece, &odd).unwrap();
            assert_eq!(&column.rows(place, Some(&left)).unwrap(), &expected);
        }
    }

    #[test]
    fn values_come_back_as_they_were() {
        let whole = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
        round_trip(&[whole(vec![Some(0), None, Some(255)])], &DataType::UInt8);
        round_trip(&[whole(vec![Some(0)]), whole(vec![Some(256), None])], &DataType::UInt16);
        round_trip(&[whole(vec![Some(-1), Some(127)])], &DataType::Int8);
        round_trip(&[whole(vec![Some(-1), Some(128)])], &DataType::Int16);
        round_trip(&[whole(vec![Some(19_980_101)])], &DataType::UInt32);
        round_trip(&[whole(vec![Some(-1), Some(1 << 31)])], &DataType::Int64);
        round_trip(&[whole(vec![Some(i64::MIN), Some(i64::MAX)])], &DataType::Int64);
        round_trip(&[whole(vec![None, None])], &DataType::UInt8);
        round_trip(&[Arc::new(Int16Array::from(vec![1, 300]))], &DataType::Int16);
        round_trip(&[Arc::new(Int16Array::from(vec![Some(1), None, Some(200)]))], &DataType::UInt8);
        round_trip(&[Arc::new(UInt32Array::from(vec![1, 300]))], &DataType::UInt16);
        round_trip(&[Arc::new(Date32Array::from(vec![Some(20_000), None]))], &DataType::UInt16);
        round_trip(&[Arc::new(TimestampSecondArray::from(vec![1 << 31]))], &DataType::UInt32);
        round_trip(&[Arc::new(UInt64Array::from(vec![1]))], &DataType::UInt64);
        round_trip(&[Arc::new(StringArray::from(vec!["a"]))], &DataType::Utf8);
        let money = |values: Vec<Option<i128>>| {
            let money = Decimal128Array::from(values).with_precision_and_scale(38, 2).unwrap();
            Arc::new(money) as ArrayRef
        };
        round_trip(&[money(vec![Some(1250), None, Some(-1)])], &DataType::Int16);
        round_trip(&[money(vec![Some(1 << 40)])], &DataType::Int64);
        let huge = money(vec![Some(i128::MAX / 10)]);
        round_trip(std::slice::from_ref(&huge), huge.data_type());
    }

    #[test]
    fn a_range_chooses_what_comparing_each_value_does() {
        let values = [Some(-3), None, Some(0), Some(7), Some(200), Some(7)];
        let kinds = [
            DataType::Int64,
            DataType::Int32,
            DataType::Date32,
            DataType::Decimal128(9, 2),
            DataType::Int16,
        ];
        for kind in kinds {
            let numbers = Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
            let array = match kind {
                DataType::Date32 => cast(&cast(&numbers, &DataType::Int32).unwrap(), &kind),
                DataType::Decimal128(..) => Ok(widen(&numbers, &kind).unwrap()),
                _ => cast(&numbers, &kind),
            };
            let column = Column::new(&[array.unwrap()], &kind).unwrap();
            for from in [i64::MIN, -3, -2, 0, 7, 8, 200, 201] {
                for to in [-4, -3, 0, 6, 7, 199, 200, i64::MAX] {
                    let chosen = column.pieces()[0].within(from, to).unwrap();
                    for (row, value) in values.iter().enumerate() {
                        let is_in = value.is_some_and(|value| from <= value && value <= to);
                        let kept = match &chosen {
                            Chosen::All => true,
                            Chosen::None => false,
                            Chosen::Some(rows) => rows.value(row),
                        };
                        assert!(kept || !is_in, "{kind} {from} {to} loses {value:?}");
                        let exact = matches!(chosen, Chosen::Some(_)) || value.is_some();
                        assert!(!exact || kept == is_in, "{kind} {from} {to} keeps {value:?}");
                    }
                }
            }
        }
    }
}
