//! The checks of `pareto doctor`: can this store keep a warehouse that many may write to?
//!
//! It writes below `_pareto/doctor` only, and removes what it wrote. The decisive check is a race: sixteen writers
//! create one object at once, and exactly one may win. A store where two win would lose commits.

use crate::store::Location;
use crate::{CatalogError, Result};
use futures::future::join_all;
use object_store::{ObjectStoreExt, PutMode, PutOptions};
use uuid::Uuid;

/// How far this machine's clock may be from the store's.
const CLOCK_SLACK_S: i64 = 60;
/// Writers in the race, and how often it is run.
const RACERS: usize = 16;
const RACES: usize = 4;

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// What was seen, or what is wrong and what to do.
    pub detail: String,
}

/// Runs all checks on a place. `now_s` is this machine's time in seconds since 1970 UTC.
pub async fn examine(place: &Location, now_s: i64) -> Vec<Check> {
    let probe = place.child(&format!("_pareto/doctor/{}", Uuid::new_v4()));
    let mut checks = vec![Check { name: "location", ok: true, detail: place.to_string() }];
    let permissions = check("write, read, list, delete", permissions(&probe).await);
    let reachable = permissions.ok;
    checks.push(permissions);
    if reachable {
        checks.push(check("atomic put-if-absent", race(&probe).await));
        checks.push(check("clock", clock(&probe, now_s).await));
    }
    checks
}

fn check(name: &'static str, outcome: Result<String>) -> Check {
    match outcome {
        Ok(detail) => Check { name, ok: true, detail },
        Err(error) => Check { name, ok: false, detail: error.to_string() },
    }
}

async fn permissions(probe: &Location) -> Result<String> {
    let path = probe.child("permissions").path;
    let doing = |what: &'static str| {
        move |error: object_store::Error| CatalogError::from(error).during(what)
    };
    probe.store.put(&path, "pareto".into()).await.map_err(doing("writing"))?;
    let read = probe
        .store
        .get(&path)
        .await
        .map_err(doing("reading"))?
        .bytes()
        .await
        .map_err(doing("reading"))?;
    if read != "pareto" {
        return Err(CatalogError::internal("the store returns other bytes than were written"));
    }
    let listed =
        probe.store.list_with_delimiter(Some(&probe.path)).await.map_err(doing("listing"))?;
    if listed.objects.len() != 1 {
        return Err(CatalogError::internal(format!(
            "the store lists {} objects where one was written",
            listed.objects.len()
        )));
    }
    probe.store.delete(&path).await.map_err(doing("deleting"))?;
    Ok("allowed".to_owned())
}

async fn race(probe: &Location) -> Result<String> {
    for round in 0..RACES {
        let path = probe.child(&format!("race-{round}")).path;
        let racer = |number: usize| {
            let (store, path) = (&probe.store, &path);
            async move {
                store
                    .put_opts(
                        path,
                        format!("racer {number}").into(),
                        PutOptions::from(PutMode::Create),
                    )
                    .await
            }
        };
        let outcomes = join_all((0..RACERS).map(racer)).await;
        let winners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        probe.store.delete(&path).await?;
        if winners != 1 {
            let failure =
                outcomes.into_iter().find_map(std::result::Result::err).filter(|_| winners == 0);
            return Err(match failure {
                Some(error) => CatalogError::from(error),
                None => CatalogError::internal(format!("{winners} of {RACERS} writers created the same object"))
                    .with_hint("let only one process write to this warehouse, or use a store with conditional put"),
            });
        }
    }
    Ok(format!("one winner among {RACERS} in each of {RACES} races"))
}

async fn clock(probe: &Location, now_s: i64) -> Result<String> {
    let path = probe.child("clock").path;
    probe.store.put(&path, "pareto".into()).await?;
    let written = probe.store.head(&path).await?.last_modified.timestamp();
    probe.store.delete(&path).await?;
    let apart = (written - now_s).abs();
    if apart > CLOCK_SLACK_S {
        return Err(CatalogError::invalid(format!(
            "this machine's clock and the store's are {apart} s apart"
        ))
        .with_hint("set this machine's clock: versions are dated by it"));
    }
    Ok(format!("within {CLOCK_SLACK_S} s of the store's"))
}
