//! On and off agree: random stars, random questions, each answered by plain DataFusion and with the rules.
//!
//! The stars have what goes wrong in practice: keys that are NULL, missing or there twice, empty tables, several batches
//! and partitions. A third of the facts are sorted, so that their rows come in runs; half of those lie in Parquet files,
//! one for each part of their days, whose bounds answer conditions. The questions join some dimensions (inner, left,
//! semi, anti), filter, group (not at all, plainly, by CUBE, ROLLUP or GROUPING SETS with one set twice), aggregate and
//! filter again. Every other session soon stops adding up rows that hardly share groups. Amounts are multiples of a
//! quarter, so that sums of floats are exact in any order.

use super::install;
use crate::settings::ParetoOptions;
use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    fn small(&mut self, bound: u64) -> i64 {
        self.below(bound).cast_signed()
    }

    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn maybe(&mut self, value: i64) -> Option<i64> {
        (!self.once_in(9)).then_some(value)
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn some_of<'a>(&mut self, all: &[&'a str], most: usize) -> Vec<&'a str> {
        let mut some: Vec<&str> = all.iter().copied().filter(|_| self.once_in(2)).collect();
        some.truncate(most);
        some
    }
}

fn integers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(
        values
            .iter()
            .map(|value| value.map(|value| i32::try_from(value).unwrap()))
            .collect::<Int32Array>(),
    )
}

fn longs(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<Int64Array>())
}

fn dates(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(
        values
            .iter()
            .map(|value| value.map(|value| i32::try_from(value).unwrap()))
            .collect::<Date32Array>(),
    )
}

fn texts(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(
        values.iter().map(|value| value.map(|value| format!("t{value}"))).collect::<StringArray>(),
    )
}

fn quarters(values: &[Option<i64>]) -> ArrayRef {
    let quarter = |value: i64| f64::from(i32::try_from(value).unwrap()) / 4.0;
    Arc::new(values.iter().map(|value| value.map(quarter)).collect::<Float64Array>())
}

fn cents(values: &[Option<i64>]) -> ArrayRef {
    let cents: Decimal128Array = values.iter().map(|value| value.map(i128::from)).collect();
    Arc::new(cents.with_precision_and_scale(12, 2).unwrap())
}

