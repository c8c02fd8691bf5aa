//! `pareto doctor`.

use super::{dir, pareto};

#[test]
fn a_healthy_directory_passes() {
    let dir = dir();
    assert_eq!(pareto(&dir, &["sql", "-c", "CREATE TABLE t AS SELECT 1 AS a"]).code, 0);
    let ran = pareto(&dir, &["doctor"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.lines().count() >= 2 && ran.out.lines().all(|line| line.starts_with("ok    ")),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("checks passed"), "{}", ran.err);
}

#[test]
fn a_place_that_cannot_be_one_is_named() {
    let dir = dir();
    std::fs::write(dir.path().join("file"), "x").unwrap();
    let ran = pareto(&dir, &["doctor", "--warehouse", "file/inside"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(format!("{}{}", ran.out, ran.err).contains("file/inside"), "{}{}", ran.out, ran.err);
}
