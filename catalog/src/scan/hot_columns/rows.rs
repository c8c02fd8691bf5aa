//! The rows of a row group in memory, as batches, without most of those that the scan's predicate rules out.
//!
//! Piece by piece, so that values are made wide again while they are in the processor's cache. Where ranges or sets of keys
//! rule out a whole piece nothing of it is read; where they leave few of its rows, those are gathered into full batches;
//! where they leave most, the piece is handed on as it is. Rows keep their order. Whoever pushed the predicate down looks
//! again.
//!
//! Ranges and texts that have codes are decided first, being cheap, then the sets of keys, the one that left least of an earlier piece first, for the
//! rows that are left. A set that left most rows of a piece is not asked for some pieces.

use super::narrow::{Chosen, Column};
use super::ranges::{Among, Conditions, Range};
use super::texts::Holds;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{BatchCoalescer, FilterBuilder, FilterPredicate};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::physical_plan::metrics::Count;
use std::collections::VecDeque;

/// A set of keys that did not pay is not asked for so many pieces.
const REST_PIECES: usize = 16;

/// A set of keys, and what it has been good for.
struct Set {
    among: Among,
    /// The part of the rows it was asked for that it left, in thousandths.
    left: usize,
    /// The piece from which on it is asked again.
    from_piece: usize,
}

/// Batches of one row group.
pub(super) struct Rows {
    columns: Vec<Column>,
    schema: SchemaRef,
    ranges: Vec<Range>,
    /// What is decided by codes, and the place of the column that has them.
    texts: Vec<(usize, Holds)>,
    sets: Vec<Set>,
    batch_size: usize,
    /// The next piece.
    piece: usize,
    gathered: BatchCoalescer,
    ready: VecDeque<RecordBatch>,
    skipped: Count,
}

impl Rows {
    pub(super) fn new(
        columns: Vec<Column>,
        schema: SchemaRef,
        conditions: Conditions,
        batch_size: usize,
        skipped: Count,
    ) -> Self {
        let Conditions { mut ranges, sets, texts } = conditions;
        // Where the keys of a set lie between the ends of a range, the set says all that the range does.
        ranges.retain(|range| {
            let implied = |set: &Among| {
                let (least, most) = set.keys.span();
                set.column == range.column && range.from <= least && most <= range.to
            };
            !sets.iter().any(implied)
        });
        let sets = sets.into_iter().map(|among| Set { among, left: 0, from_piece: 0 }).collect();
        let texts = texts.iter().filter_map(|text| {
            Some((text.column, columns.get(text.column)?.holds(&text.condition)?))
        });
        let texts = texts.collect();
        let gathered = BatchCoalescer::new(SchemaRef::clone(&schema), batch_size);
        let ready = VecDeque::new();
        let piece = 0;
        Self { columns, schema, ranges, texts, sets, batch_size, piece, gathered, ready, skipped }
    }

    fn pieces(&self) -> usize {
        self.columns.first().map_or(0, |column| column.pieces().len())
    }

    /// Takes the next piece in.
    fn advance(&mut self) -> Result<()> {
        let piece = self.piece;
        self.piece += 1;
        let len = self.columns.first().map_or(0, |column| column.pieces()[piece].len());
        let left = match self.choose(piece)? {
            Chosen::All => len,
            Chosen::None => 0,
            Chosen::Some(rows) => {
                let left = rows.count_set_bits();
                if left > 0 && left <= len / 4 * 3 {
                    let rows = BooleanArray::new(rows, None);
                    let filter = FilterBuilder::new(&rows).optimize().build();
                    let batch = self.batch(piece, Some(&filter))?;
                    self.gathered.push_batch(batch)?;
                    self.take_gathered();
                    self.skipped.add(len - left);
                    return Ok(());
                }
                left
            }
        };
        if left == 0 {
            self.skipped.add(len);
            return Ok(());
        }
        self.gathered.finish_buffered_batch()?;
        self.take_gathered();
        let whole = self.batch(piece, None)?;
        for start in (0..len).step_by(self.batch_size) {
            self.ready.push_back(whole.slice(start, self.batch_size.min(len - start)));
        }
        Ok(())
    }

    fn take_gathered(&mut self) {
        while let Some(batch) = self.gathered.next_completed_batch() {
            self.ready.push_back(batch);
        }
    }