type Make = fn(&[Option<i64>]) -> ArrayRef;
type Column = (&'static str, Make, Vec<Option<i64>>);

/// A table in batches and partitions of any size.
fn table(dice: &mut Dice, columns: &[Column]) -> MemTable {
    let arrays = columns.iter().map(|(name, make, values)| (*name, make(values), true));
    let whole = RecordBatch::try_from_iter_with_nullable(arrays).unwrap();
    let count = usize::try_from(1 + dice.below(3)).unwrap();
    let mut partitions = vec![Vec::new(); count];
    let (mut start, mut place) = (0, 0);
    while start < whole.num_rows() {
        let length = usize::try_from(1 + dice.below(40)).unwrap().min(whole.num_rows() - start);
        partitions[place % count].push(whole.slice(start, length));
        start += length;
        place += 1;
    }
    MemTable::try_new(whole.schema(), partitions).unwrap()
}

/// Keys from 0 on, some of them twice now and then, some NULL.
fn keys(dice: &mut Dice, rows: u64, step: i64) -> Vec<Option<i64>> {
    let repeats = dice.once_in(6);
    let mut keys: Vec<Option<i64>> = (0..rows.cast_signed()).map(|key| Some(key * step)).collect();
    if repeats && rows > 1 {
        keys[0] = keys[1];
    }
    if dice.once_in(3) {
        keys.push(None);
    }
    keys
}

fn values(dice: &mut Dice, rows: usize, bound: u64) -> Vec<Option<i64>> {
    (0..rows)
        .map(|_| {
            let value = dice.small(bound);
            dice.maybe(value)
        })
        .collect()
}

/// A fact, four dimensions, and a table that these refer to by their `b`.
fn star(dice: &mut Dice, sorted: bool) -> Vec<(&'static str, MemTable)> {
    let most = if sorted { 3000 } else { 300 };
    let rows = if dice.once_in(8) { 0 } else { usize::try_from(dice.below(most)).unwrap() };
    let sizes: Vec<u64> =
        (0..4).map(|_| if dice.once_in(10) { 0 } else { dice.below(25) }).collect();
    // Now and then the keys of the second dimension lie too far apart for an array.
    let far = if dice.once_in(2) { 1 << 33 } else { 1 };
    let mut fact: Vec<Column> = vec![
        ("k1", integers, values(dice, rows, sizes[0] + 3)),
        (
            "k2",
            longs,
            values(dice, rows, sizes[1] + 3).iter().map(|key| key.map(|key| key * far)).collect(),
        ),
        ("k3", texts, values(dice, rows, sizes[2] + 3)),
        ("k4", dates, values(dice, rows, sizes[3] + 3)),
        ("tag", texts, values(dice, rows, 4)),
        ("amount", integers, values(dice, rows, 1000)),
        ("price", cents, values(dice, rows, 100_000)),
        ("weight", quarters, values(dice, rows, 400)),
    ];
    if dice.once_in(4) {
        fact[5].2.iter_mut().for_each(|value| *value = value.or(Some(1)));
    }
    if sorted {
        // By the first key, and by days, of which none is NULL.
        fact[0].2.sort_unstable();
        let days = &mut fact[3].2;
        days.iter_mut().for_each(|value| *value = value.or(Some(2)));
        days.sort_unstable();
    }
    let mut tables = vec![("fact", table(dice, &fact))];
    let dimensions: [(&str, Make, i64); 4] =
        [("d1", integers, 1), ("d2", longs, far), ("d3", texts, 1), ("d4", dates, 1)];
    for ((name, make, step), size) in dimensions.into_iter().zip(sizes) {
        let keys = keys(dice, size, step);
        let count = keys.len();
        let columns: Vec<Column> = vec![
            ("k", make, keys),
            ("a", texts, values(dice, count, 3)),
            ("b", integers, values(dice, count, 5)),
        ];
        tables.push((name, table(dice, &columns)));
    }
    let size = dice.below(6);
    let keys = keys(dice, size, 1);
    let count = keys.len();
    let beyond: Vec<Column> = vec![
        ("k", integers, keys),
        ("a", texts, values(dice, count, 3)),
        ("b", integers, values(dice, count, 5)),
    ];
    tables.push(("beyond", table(dice, &beyond)));
    tables
}

const AGGREGATES: &[&str] = &[
    "count(*)",
    "sum(amount)",
    "sum(price)",
    "avg(weight)",
    "min(price)",
    "max(tag)",
    "count(DISTINCT amount)",
    "count(DISTINCT k2)",
    "count(DISTINCT k4) FILTER (WHERE amount > 100)",
    "sum(amount) FILTER (WHERE weight > 30)",
    "avg(price)",
    "stddev(weight)",
    "sum(amount * 2 - 1)",
    "bit_xor(amount)",
    "median(amount)",
    "approx_distinct(tag)",
    "bool_or(weight > 50)",
];

/// A question about the star.
fn question(dice: &mut Dice) -> String {
    let mut from = "fact".to_owned();
    let (mut groups, mut conditions) = (
        vec!["tag".to_owned(), "amount % 3".to_owned(), "date_trunc('month', k4)".to_owned()],
        Vec::new(),
    );
    let mut measures: Vec<String> =
        dice.some_of(AGGREGATES, 4).into_iter().map(str::to_owned).collect();
    for place in 1..=4 {
        if dice.once_in(3) {
            continue;
        }
        let (d, k) = (format!("d{place}"), format!("k{place}"));
        if dice.once_in(5) {
            let not = if dice.once_in(2) { "NOT " } else { "" };
            conditions.push(format!(
                "{not}EXISTS (SELECT 1 FROM {d} WHERE {d}.k = fact.{k} AND {d}.b < 4)"
            ));
            continue;
        }
        let kind = dice.one_of(&["JOIN", "JOIN", "JOIN", "LEFT JOIN"]);
        let _ = match dice.below(5) {
            0 => write!(from, " {kind} (SELECT * FROM {d} WHERE b > 1) AS {d} ON fact.{k} = {d}.k"),
            1 => write!(from, " {kind} {d} ON {d}.k = fact.{k} AND {d}.b < 4"),
            _ => write!(from, " {kind} {d} ON {d}.k = fact.{k}"),
        };
        groups.extend([format!("{d}.a"), format!("{d}.b"), format!("coalesce({d}.a, 'none')")]);
        if dice.once_in(4) {
            let kind = dice.one_of(&["JOIN", "JOIN", "LEFT JOIN"]);
            let _ = write!(from, " {kind} beyond AS o{place} ON o{place}.k = {d}.b");
            groups.push(format!("o{place}.a"));
            if dice.once_in(2) {
                conditions.push(format!("o{place}.b < 3"));
            }
        }
        if dice.once_in(8) {
            conditions.push(format!("{d}.b IN (SELECT k FROM beyond WHERE b > 1)"));
        }
        if dice.once_in(3) {
            conditions.push(format!("{d}.b <> 2"));
        }
        if dice.once_in(4) {
            measures.push(format!("sum({d}.b * amount)"));
        }
        if dice.once_in(6) {
            conditions.push(format!("({d}.a = tag OR amount > 100)"));
        }
    }
    if dice.once_in(3) {
        conditions.push("amount < 700".to_owned());
    }
    let days = ["k4 >= DATE '1970-01-06'", "k4 < DATE '1970-01-11'", "k4 IS NOT NULL", "k1 >= 3"];
    conditions.extend(dice.some_of(&days, 2).into_iter().map(str::to_owned));
    if measures.is_empty() {
        measures.push("count(*)".to_owned());
    }
    select(dice, &from, &groups, &conditions, measures)
}

/// Groups the joined rows somehow.
fn select(
    dice: &mut Dice,
    from: &str,
    groups: &[String],
    conditions: &[String],
    mut measures: Vec<String>,
) -> String {
    let condition = if conditions.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", conditions.join(" AND "))
    };
    if dice.once_in(5) {
        // Rows as they are joined.
        let columns = groups.iter().enumerate().map(|(place, expr)| format!("{expr} AS c{place}"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        return format!("SELECT {columns}, price FROM {from}{condition}");
    }
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    let grouped = dice.some_of(&names, 3);
    let (columns, mut clause) = (grouped.join(", "), String::new());
    if !grouped.is_empty() {
        clause = match dice.below(6) {
            0 => format!(" GROUP BY CUBE ({columns})"),
            1 => format!(" GROUP BY ROLLUP ({columns})"),
            2 => format!(
                " GROUP BY GROUPING SETS (({columns}), ({}), (), ({}))",
                grouped[0], grouped[0]
            ),
            3 => format!(
                " GROUP BY GROUPING SETS (({}), ({}))",
                grouped[0],
                grouped[grouped.len() - 1]
            ),
            _ => format!(" GROUP BY {columns}"),
        };
        if clause.contains("CUBE") || clause.contains("SETS ((") {
            measures.push(format!("grouping({})", grouped[0]));
        }
    }
    if dice.once_in(4) {
        clause.push_str(" HAVING count(*) > 2");
    }
    let shown: Vec<String> =
        grouped.iter().map(|group| (*group).to_owned()).chain(measures).collect();
    let shown: Vec<String> =
        shown.iter().enumerate().map(|(place, expr)| format!("{expr} AS c{place}")).collect();
    format!("SELECT {} FROM {from}{condition}{clause}", shown.join(", "))
}

/// A question whose answer is read twice.
fn beside_itself(dice: &mut Dice, question: &str) -> String {
    let reads = dice.one_of(&[
        "SELECT * FROM q UNION ALL SELECT * FROM q",
        "SELECT one.*, other.rows FROM q AS one CROSS JOIN (SELECT count(*) AS rows FROM q) AS other",
        "SELECT one.*, other.c0 FROM q AS one JOIN q AS other ON one.c0 = other.c0",
        "SELECT c0, count(*) OVER (PARTITION BY c0) FROM q UNION ALL SELECT c0, count(*) OVER () FROM q",
        "SELECT * FROM q WHERE c0 >= (SELECT min(c0) FROM q) ORDER BY 1 LIMIT 1000000",
    ]);
    format!("WITH q AS ({question}) {reads}")
}

/// A session over the tables, with the rules or without.
fn session(dice: (usize, usize), on: bool, memory: Option<usize>) -> SessionContext {
    let (partitions, batch_size) = dice;
    let mut config =
        SessionConfig::new().with_target_partitions(partitions).with_batch_size(batch_size);
    let options = ParetoOptions {
        star_aggregate: on,
        grouping_cascade: on,
        distinct_bitmaps: on,
        packed_sorts: on,
        subplan_sharing: on,
        order_elimination: on,
        exchange_elimination: on,
        star_join_order: on,
        neighbour_windows: on,
        day_lookup: on,
        group_numbering: on,
        filter_elimination: on,
        ..Default::default()
    };
    config.options_mut().extensions.insert(options);
    let mut builder = SessionStateBuilder::new().with_default_features().with_config(config);
    if let Some(memory) = memory {
        let runtime =
            RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(memory)));
        builder = builder.with_runtime_env(Arc::new(runtime.build().unwrap()));
    }
    SessionContext::new_with_state(install(builder).build())
}

