//! On and off agree: every question of the suites, with and without what makes Pareto fast.
//!
//! The stars are a hundredth of their unit, written and loaded as they are for a measurement: as own tables and as views on
//! files. A question is asked with everything on until its columns are kept, then with each switch off alone, then with all
//! of them off. Which switches there are is asked of the session, so that a new one is held to this without a word here.

use super::answers::{Row, difference, sort};
use super::{Query, Star, crm, cube, dashboards, ssb};
use crate::peers::datafusion::cells;
use crate::peers::pareto::making;
use crate::peers::{Data, Layout};
use futures::TryStreamExt;
use pareto_engine::{Engine, EngineOptions, Outcome, Session};
use std::path::Path;
use std::sync::Arc;
use tempfile::tempdir;

const SCALE: f64 = 0.01;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_star_schema_benchmark_agrees() {
    agree(&ssb::STAR, ssb::queries()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_questions_of_analysts_and_their_cubes_agree() {
    let boards = dashboards::QUERIES.iter().map(|sql| Query::new(*sql, *sql).unordered());
    agree(&crm::STAR, [crm::queries(), cube::queries(), boards.collect()].concat()).await;
}

async fn agree(star: &Star, queries: Vec<Query>) {
    let place = tempdir().unwrap();
    let files = place.path().join(star.name);
    std::fs::create_dir(&files).unwrap();
    (star.write)(&files, SCALE).unwrap();
    for layout in [Layout::Own, Layout::Files] {
        let session = loaded(star, layout, place.path()).await;
        session.set("pareto.result_cache", "off").unwrap();
        let on = |(key, value): &(String, String)| key.starts_with("pareto.") && value == "on";
        let switches: Vec<String> =
            session.settings().into_iter().filter(on).map(|(key, _)| key).collect();
        assert!(switches.len() > 10, "{switches:?}");
        let mut rows = 0;
        for query in &queries {
            let first = answer(&session, query).await;
            rows += first.len();
            for turn in ["computed again", "from kept columns"] {
                check(&session, query, &first, turn).await;
            }
            for switch in &switches {
                session.set(switch, "off").unwrap();
                check(&session, query, &first, &format!("without {switch}")).await;
                session.set(switch, "on").unwrap();
            }
            switches.iter().for_each(|switch| session.set(switch, "off").unwrap());
            check(&session, query, &first, "without all of them").await;
            switches.iter().for_each(|switch| session.set(switch, "on").unwrap());
        }
        assert!(rows > 100, "{rows} rows");
    }
}

async fn loaded(star: &Star, layout: Layout, folder: &Path) -> Arc<Session> {
    let warehouse = folder.join(format!("{layout:?}")).display().to_string();
    let threads = Some(2);
    let options = EngineOptions { warehouse, threads, ..EngineOptions::default() };
    let session = Engine::open(options).await.unwrap().session();
    let (name, tables, declaration) = (star.name, star.tables, star.declaration);
    let data = Data { folder, name, tables, declaration, threads: 2 };
    for table in star.tables {
        for statement in making(table, &data, layout) {
            session.execute(&statement).await.unwrap();
        }
    }
    session
}

async fn check(session: &Session, query: &Query, first: &[Row], turn: &str) {
    let differs = difference(&answer(session, query).await, first);
    assert_eq!(differs, None, "{}, {turn}", query.name);
}

async fn answer(session: &Session, query: &Query) -> Vec<Row> {
    let Outcome::Rows(rows) = session.execute(&query.sql).await.unwrap() else {
        panic!("{} gives no rows", query.name);
    };
    let batches: Vec<_> = rows.try_collect().await.unwrap();
    let mut rows = cells(&batches).unwrap();
    if !query.is_ordered {
        sort(&mut rows);
    }
    rows
}
