//! `pareto demo`, small.

use super::{dir, pareto};

#[test]
fn makes_prints_and_is_reused() {
    let dir = dir();
    let first = pareto(&dir, &["demo", "--customers", "500", "--exit"]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.starts_with("1. The customer pyramid"), "{}", first.out);
    for title in [
        "80/20",
        "Money deciles",
        "Purchase deciles",
        "RFM scores",
        "RFM segments",
        "A cube of",
        "Monthly active",
        "CDNOW",
    ] {
        assert!(first.out.contains(title), "{title}");
    }
    assert!(first.err.contains("made the warehouse"), "{}", first.err);
    assert!(!dir.path().join("pareto-demo/_staging").exists());

    let second = pareto(&dir, &["demo", "--customers", "500", "--exit"]);
    assert_eq!(second.code, 0, "{}", second.err);
    assert!(second.err.contains("reusing the warehouse"), "{}", second.err);
    assert_eq!(first.out, second.out);

    let ran = pareto(
        &dir,
        &[
            "sql",
            "--warehouse",
            "pareto-demo",
            "-c",
            "SELECT count(*) AS n, sum(amount) AS s FROM cdnow",
        ],
    );
    assert_eq!((ran.code, ran.out.as_str()), (0, "n,s\n69659,2500315.63\n"), "{}", ran.err);
    let ran = pareto(
        &dir,
        &["sql", "--warehouse", "pareto-demo", "-c", "SELECT count(*) AS n FROM sales"],
    );
    assert_eq!(ran.out, "n\n25000\n");
}

#[test]
fn the_directory_of_somebody_else_is_left_alone() {
    let dir = dir();
    std::fs::create_dir(dir.path().join("mine")).unwrap();
    std::fs::write(dir.path().join("mine/letter.txt"), "dear").unwrap();
    let ran = pareto(&dir, &["demo", "--dir", "mine", "--exit"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    assert!(ran.err.contains("mine is not empty"), "{}", ran.err);
}