    fn choose(&mut self, piece: usize) -> Result<Chosen> {
        let mut chosen: Option<BooleanBuffer> = None;
        let pieces = |column: usize| &self.columns[column].pieces()[piece];
        let within = |range: &Range| pieces(range.column).within(range.from, range.to);
        let holding = |(column, holds): &(usize, Holds)| Ok(pieces(*column).holding(holds));
        for decided in self.ranges.iter().map(within).chain(self.texts.iter().map(holding)) {
            match decided? {
                Chosen::All => {}
                Chosen::None => return Ok(Chosen::None),
                Chosen::Some(rows) => {
                    chosen = Some(chosen.map_or_else(|| rows.clone(), |before| &before & &rows));
                }
            }
        }
        let mut chosen = chosen.map_or(Chosen::All, Chosen::Some);
        self.sets.sort_by_key(|set| set.left);
        for set in self.sets.iter_mut().filter(|set| set.from_piece <= piece) {
            let values = &self.columns[set.among.column].pieces()[piece];
            let before = chosen.count(values.len());
            if before == 0 {
                break;
            }
            chosen = values.among(&set.among.keys, chosen)?;
            set.left = chosen.count(values.len()) * 1000 / before;
            if set.left > 750 {
                set.from_piece = piece + REST_PIECES;
            }
        }
        Ok(chosen)
    }

    fn batch(&self, piece: usize, left: Option<&FilterPredicate>) -> Result<RecordBatch> {
        let columns = self.columns.iter().map(|column| column.rows(piece, left));
        Ok(RecordBatch::try_new(SchemaRef::clone(&self.schema), columns.collect::<Result<_>>()?)?)
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(Ok(batch));
            }
            if self.piece < self.pieces() {
                if let Err(error) = self.advance() {
                    self.piece = self.pieces();
                    return Some(Err(error));
                }
                continue;
            }
            if self.gathered.is_empty() {
                return None;
            }
            if let Err(error) = self.gathered.finish_buffered_batch() {
                return Some(Err(error.into()));
            }
            self.take_gathered();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::key_set::KeySet;
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use datafusion::physical_expr::PhysicalExpr;
    use std::sync::Arc;

    const PIECE: i64 = 100;

