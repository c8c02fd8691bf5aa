//! Texts kept as codes: where few values come again and again, a row keeps the number of its value in one or two bytes.
//!
//! Segments, regions, categories, states of an order: a text view takes sixteen bytes a row, its code one. What leaves is
//! the text again. A condition on such a column alone is decided for each value once, whatever it is made of (`=`, `IN`,
//! `LIKE`, a function), and rows are then left out by their codes, before any other column of them is touched.
//!
//! Columns whose values mostly differ, as names and addresses, are kept as they came.
//!
//! Example: `segment IN ('corporate', 'consumer')` over six million rows compares three texts.

use super::narrow::Chosen;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, RecordBatch, StringViewArray,
    UInt8Array, UInt16Array, new_null_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, concat};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Schema, UInt8Type, UInt16Type};
use datafusion::common::{HashMap, Result};
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;

/// The most values that have a code, so that deciding a condition for all of them costs little.
const MOST_VALUES: usize = 1 << 12;

/// A value must be there so many times on average.
const ROWS_PER_VALUE: usize = 16;

/// Values of a column, each once, and the codes of its rows, piece by piece.
pub(super) struct Coded {
    pub(super) values: ArrayRef,
    pub(super) codes: Vec<ArrayRef>,
}

impl Coded {
    /// Gives texts codes; `None` for other kinds, and where too many texts differ.
    pub(super) fn of(pieces: &[ArrayRef], kind: &DataType) -> Result<Option<Self>> {
        if !is_text(kind) {
            return Ok(None);
        }
        let rows: usize = pieces.iter().map(|piece| piece.len()).sum();
        let most = MOST_VALUES.min(rows / ROWS_PER_VALUE);
        let texts: Vec<ArrayRef> = pieces
            .iter()
            .map(|piece| cast(piece, &DataType::Utf8View))
            .collect::<Result<_, _>>()?;
        let mut numbers: HashMap<&str, u16> = HashMap::new();
        let mut values: Vec<&str> = Vec::new();
        let mut codes: Vec<Vec<Option<u16>>> = Vec::with_capacity(texts.len());
        for piece in &texts {
            let mut of_piece = Vec::with_capacity(piece.len());
            for text in piece.as_string_view() {
                let Some(text) = text else {
                    of_piece.push(None);
                    continue;
                };
                let next = u16::try_from(values.len()).unwrap_or(u16::MAX);
                let code = *numbers.entry(text).or_insert(next);
                if code == next {
                    if values.len() == most {
                        return Ok(None);
                    }
                    values.push(text);
                }
                of_piece.push(Some(code));
            }
            codes.push(of_piece);
        }
        let codes = codes.into_iter().map(|codes| narrowed(codes, values.len())).collect();
        let values = cast(&StringViewArray::from_iter_values(values), kind)?;
        Ok(Some(Self { values, codes }))
    }
}

/// Whether values of a kind are texts.
pub(super) fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn narrowed(codes: Vec<Option<u16>>, values: usize) -> ArrayRef {
    if values > 1 << 8 {
        return Arc::new(UInt16Array::from(codes));
    }
    let short = |code: u16| u8::try_from(code).unwrap_or(u8::MAX);
    Arc::new(codes.into_iter().map(|code| code.map(short)).collect::<UInt8Array>())
}

/// For which codes a condition holds, and whether it does for NULL.
#[derive(Debug)]
pub(super) struct Holds {
    codes: Vec<bool>,
    null: bool,
}

impl Holds {
    /// Asks a condition, over a batch with nothing but texts, about each value. `None` when it holds for all of them, or
    /// cannot be told: a value may be one whose rows are left out by another condition.
    pub(super) fn of(condition: &Arc<dyn PhysicalExpr>, values: &ArrayRef) -> Option<Self> {
        let kind = values.data_type();
        let all = concat(&[values, &new_null_array(kind, 1)]).ok()?;
        let count = all.len();
        let schema = Schema::new(vec![Field::new("text", kind.clone(), true)]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![all]).ok()?;
        let told = condition.evaluate(&batch).ok()?.into_array(count).ok()?;
        let told: &BooleanArray = told.as_boolean_opt()?;
        let mut codes: Vec<bool> = told.iter().map(|holds| holds == Some(true)).collect();
        let null = codes.pop()?;
        (!null || codes.contains(&false)).then_some(Self { codes, null })
    }

    /// The rows of a piece for which it holds.
    pub(super) fn rows(&self, codes: &ArrayRef) -> Chosen {
        let rows = if let Some(codes) = codes.as_primitive_opt::<UInt8Type>() {
            self.of_codes(codes)
        } else if let Some(codes) = codes.as_primitive_opt::<UInt16Type>() {
            self.of_codes(codes)
        } else {
            return Chosen::All;
        };
        match rows.count_set_bits() {
            0 => Chosen::None,
            all if all == rows.len() => Chosen::All,
            _ => Chosen::Some(rows),
        }
    }