/// The rows, sorted, or the message.
async fn answer(context: &SessionContext, sql: &str) -> Result<Vec<String>, String> {
    let answer = async { context.sql(sql).await?.collect().await };
    let batches = answer.await.map_err(|error| error.strip_backtrace())?;
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> =
                columns.iter().map(|column| rounded(&column.value(row).to_string())).collect();
            rows.push(cells.join(" "));
        }
    }
    rows.sort();
    Ok(rows)
}

/// Deviations are sums of squares, whose last digits depend on the order of rows.
fn rounded(cell: &str) -> String {
    match cell.parse::<f64>() {
        Ok(number) if cell.contains('.') => format!("{number:.6}"),
        _ => cell.to_owned(),
    }
}

async fn plan(context: &SessionContext, sql: &str) -> String {
    let lines = answer(context, &format!("EXPLAIN {sql}")).await;
    lines.unwrap_or_else(|error| vec![error]).join("\n")
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

fn register(context: &SessionContext, tables: &[(&'static str, Arc<MemTable>)]) {
    for (name, table) in tables {
        context.register_table(*name, Arc::clone(table) as _).unwrap();
    }
}

/// Puts the fact into Parquet files by its days, each sorted by them, and reads it from there.
async fn file(contexts: [&SessionContext; 2], folder: &Path) {
    for (part, days) in ["k4 < 4", "k4 BETWEEN 4 AND 8", "k4 > 8"].iter().enumerate() {
        let days = days.replace("k4", "CAST(k4 AS INT)");
        let file = folder.join(format!("{part}.parquet")).display().to_string();
        let rows = format!("SELECT * FROM fact WHERE {days} ORDER BY k4, k1 NULLS FIRST");
        let copy = format!("COPY ({rows}) TO '{file}' STORED AS PARQUET");
        answer(contexts[0], &copy).await.unwrap();
    }
    for context in contexts {
        context.deregister_table("fact").unwrap();
        let folder = folder.display().to_string();
        context.register_parquet("fact", folder, ParquetReadOptions::default()).await.unwrap();
    }
}

/// Makes partial aggregates give up adding up early.
async fn lose_patience(contexts: [&SessionContext; 2]) {
    for context in contexts {
        for (setting, value) in [("rows", "10"), ("ratio", "0.3")] {
            let key =
                format!("datafusion.execution.skip_partial_aggregation_probe_{setting}_threshold");
            answer(context, &format!("SET {key} = {value}")).await.unwrap();
        }
    }
}

/// Whether a star gave rows as they are.
async fn passes_rows(context: &SessionContext, sql: &str) -> bool {
    let plan = answer(context, &format!("EXPLAIN ANALYZE {sql}")).await.unwrap_or_default();
    let passes = |line: &str| {
        line.contains("StarAggregateExec") && !line.contains("skipped_aggregation_rows=0")
    };
    plan.join("\n").lines().any(passes)
}

/// Whether the bounds of files answered what is asked of a day.
fn is_answered_by_files(sql: &str, plan: &str) -> bool {
    let is_asked = |line: &str| line.contains("FilterExec") && line.contains("k4@");
    plan.contains(".parquet") && sql.contains("k4 >= DATE") && !plan.lines().any(is_asked)
}

#[test]
fn answers_do_not_depend_on_the_rules() {
    let (mut answered, mut stars, mut cascades, mut shared) = (0, 0, 0, 0);
    let (mut ordered, mut snowflakes, mut filed, mut unasked) = (0, 0, 0, 0);
    let (mut passed, mut counted) = (0, 0);
    for seed in 0..300 {
        let dice = &mut Dice(seed);
        let sorted = dice.once_in(3);
        let tables: Vec<_> =
            star(dice, sorted).into_iter().map(|(name, table)| (name, Arc::new(table))).collect();
        let partitions = usize::try_from(1 + dice.below(3)).unwrap();
        let batch_size = if dice.once_in(2) { 7 } else { 8192 };
        let (off, on) = (
            session((partitions, batch_size), false, None),
            session((partitions, batch_size), true, None),
        );
        register(&off, &tables);
        register(&on, &tables);
        let folder = tempfile::tempdir().unwrap();
        wait(async {
            if sorted && dice.once_in(2) {
                file([&off, &on], folder.path()).await;
            }
            let impatient = seed % 2 == 1;
            if impatient {
                lose_patience([&off, &on]).await;
            }
            for _ in 0..3 {
                let mut sql = question(dice);
                if dice.once_in(4) {
                    sql = beside_itself(dice, &sql);
                }
                let (plain, ours) = (answer(&off, &sql).await, answer(&on, &sql).await);
                let plan = plan(&on, &sql).await;
                assert_eq!(plain, ours, "seed {seed}: {sql}\n{plan}");
                answered += usize::from(plain.is_ok());
                stars += usize::from(plan.contains("StarAggregateExec"));
                cascades += usize::from(plan.contains("GroupingCascadeExec"));
                shared += usize::from(plan.contains("SharedSubplanExec"));
                ordered += usize::from(plan.contains("StarJoinOrderExec"));
                let is_snowflake =
                    plan.contains("StarAggregateExec") && sql.contains(" beyond AS ");
                snowflakes += usize::from(is_snowflake);
                let is_filed = plan.contains("StarAggregateExec") && plan.contains(".parquet");
                filed += usize::from(is_filed);
                unasked += usize::from(is_answered_by_files(&sql, &plan));
                counted += usize::from(plan.contains("count_distinct("));
                passed += usize::from(impatient && passes_rows(&on, &sql).await);
            }
        });
    }
    // Most questions join and many cube; should the rules stop applying, this says so.
    let enough = answered > 500 && stars > 200 && cascades > 60 && shared > 20;
    assert!(enough, "{answered} answered, {stars} stars, {cascades} cascades, {shared} shared");
    assert!(ordered > 20 && snowflakes > 20, "{ordered} ordered, {snowflakes} snowflakes");
    assert!(filed > 20 && unasked > 5, "{filed} from files, {unasked} answered by them");
    assert!(passed > 20 && counted > 40, "{passed} gave rows as they are, {counted} counted");
}

#[test]
fn little_memory_changes_no_answer() {
    let rows = 200_000;
    let many = |bound: i64| (0..rows).map(|row| Some(row * 7919 % bound)).collect::<Vec<_>>();
    let fact: Vec<Column> =
        vec![("k", integers, many(5000)), ("g", longs, many(150_000)), ("v", integers, many(100))];
    let keys: Vec<Option<i64>> = (0..5000).map(Some).collect();
    let dimension: Vec<Column> = vec![("k", integers, keys.clone()), ("a", integers, keys)];
    let dice = &mut Dice(1);
    let tables =
        vec![("fact", Arc::new(table(dice, &fact))), ("d", Arc::new(table(dice, &dimension)))];
    for sql in [
        "SELECT g, count(*), sum(v) FROM fact JOIN d ON fact.k = d.k GROUP BY g",
        "SELECT g, a, sum(v) FROM fact JOIN d ON fact.k = d.k GROUP BY ROLLUP (g, a)",
    ] {
        let (off, on) = (session((2, 8192), false, None), session((2, 8192), true, Some(24 << 20)));
        register(&off, &tables);
        register(&on, &tables);
        let (plain, ours) = wait(async { (answer(&off, sql).await, answer(&on, sql).await) });
        assert!(
            plain == ours,
            "{sql}: {:?} {:?}",
            plain.map(|rows| rows.len()),
            ours.map(|rows| rows.len())
        );
    }
}

#[test]
fn plans_show_the_star_and_the_cascade() {
    let dice = &mut Dice(5);
    let tables: Vec<_> =
        star(dice, false).into_iter().map(|(name, table)| (name, Arc::new(table))).collect();
    let on = session((1, 8192), true, None);
    register(&on, &tables);
    let sql =
        "SELECT d1.a, tag, sum(amount) FROM fact JOIN d1 ON k1 = d1.k GROUP BY ROLLUP (d1.a, tag)";
    let plan = wait(plan(&on, sql));
    assert!(
        plan.contains("GroupingCascadeExec: sets=[(a, tag), (a), ()], read=[(a, tag)]"),
        "{plan}"
    );
    assert!(
        plan.contains("StarAggregateExec: gby=[a, tag], aggr=[sum(fact.amount)], join k1@0 = k@0"),
        "{plan}"
    );
}

#[test]
fn the_fact_is_pruned_by_the_keys_of_a_dimension() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fact.parquet").display().to_string();
    let on = session((2, 8192), true, None);
    let rows = "SELECT value AS k, value % 7 AS v FROM generate_series(0, 99999)";
    let plan = wait(async {
        let copy = format!(
            "COPY ({rows}) TO '{file}' STORED AS PARQUET OPTIONS ('format.max_row_group_size' '10000')"
        );
        answer(&on, &copy).await.unwrap();
        on.register_parquet("fact", &file, ParquetReadOptions::default()).await.unwrap();
        answer(&on, "CREATE TABLE d AS SELECT value AS k, value % 3 AS a FROM generate_series(51000, 51999)")
            .await
            .unwrap();
        let sql = "SELECT a, sum(v), count(*) FROM fact JOIN d ON fact.k = d.k GROUP BY a";
        // Added up in Python.
        let expected = ["0 1000 334", "1 1001 333", "2 998 333"];
        assert_eq!(answer(&on, sql).await.unwrap(), expected);
        answer(&on, &format!("EXPLAIN ANALYZE {sql}")).await.unwrap().join("\n")
    });
    // One row group of ten.
    assert!(plan.contains("StarAggregateExec") && plan.contains("fact_rows=10"), "{plan}");
}
