//! CDNOW: every purchase that 23,570 real customers made at an online music shop.
//!
//! The customers all bought for the first time in the first quarter of 1997 and were watched until
//! the end of June 1998. The data are the ones that Fader and Hardie published ("Forecasting
//! Repeat Sales at CDNOW: A Case Study", Interfaces 31, 2001; the file `CDNOW_master.txt`), and
//! that every later model of customer value was checked with, so the right answers are in print.
//!
//! The file is one Parquet file made by `testdata/cdnow.py` and never edited: 69,659 rows in the
//! order of the original, `customer_id INT, sold_on DATE, quantity INT, amount DECIMAL(10,2)`.
//! Rows that look like duplicates are purchases made twice on one day; rows with amount 0.00 are
//! gifts. Both belong to the data and stay.
//!
//! Worth knowing by heart: the amounts sum to 2,500,315.63.

/// The Parquet file, as it stands in the source tree.
#[must_use]
pub fn parquet() -> &'static [u8] {
    include_bytes!("../cdnow.parquet")
}

/// The `CREATE TABLE` statement the file fits.
///
/// A purchase has no number of its own in the original, so the table declares no key.
#[must_use]
pub fn ddl() -> &'static str {
    "CREATE TABLE cdnow (
    customer_id INT NOT NULL,
    sold_on DATE NOT NULL,
    quantity INT NOT NULL,
    amount DECIMAL(10, 2) NOT NULL
) ORDER BY (customer_id, sold_on)"
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray, RecordBatch};
    use arrow::datatypes::{Decimal128Type, Int32Type};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use std::collections::HashSet;

    #[test]
    fn the_file_holds_the_published_purchases() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cdnow.parquet");
        std::fs::write(&path, super::parquet()).unwrap();
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
        let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();

        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let ids: HashSet<i32> = batches
            .iter()
            .flat_map(|b| b.column(0).as_primitive::<Int32Type>().values().to_vec())
            .collect();
        let cents: i128 = batches
            .iter()
            .flat_map(|b| b.column(3).as_primitive::<Decimal128Type>().values().to_vec())
            .sum();
        assert_eq!((rows, ids.len(), cents), (69_659, 23_570, 250_031_563));
        assert!(batches.iter().all(|b| b.columns().iter().all(|c| c.null_count() == 0)));
    }
}