    fn of_codes<T>(&self, codes: &PrimitiveArray<T>) -> BooleanBuffer
    where
        T: ArrowPrimitiveType,
        T::Native: Into<usize>,
    {
        let values = codes.values();
        let holds = |row: usize| self.codes.get(values[row].into()).copied().unwrap_or(true);
        match codes.nulls() {
            None => BooleanBuffer::collect_bool(codes.len(), holds),
            Some(known) => BooleanBuffer::collect_bool(codes.len(), |row| {
                if known.is_null(row) { self.null } else { holds(row) }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{LargeStringArray, StringArray};
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::{binary, col, is_null, lit};

    const TEXTS: [Option<&str>; 4] =
        [Some("north"), None, Some("a text of more than twelve"), Some("")];

    fn pieces<A: Array + From<Vec<Option<&'static str>>> + 'static>(rows: usize) -> Vec<ArrayRef> {
        let piece = |from: usize| {
            let texts: Vec<_> = (from..from + rows / 2).map(|row| TEXTS[row % 4]).collect();
            Arc::new(A::from(texts)) as ArrayRef
        };
        vec![piece(0), piece(rows / 2)]
    }

    #[test]
    fn few_texts_have_codes_and_come_back() {
        for pieces in [
            pieces::<StringArray>(100),
            pieces::<LargeStringArray>(100),
            pieces::<StringViewArray>(100),
        ] {
            let kind = pieces[0].data_type().clone();
            let coded = Coded::of(&pieces, &kind).unwrap().unwrap();
            assert_eq!((coded.values.len(), coded.values.data_type()), (3, &kind));
            for (codes, piece) in coded.codes.iter().zip(&pieces) {
                assert_eq!(codes.data_type(), &DataType::UInt8);
                assert_eq!(&arrow::compute::take(&coded.values, codes, None).unwrap(), piece);
            }
        }
    }

    #[test]
    fn many_texts_have_two_bytes_and_too_many_none() {
        let texts = |rows: usize, values: usize| {
            let texts = (0..rows).map(|row| (row % values).to_string());
            vec![Arc::new(StringViewArray::from_iter_values(texts)) as ArrayRef]
        };
        let coded = |rows, values| Coded::of(&texts(rows, values), &DataType::Utf8View).unwrap();
        assert_eq!(coded(10_000, 256).unwrap().codes[0].data_type(), &DataType::UInt8);
        assert_eq!(coded(10_000, 257).unwrap().codes[0].data_type(), &DataType::UInt16);
        assert!(coded(1 << 16, MOST_VALUES).is_some());
        assert!(coded((1 << 16) + 16, MOST_VALUES + 1).is_none());
        assert!(coded(100, 7).is_none() && coded(100, 6).is_some());
        let whole: ArrayRef = Arc::new(UInt8Array::from(vec![1; 100]));
        assert!(Coded::of(&[whole], &DataType::UInt8).unwrap().is_none());
    }

    #[test]
    fn a_condition_is_decided_by_code() {
        let pieces = pieces::<StringViewArray>(100);
        let coded = Coded::of(&pieces, &DataType::Utf8View).unwrap().unwrap();
        let schema = Schema::new(vec![Field::new("text", DataType::Utf8View, true)]);
        let text = || col("text", &schema).unwrap();
        let compare = |op, value: &str| {
            let value = datafusion::common::ScalarValue::Utf8View(Some(value.to_owned()));
            binary(text(), op, lit(value), &schema).unwrap()
        };
        let rows = |condition: &Arc<dyn PhysicalExpr>| {
            let holds = Holds::of(condition, &coded.values)?;
            Some(match holds.rows(&coded.codes[0]) {
                Chosen::All => vec![0, 1, 2, 3],
                Chosen::None => vec![],
                Chosen::Some(rows) => rows.slice(0, 4).set_indices().collect::<Vec<_>>(),
            })
        };
        assert_eq!(rows(&compare(Operator::Eq, "north")), Some(vec![0]));
        assert_eq!(rows(&compare(Operator::NotEq, "north")), Some(vec![2, 3]));
        assert_eq!(rows(&compare(Operator::Eq, "south")), Some(vec![]));
        assert_eq!(rows(&is_null(text()).unwrap()), Some(vec![1]));
        assert_eq!(rows(&lit(true)), None, "it holds for all");
        assert_eq!(rows(&text()), None, "it is no condition");
    }
}
