//! Every format, from the program.

use std::fs::File;

use arrow::ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::{check, dir, program};

const SQL: &str = "SELECT * FROM (VALUES (1, CAST(1.50 AS DECIMAL(10, 2)), 'a,b'), (2, NULL, '')) AS t (id, amount, note) ORDER BY id";

#[test]
fn text_formats() {
    let check = |format: &str, expected: &str| {
        check(&["sql", "--format", format, "-c", SQL], 0, expected, "")
    };
    check("csv", "id,amount,note\n1,1.50,\"a,b\"\n2,,\"\"\n");
    check(
        "json",
        "[{\"id\":1,\"amount\":1.50,\"note\":\"a,b\"},\n{\"id\":2,\"amount\":null,\"note\":\"\"}]\n",
    );
    check(
        "ndjson",
        "{\"id\":1,\"amount\":1.50,\"note\":\"a,b\"}\n{\"id\":2,\"amount\":null,\"note\":\"\"}\n",
    );
    check(
        "markdown",
        "| id | amount | note |\n|---:|---:|---|\n| 1 | 1.50 | a,b |\n| 2 | NULL |  |\n",
    );
    check(
        "table",
        " id | amount | note \n----+--------+------\n  1 |   1.50 | a,b  \n  2 |   NULL |      \n(2 rows)\n",
    );
}

#[test]
fn an_empty_result_keeps_its_columns() {
    let sql = "SELECT 1 AS a WHERE false";
    check(&["sql", "-c", sql], 0, "a\n", "");
    check(&["sql", "-c", sql, "--format", "json"], 0, "[]\n", "");
    check(&["sql", "-c", sql, "--format", "table"], 0, " a \n---\n(0 rows)\n", "");
}

#[test]
fn binary_formats_to_a_file() {
    let dir = dir();
    let write = |format: &str| {
        let path = dir.path().join(format);
        let mut command = program(dir.path(), &["sql", "--format", format, "-c", SQL]);
        assert!(command.stdout(File::create(&path).unwrap()).status().unwrap().success());
        File::open(path).unwrap()
    };
    let parquet: Vec<_> = ParquetRecordBatchReader::try_new(write("parquet"), 1024)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let arrow: Vec<_> =
        StreamReader::try_new(write("arrow"), None).unwrap().map(Result::unwrap).collect();
    let count = |batches: &[arrow::array::RecordBatch]| {
        batches.iter().map(|batch| batch.num_rows()).sum::<usize>()
    };
    assert_eq!((count(&parquet), count(&arrow)), (2, 2));
    assert_eq!(parquet[0].schema().field(1).name(), "amount");
}

#[test]
fn a_second_parquet_result_is_refused() {
    let ran = super::pareto(
        &dir(),
        &["sql", "--format", "parquet", "-c", "SELECT 1 AS a; SELECT 2 AS a"],
    );
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("holds one result"), "{}", ran.err);
}
