//! The published fits of CDNOW and the predictions that follow from them, through SQL.
//!
//! The data are the customers of the published sample, by history (testdata/golden/cdnow_sample.py).

use crate::testing::{execution_error, rows};

const HISTORIES: &str = include_str!("../../../testdata/golden/cdnow_sample_histories.csv");
const SPEND: &str = include_str!("../../../testdata/golden/cdnow_sample_spend.csv");

/// The lines of a file as the rows of a VALUES list.
fn values(file: &str) -> String {
    let rows: Vec<String> = file.lines().skip(1).map(|line| format!("({line})")).collect();
    rows.join(", ")
}

/// The sample and its fits as tables to select from.
fn fitted(select: &str) -> Vec<String> {
    rows(&format!(
        "WITH h AS (SELECT x, tx / 7.0 AS tx, t / 7.0 AS t, w FROM (VALUES {}) AS v(x, tx, t, w)), \
         s AS (SELECT x, cents / 100.0 / x AS m, w FROM (VALUES {}) AS v(x, cents, w)), \
         bg AS (SELECT bgnbd_fit(x, tx, t, w) AS m FROM h), mbg AS (SELECT mbgnbd_fit(x, tx, t, w) AS m FROM \
         h), gg AS (SELECT gammagamma_fit(x, m, w) AS m FROM s) {select}",
        values(HISTORIES),
        values(SPEND)
    ))
}

/// Numbers of a list, each within its last printed digit.
fn check(model: &str, params: &[f64], ll: f64, tolerance: f64) {
    let line = fitted(&format!("SELECT m['params'], m['ll'], m['status'], m['n'] FROM {model}"));
    let line = line[0].replace(['[', ']', ','], "");
    let words: Vec<&str> = line.split(' ').collect();
    for (word, expected) in words.iter().zip(params.iter().chain([&ll])) {
        let found: f64 = word.parse().unwrap();
        assert!(
            (found - expected).abs() <= tolerance,
            "{model}: {found} is not {expected}: {line}"
        );
    }
    assert_eq!(words[params.len() + 1], "ok", "{line}");
}

#[test]
fn bgnbd_is_the_published_fit() {
    check("bg", &[0.242_594_53, 4.413_602_18, 0.792_921_87, 2.425_906_23], -9_582.429_207, 6e-7);
}

#[test]
fn mbgnbd_is_the_reference_fit() {
    check("mbg", &[0.524_843_13, 6.183_085_19, 0.891_359_32, 1.614_002_22], -9_582.135_716, 6e-7);
}

#[test]
fn gammagamma_is_the_published_fit() {
    check("gg", &[6.249_572, 3.744_225, 15.443_521], -4_055.917_695, 6e-6);
}

#[test]
fn predictions_are_those_of_the_literature() {
    // BTYD prints 0.9688523 for the second, from the parameters its own search stops at.
    let answers = fitted(
        "SELECT round(expected_purchases(bg.m, 39, 2, 30.43, 38.86), 3), round(p_alive(bg.m, 26, 30.857, 31), \
         5), round(expected_purchases(bg.m, 52, 26, 30.857, 31), 3), round(expected_purchases(bg.m, 52), 4), \
         p_alive(bg.m, 0, 0, 38) FROM bg",
    );
    assert_eq!(answers, ["1.226 0.96885 25.757 1.444 1.0"]);
    let spend = rows(
        "SELECT round(expected_spend(named_struct('model', 'gammagamma', 'params', [6.25, 3.74, 15.44]), x, \
         m), 2) FROM (VALUES (1, 2, 22.35), (2, 1, 11.77), (3, 0, 0.0)) AS t(id, x, m) ORDER BY id",
    );
    assert_eq!(spend, ["24.66", "18.92", "35.22"]);
}

#[test]
fn the_frequency_paradox() {
    let answers = fitted(
        "SELECT expected_purchases(bg.m, 52, x, 20, 39) FROM bg CROSS JOIN (VALUES (10), (15), (20), (25)) AS \
         t(x) ORDER BY x",
    );
    for (answer, expected) in
        answers.iter().zip([0.347_460_6, 0.042_833_91, 0.004_158_973, 0.000_358_368_5])
    {
        let answer: f64 = answer.parse().unwrap();
        assert!((answer / expected - 1.0).abs() < 2e-4, "{answer} {expected}");
    }
}

#[test]
fn too_little_to_fit_is_a_status() {
    assert_eq!(
        rows(
            "SELECT m['status'], m['params'], m['ll'] FROM (SELECT bgnbd_fit(0, 0, 10) AS m FROM generate_series(1, 99))"
        ),
        ["insufficient NULL NULL"]
    );
    assert_eq!(
        rows(
            "SELECT p_alive(m, 1, 2, 3), m['n_null'] FROM (SELECT bgnbd_fit(x, tx, 9) AS m FROM (VALUES (1, 2), \
             (NULL, 1)) AS t(x, tx))"
        ),
        ["NULL 1"]
    );
}

#[test]
fn what_is_no_history_is_named_with_its_number() {
    let message = execution_error("SELECT bgnbd_fit(x, 5, 4) FROM (VALUES (1), (2)) AS t(x)");
    assert_eq!(
        message,
        "Execution error: bgnbd_fit: x = 1, t_x = 5, t = 4 is no purchase history: t_x lies between 0 and t (2 \
         such histories)"
    );
}
