//! What every metastore must do, as one suite: call [`all`] with two handles on the same empty place.
//!
//! It proves that versions are dense, that a lost race changes nothing and says so, that readers see whole versions,
//! and that contending writers lose no change. It never depends on the kind of store.

use super::Metastore;
use crate::{Catalog, CatalogErrorKind, Change, Entry, EntryKey, Result, Schema};
use std::sync::Arc;

fn put(name: &str) -> Change {
    Change::Put(Entry::Schema(Schema { name: name.to_owned(), comment: None }))
}

fn names(catalog: &Catalog) -> Vec<String> {
    catalog.schemas().map(|schema| schema.name.clone()).collect()
}

/// Runs the whole suite on an empty place seen through two handles.
///
/// # Errors
/// The first thing that does not hold, by name.
pub async fn all(one: &dyn Metastore, two: &dyn Metastore, rounds: u32) -> Result<()> {
    starts_empty_and_counts_versions(one).await?;
    a_lost_race_changes_nothing(one, two).await?;
    writers_lose_no_change(one, two, rounds).await
}

fn check(holds: bool, what: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(crate::CatalogError::internal(format!("the metastore breaks its contract: {what}")))
    }
}

async fn starts_empty_and_counts_versions(store: &dyn Metastore) -> Result<()> {
    let empty = store.load().await?;
    check(
        empty.version == 0 && empty.entries().count() == 0,
        "a new place holds version 0, empty",
    )?;
    let first = store.commit(&empty, &[put("a"), put("b")]).await?;
    check(
        first.version == 1 && names(&first) == ["a", "b"],
        "a commit makes version 1 with its changes",
    )?;
    let second = store.commit(&first, &[Change::Drop(EntryKey::Schema("a".to_owned()))]).await?;
    check(second.version == 2 && names(&second) == ["b"], "a drop removes")?;
    check(*store.load().await? == *second, "a load sees the newest version")
}

async fn a_lost_race_changes_nothing(one: &dyn Metastore, two: &dyn Metastore) -> Result<()> {
    let base = one.load().await?;
    check(*two.load().await? == *base, "another handle sees the same version")?;
    let winner = one.commit(&base, &[put("won")]).await?;
    let loser = two.commit(&base, &[put("lost")]).await;
    check(
        matches!(&loser, Err(error) if error.kind == CatalogErrorKind::Conflict),
        "the second writer gets Conflict",
    )?;
    check(*two.load().await? == *winner, "the loser's change is nowhere")
}

async fn writers_lose_no_change(
    one: &dyn Metastore,
    two: &dyn Metastore,
    rounds: u32,
) -> Result<()> {
    let before = one.load().await?;
    let (a, b) =
        futures::future::join(contend(one, "one", rounds), contend(two, "two", rounds)).await;
    a?;
    b?;
    let after = one.load().await?;
    check(after.version == before.version + 2 * u64::from(rounds), "versions are dense")?;
    check(
        after.schemas().count() == before.schemas().count() + 2 * rounds as usize,
        "no change is lost",
    )
}

async fn contend(store: &dyn Metastore, who: &str, rounds: u32) -> Result<()> {
    for round in 0..rounds {
        loop {
            let base: Arc<Catalog> = store.load().await?;
            match store.commit(&base, &[put(&format!("{who}{round}"))]).await {
                Ok(_) => break,
                Err(error) if error.kind == CatalogErrorKind::Conflict => {
                    tokio::task::yield_now().await
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
