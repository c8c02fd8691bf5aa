//! The answer depends on the customers and on nothing else: not on how rows are split into
//! partitions and batches, nor on their order; not even in the last bit.
//!
//! Random columns with NULL, NaN, infinities, zeros of both signs, decimals of 38 digits and many
//! ties go through every kind of function, once as a single batch and once shuffled and split. An
//! infinite value, or a total too large, must be the same error both times.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch};
use proptest::prelude::*;

use crate::testing::{execution_error, planning_error, rows_over};

const WINDOWS: &str = "SELECT id, rfm_score(v, 4) OVER (), rfm_score(v, 3, side => 'mid') OVER (PARTITION BY \
    g), rfm_score(v, 3, ties => 'split', key => id) OVER (), decile(m, 5) OVER () FROM t ORDER BY id";

const MONEY: &str = "SELECT id, decile(m, k => 3, side => 'high') OVER (), value_decile(v, 4) OVER (), \
    value_decile(m, ties => 'split', key => id) OVER (PARTITION BY g), cum_share(v) OVER (), abc_class(m) \
    OVER (), value_tier(v, ARRAY[0.1, 0.3, 0.6], ties => 'split', key => id) OVER () FROM t ORDER BY id";

const SUMMARIES: &str = "SELECT g, pareto_share(v, 0.3), gini(v, neg => 'zero'), gini(m, neg => 'allow'), \
    pareto_share(m), lorenz(v, points => 7, neg => 'allow'), pareto_customers(m), rfm_breaks(v, 3) FROM t \
    GROUP BY GROUPING SETS ((g), ()) ORDER BY g NULLS LAST";

const HISTORIES: &str = "SELECT g, id, rfm_state(d, m, DATE '1970-02-20'), rfm_state(d, v, DATE '1970-02-20', unit => \
    'month', collapse => 'week', include_first => true), rfm_state(CAST(d AS TIMESTAMP), m, TIMESTAMP \
    '1970-02-20T12:00:00', on_negative => 'drop') FILTER (WHERE id % 7 > 0) FROM t GROUP BY GROUPING SETS ((g), (id), \
    ()) ORDER BY g NULLS LAST, id NULLS LAST";

const HISTORY: &str = "SELECT rfm_state(d, v, DATE '1970-02-20', collapse => 'month'), rfm_state(d, id, DATE \
    '1970-02-20', unit => 'day') FROM t";

const LIMITS: &str = "SELECT g, rfm_state(d, w, DATE '1970-02-20') FROM t GROUP BY g ORDER BY g";

const REFUSED: &str = "SELECT g, rfm_state(d, m, DATE '1970-02-20', on_negative => 'reject') FROM t GROUP BY g ORDER \
    BY g";

const PLACES: &str = "SELECT id, value_decile_flag(v) OVER (), value_decile_flag(w) OVER (PARTITION BY g), \
    freq_value_matrix(id % 4, v) OVER (), freq_value_matrix(id, m, a_breaks => ARRAY[0.1, 2]) OVER (PARTITION BY g), \
    lifecycle_stage(d, DATE '1970-03-01', id % 6, DATE '1970-04-01', cadence => 20, previous => d) FROM t ORDER BY id";

const MIGRATION: &str = "SELECT id % 2, segment_migration(id / 4, id % 4, g, v), segment_migration(id, g, m, m), \
    segment_migration(id / 3, d, g) FILTER (WHERE id % 3 = 1) FROM t GROUP BY id % 2 ORDER BY id % 2";

const TWICE: &str = "SELECT segment_migration(id / 4, id % 3, g, v) FROM t";

const LARGE: &str = "SELECT id % 3, segment_migration(id / 4, id % 4, 'a', w) FROM t GROUP BY id % 3 ORDER BY id % 3";

const STATEMENTS: [&str; 12] = [
    WINDOWS, MONEY, SUMMARIES, HISTORIES, HISTORY, LIMITS, REFUSED, PLACES, MIGRATION, TWICE,
    LARGE, ATTRITION,
];

/// One customer: group, spend as float, spend in cents, day, spend of up to 38 digits.
type Customer = (i64, Option<f64>, Option<i64>, Option<i32>, Option<i128>);

/// The largest decimal of 38 digits.
const LARGEST: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;
const ATTRITION: &str = "SELECT g, churn_rate(v > 1, m > 100), retention_rate(v > 1, m > 100), nrr(v, m), grr(v, v * 2), \
    nrr(m, v), grr(m, m - 100), clv_historic(v, m, d, DATE '2024-01-20'), clv_historic(m, 7, d, DATE \
    '2024-01-20'), clv_historic(v, v / 3, d, DATE '2024-01-20', discount => 0.1), next_purchase(d, DATE \
    '2024-01-20') FROM (SELECT g, v, m, DATE '2024-01-01' + (abs(m) % 30)::INT AS d FROM t) GROUP BY GROUPING \
    SETS ((g), ()) ORDER BY g NULLS LAST";