    /// Ten pieces: `n` counts from 0, `d` is its last digit, `t` its text.
    fn read(conditions: Conditions, batch_size: usize) -> (Vec<RecordBatch>, usize) {
        let schema = Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, false),
            Field::new("d", DataType::Int64, false),
            Field::new("t", DataType::Utf8, false),
        ]));
        let column = |make: &dyn Fn(i64) -> ArrayRef, kind| {
            Column::new(&(0..10).map(make).collect::<Vec<_>>(), &kind).unwrap()
        };
        let numbers = |piece: i64| piece * PIECE..(piece + 1) * PIECE;
        let whole = |piece| Arc::new(Int64Array::from_iter_values(numbers(piece))) as ArrayRef;
        let digit = |piece| {
            Arc::new(Int64Array::from_iter_values(numbers(piece).map(|n| n % 10))) as ArrayRef
        };
        let text = |piece| {
            Arc::new(StringArray::from_iter_values(numbers(piece).map(|n| n.to_string())))
                as ArrayRef
        };
        let columns = vec![
            column(&whole, DataType::Int64),
            column(&digit, DataType::Int64),
            column(&text, DataType::Utf8),
        ];
        let skipped = Count::new();
        let rows = Rows::new(columns, schema, conditions, batch_size, skipped.clone());
        (rows.collect::<Result<_>>().unwrap(), skipped.value())
    }

    fn within(ranges: Vec<Range>) -> Conditions {
        Conditions { ranges, ..Conditions::default() }
    }

    fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
        let values = |batch: &RecordBatch| {
            let texts = batch.column(2).as_string::<i32>().iter().flatten().map(str::to_owned);
            let values = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
            assert!(texts.eq(values.iter().map(ToString::to_string)), "rows stay together");
            values
        };
        batches.iter().flat_map(values).collect()
    }

    #[test]
    fn without_ranges_everything_comes_in_batches() {
        let (batches, skipped) = read(Conditions::default(), 64);
        assert_eq!(numbers(&batches), (0..1000).collect::<Vec<_>>());
        assert!(batches.iter().all(|batch| batch.num_rows() <= 64));
        assert_eq!(skipped, 0);
    }

    #[test]
    fn few_rows_are_gathered_most_rows_pass_and_the_order_stays() {
        let n = Range { column: 0, from: 150, to: 849 };
        let (batches, skipped) = read(within(vec![n]), 64);
        assert_eq!(numbers(&batches), (150..850).collect::<Vec<_>>());
        assert_eq!(skipped, 300);
        let d = Range { column: 1, from: 3, to: 4 };
        let (batches, skipped) = read(within(vec![n, d]), 64);
        let expected = |n: &i64| (3..=4).contains(&(n % 10));
        assert_eq!(numbers(&batches), (150..850).filter(expected).collect::<Vec<_>>());
        assert_eq!(batches.len(), 3, "140 rows in batches of 64");
        assert_eq!(skipped, 860);
        let most = Range { column: 1, from: 1, to: 9 };
        let (batches, skipped) = read(within(vec![most]), 100);
        assert_eq!((numbers(&batches).len(), skipped), (1000, 0), "most are handed on as they are");
        let (batches, skipped) = read(within(vec![Range { column: 1, from: 10, to: 20 }]), 64);
        assert_eq!((batches.len(), skipped), (0, 1000));
    }

    #[test]
    fn sets_of_keys_leave_the_rows_that_have_one() {
        let among = |column, keys: Vec<i64>| {
            let keys: ArrayRef = Arc::new(Int64Array::from(keys));
            let name: Arc<dyn PhysicalExpr> =
                Arc::new(datafusion::physical_expr::expressions::Column::new("n", 0));
            let set = KeySet::of(name, &keys).unwrap().unwrap();
            Among { column, keys: Arc::clone(set.keys()) }
        };
        let few = among(0, vec![7, 350, 351, 352, 999, 5000]);
        let odd = among(1, vec![1, 3, 5, 7, 9]);
        let all = among(1, (0..10).collect());
        let implied = Range { column: 0, from: 0, to: 9999 };
        let check = |ranges: Vec<Range>, sets: Vec<Among>, expected: &[i64]| {
            let (batches, skipped) = read(Conditions { ranges, sets, texts: Vec::new() }, 64);
            assert_eq!(numbers(&batches), expected);
            assert_eq!(skipped, 1000 - expected.len());
        };
        check(vec![implied], vec![few.clone()], &[7, 350, 351, 352, 999]);
        check(vec![], vec![all.clone(), odd.clone(), few.clone()], &[7, 351, 999]);
        let cut = Range { column: 0, from: 351, to: 360 };
        check(vec![cut], vec![few, odd.clone()], &[351]);
        let (batches, _) = read(Conditions { sets: vec![all], ..Conditions::default() }, 64);
        assert_eq!(numbers(&batches).len(), 1000);
        let odds: Vec<i64> = (0..1000).filter(|n| n % 2 == 1).collect();
        check(vec![], vec![odd], &odds);
    }

    #[test]
    fn texts_that_have_codes_leave_rows_out_whatever_is_said_of_them() {
        use super::super::ranges::OfText;
        use datafusion::logical_expr::Operator;
        use datafusion::physical_expr::expressions::{binary, col, lit};

        let text = Schema::new(vec![Field::new("text", DataType::Utf8, true)]);
        let is = |value: &str| {
            binary(col("text", &text).unwrap(), Operator::Eq, lit(value), &text).unwrap()
        };
        let either = binary(is("3"), Operator::Or, is("7"), &text).unwrap();
        let schema = Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, false),
            Field::new("last", DataType::Utf8, false),
        ]));
        let numbers = |piece: i64| piece * PIECE..(piece + 1) * PIECE;
        let columns = |last: &dyn Fn(i64) -> String| {
            let whole = |piece| Arc::new(Int64Array::from_iter_values(numbers(piece))) as ArrayRef;
            let texts = |piece: i64| {
                Arc::new(StringArray::from_iter_values(numbers(piece).map(last))) as ArrayRef
            };
            let whole = Column::new(&(0..10).map(whole).collect::<Vec<_>>(), &DataType::Int64);
            let texts = Column::new(&(0..10).map(texts).collect::<Vec<_>>(), &DataType::Utf8);
            vec![whole.unwrap(), texts.unwrap()]
        };
        let read = |last: &dyn Fn(i64) -> String| {
            let texts = vec![OfText { column: 1, condition: Arc::clone(&either) }];
            let conditions = Conditions { texts, ..Conditions::default() };
            let skipped = Count::new();
            let rows =
                Rows::new(columns(last), Arc::clone(&schema), conditions, 64, skipped.clone());
            let batches = rows.collect::<Result<Vec<_>>>().unwrap();
            let numbers = |batch: &RecordBatch| {
                let texts = batch.column(1).as_string::<i32>().iter().flatten();
                let numbers = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
                assert!(texts.eq(numbers.iter().map(|n| last(*n))), "rows stay together");
                numbers
            };
            (batches.iter().flat_map(numbers).collect::<Vec<_>>(), skipped.value())
        };
        let threes: Vec<i64> = (0..1000).filter(|n| n % 10 == 3 || n % 10 == 7).collect();
        assert_eq!(read(&|n| (n % 10).to_string()), (threes, 800));
        assert_eq!(read(&|n| format!("of {}", n % 10)), (vec![], 1000));
        let all: Vec<i64> = (0..1000).collect();
        assert_eq!(read(&|n| n.to_string()), (all, 0), "without codes nothing is left out");
    }
}
