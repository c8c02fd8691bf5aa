//! What a warehouse needs of its store, proven on each kind of store.

use pareto_catalog::Warehouse;

async fn check(url: &str) {
    for check in Warehouse::doctor(url).await.unwrap() {
        assert!(check.ok, "{}: {}", check.name, check.detail);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_can_hold_a_warehouse() {
    let directory = tempfile::tempdir().unwrap();
    check(directory.path().join("warehouse").to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_can_hold_a_warehouse() {
    check("memory://doctor/warehouse").await;
}

#[tokio::test]
async fn a_directory_without_rights_is_said_to_be_so() {
    let directory = tempfile::tempdir().unwrap();
    let blocked = directory.path().join("file");
    std::fs::write(&blocked, "not a directory").unwrap();
    let checks = Warehouse::doctor(blocked.join("warehouse").to_str().unwrap()).await.unwrap();
    let failed: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
    assert!(!failed.is_empty());
    assert!(failed.iter().any(|check| check.detail.contains("file")), "{failed:?}");
}

#[tokio::test]
async fn an_unknown_scheme_is_refused_by_name() {
    let error = Warehouse::open("gopher://place/warehouse").await.unwrap_err();
    assert!(error.message.contains("gopher://"), "{error}");
}