fn customers() -> impl Strategy<Value = Vec<Customer>> {
    let float = prop_oneof![
        20 => (-3_i32..40).prop_map(|v| Some(f64::from(v) / 7.0)),
        3 => Just(None),
        2 => Just(Some(f64::NAN)),
        2 => Just(Some(-0.0)),
        1 => any::<i32>().prop_map(|v| Some(f64::from(v) * 1e9)),
    ];
    let cents = prop_oneof![9 => (-50_i64..500).prop_map(Some), 1 => Just(None)];
    let day = prop_oneof![12 => (0_i32..60).prop_map(Some), 1 => Just(None)];
    let wide = prop_oneof![
        8 => (-9_i128..99).prop_map(Some),
        1 => Just(None),
        1 => Just(Some(LARGEST)),
        1 => Just(Some(-LARGEST)),
    ];
    let all = prop::collection::vec((0_i64..3, float, cents, day, wide), 1..40);
    (all, 0..8).prop_map(|(mut all, equal)| {
        if equal == 0 {
            let first = all[0];
            all.fill(first);
        }
        all
    })
}

fn batch(customers: &[(i64, Customer)]) -> RecordBatch {
    let ids: Int64Array = customers.iter().map(|(id, _)| Some(*id)).collect();
    let groups: Int64Array = customers.iter().map(|(_, c)| Some(c.0)).collect();
    let floats: Float64Array = customers.iter().map(|(_, c)| c.1).collect();
    let cents: Decimal128Array = customers.iter().map(|(_, c)| c.2.map(i128::from)).collect();
    let cents = cents.with_precision_and_scale(12, 2).unwrap();
    let days: Date32Array = customers.iter().map(|(_, c)| c.3).collect();
    let wide: Decimal128Array = customers.iter().map(|(_, c)| c.4).collect();
    let wide = wide.with_precision_and_scale(38, 2).unwrap();
    let columns: [(&str, ArrayRef); 6] = [
        ("id", Arc::new(ids)),
        ("g", Arc::new(groups)),
        ("v", Arc::new(floats)),
        ("m", Arc::new(cents)),
        ("d", Arc::new(days)),
        ("w", Arc::new(wide)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

/// The same answer, or the same error, in one piece and in many.
fn check(customers: Vec<Customer>, shuffle: u64, partitions: usize, batch_size: usize) {
    let numbered: Vec<(i64, Customer)> = (1..).zip(customers).collect();
    let whole = batch(&numbered);
    let mut shuffled = numbered;
    shuffled.sort_by_key(|(id, _)| id.unsigned_abs().wrapping_mul(shuffle | 1).rotate_left(29));
    let mut parts = vec![vec![batch(&[])]; partitions];
    for (place, piece) in shuffled.chunks(batch_size).enumerate() {
        parts[place % partitions].push(batch(piece));
    }
    for sql in STATEMENTS {
        let once = rows_over(vec![vec![whole.clone()]], 8_192, sql);
        let split = rows_over(parts.clone(), batch_size, sql);
        assert_eq!(once, split, "{sql}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn answers_do_not_depend_on_the_split(
        customers in customers(),
        shuffle in any::<u64>(),
        partitions in 1_usize..5,
        batch_size in 1_usize..9,
    ) {
        check(customers, shuffle, partitions, batch_size);
    }

    #[test]
    fn answers_do_not_depend_on_the_size_of_a_batch(customers in customers(), shuffle in any::<u64>()) {
        for batch_size in [1, 7, 8_192] {
            check(customers.clone(), shuffle, 3, batch_size);
        }
    }

    #[test]
    fn an_infinite_value_is_an_error_wherever_it_stands(
        customers in customers(),
        place in any::<prop::sample::Index>(),
        negative in any::<bool>(),
    ) {
        let mut customers = customers;
        let infinite = if negative { f64::NEG_INFINITY } else { f64::INFINITY };
        let place = place.index(customers.len());
        customers[place].1 = Some(infinite);
        check(customers, 7, 3, 2);
    }
}

#[test]
fn nobody_at_all_is_no_error() {
    for sql in STATEMENTS {
        let rows = rows_over(vec![vec![batch(&[])]], 8_192, sql).unwrap();
        assert!(rows.len() <= 1, "{sql}: {rows:?}");
    }
}

#[test]
fn wrong_constants_are_planning_errors_of_one_line() {
    let message =
        planning_error("SELECT rfm_score(v, 5, dir => 'dsc') OVER () FROM (VALUES (1)) AS t(v)");
    assert_eq!(
        message,
        "Error during planning: rfm_score: dir must be one of 'asc', 'desc', not 'dsc' (did you mean \
         'asc'?)"
    );
    let message = planning_error("SELECT pareto_share(v, shar => 0.5) FROM (VALUES (1)) AS t(v)");
    assert!(message.contains("pareto_share has no argument shar"), "{message}");
    let message = planning_error("SELECT rfm_score_breaks(1, ARRAY[1]) OVER ()");
    assert!(message.contains("does not take OVER"), "{message}");
}

#[test]
fn wrong_data_is_an_execution_error_that_names_the_column() {
    let message = execution_error("SELECT gini(spend) FROM (VALUES ('-inf'::DOUBLE)) AS t(spend)");
    assert!(message.contains("spend holds -infinity"), "{message}");
}

#[test]
fn calls_are_found_inside_every_kind_of_statement() {
    for sql in [
        "EXPLAIN SELECT rfm_score(v, 5, dir => 'desc') OVER () FROM (VALUES (1)) AS t(v)",
        "CREATE VIEW w AS SELECT rfm_score(v, 5, dir => 'desc') OVER () AS s FROM (VALUES (1)) AS t(v)",
        "SELECT * FROM (WITH c AS (SELECT gini(v, neg => 'zero') AS g FROM (VALUES (1)) AS t(v)) SELECT * FROM \
         c WHERE g = (SELECT gini(v, neg => 'allow') FROM (VALUES (1)) AS t(v)))",
    ] {
        crate::testing::rows(sql);
    }
}
