//! `system`: the warehouse described the way its operator needs it.
//!
//! Files and partitions come from the table logs, opened when the table is scanned; the rest from the catalog and from
//! memory. `jobs`, `rollups` and `refreshes` have their final columns and no rows until materialized views exist. A user sees
//! their own statements, rights and roles, and of tables what their rights reach; an administrator sees all.
//!
//! Example: `SELECT table_name, sum(size_bytes) FROM system.files GROUP BY table_name`.

mod storage;

use crate::answer::{Answer, Cell, Kind, Shape, int, text};
use crate::error::Result;
use crate::information_schema::{Entry, Listed};
use crate::relations::Relations;
use crate::settings::SETTINGS;
use datafusion::catalog::SchemaProvider;
use futures::FutureExt;
use futures::future::BoxFuture;
use pareto_catalog::{GrantTarget, PrincipalKind};
use std::sync::Arc;

/// The schema's name.
pub(crate) const NAME: &str = "system";

/// Every table of it.
pub(crate) const TABLES: &[Entry] = &[
    Entry { name: "tables", shape: storage::TABLES, make: storage::tables },
    Entry { name: "files", shape: storage::FILES, make: storage::files },
    Entry { name: "partitions", shape: storage::PARTITIONS, make: storage::partitions },
    Entry { name: "queries", shape: QUERIES, make: queries },
    Entry { name: "caches", shape: CACHES, make: caches },
    Entry { name: "settings", shape: SETTINGS_SHAPE, make: settings },
    Entry { name: "segments", shape: SEGMENTS, make: segments },
    Entry { name: "principals", shape: PRINCIPALS, make: principals },
    Entry { name: "jobs", shape: JOBS, make: nothing_in_jobs },
    Entry { name: "rollups", shape: ROLLUPS, make: nothing_in_rollups },
    Entry { name: "refreshes", shape: REFRESHES, make: nothing_in_refreshes },
];

/// The schema, for one statement.
pub(crate) fn schema(relations: &Arc<Relations>) -> Arc<dyn SchemaProvider> {
    Arc::new(Listed { relations: Arc::clone(relations), schema: NAME, entries: TABLES })
}

const QUERIES: Shape = &[
    ("query_id", Kind::Int),
    ("session_id", Kind::Text),
    ("user_name", Kind::Text),
    ("sql", Kind::Text),
    ("state", Kind::Text),
    ("started_at", Kind::Moment),
    ("elapsed_ms", Kind::Int),
    ("rows", Kind::Int),
    ("error", Kind::Text),
];

fn queries(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(QUERIES);
    let rights = relations.rights();
    let shown = |user: &str| rights.everything() || rights.user() == Some(user);
    let entries = relations.engine().queries().entries();
    for entry in entries.into_iter().filter(|entry| shown(&entry.user)) {
        answer.push([
            int(entry.id),
            text(entry.session.to_string()),
            text(entry.user),
            text(entry.sql),
            text(entry.state.name()),
            Cell::Moment(entry.started_at_ms),
            int(entry.elapsed_ms.map_or_else(|| entry.started.elapsed().as_millis(), u128::from)),
            int(entry.rows),
            entry.error.into(),
        ]);
    }
    async move { Ok(answer) }.boxed()
}

/// Counted since the process started; NULL where nobody counts.
const CACHES: Shape = &[
    ("cache_name", Kind::Text),
    ("entries", Kind::Int),
    ("size_bytes", Kind::Int),
    ("limit_bytes", Kind::Int),
    ("hits", Kind::Int),
    ("misses", Kind::Int),
];

fn caches(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(CACHES);
    for (name, cache) in relations.engine().caches() {
        answer.push([
            text(name),
            cache.entries.map_or(Cell::Null, int),
            cache.bytes.map_or(Cell::Null, int),
            int(cache.limit_bytes),
            int(cache.hits),
            int(cache.misses),
        ]);
    }
    async move { Ok(answer) }.boxed()
}

const SETTINGS_SHAPE: Shape = &[
    ("name", Kind::Text),
    ("value", Kind::Text),
    ("default", Kind::Text),
    ("description", Kind::Text),
];

fn settings(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(SETTINGS_SHAPE);
    let (now, base) =
        (relations.template().config_options(), relations.engine().base().config_options());
    for setting in SETTINGS {
        answer.push([
            text(setting.key),
            text(setting.value(now)),
            text(setting.value(base)),
            text(setting.about),
        ]);
    }
    let session = relations.session();
    answer.push([
        text("schema"),
        text(session.schema()),
        text(crate::state::DEFAULT_SCHEMA),
        text("where names without a schema are looked up"),
    ]);
    async move { Ok(answer) }.boxed()
}

const SEGMENTS: Shape = &[
    ("segment_name", Kind::Text),
    ("sql", Kind::Text),
    ("members", Kind::Int),
    ("refreshed_at", Kind::Moment),
];

fn segments(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(SEGMENTS);
    for segment in relations.catalog().segments() {
        answer.push([
            text(segment.name.clone()),
            text(segment.sql.clone()),
            int(segment.members),
            Cell::Moment(segment.refreshed_at_ms),
        ]);
    }
    async move { Ok(answer) }.boxed()
}

const PRINCIPALS: Shape = &[
    ("principal_name", Kind::Text),
    ("kind", Kind::Text),
    ("has_password", Kind::Bool),
    ("granted", Kind::Text),
    ("privilege", Kind::Text),
    ("on_kind", Kind::Text),
    ("on_name", Kind::Text),
];

fn principals(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(PRINCIPALS);
    for principal in relations.catalog().principals() {
        let kind = match principal.kind {
            PrincipalKind::User => "user",
            PrincipalKind::Role => "role",
        };
        let start = [
            text(principal.name.clone()),
            text(kind),
            Cell::Bool(principal.password_hash.is_some()),
        ];
        for role in &principal.roles {
            answer.push(start.iter().cloned().chain([text(role.clone())]));
        }
        for grant in &principal.grants {
            let (on, name) = match &grant.on {
                GrantTarget::Table(name) => ("table", name.to_string()),
                GrantTarget::Schema(name) => ("schema", name.clone()),
                GrantTarget::Segment(name) => ("segment", name.clone()),
            };
            answer.push(start.iter().cloned().chain([
                Cell::Null,
                text(grant.right.name()),
                text(on),
                text(name),
            ]));
        }
        if principal.roles.is_empty() && principal.grants.is_empty() {
            answer.push(start);
        }
    }
    async move { Ok(answer) }.boxed()
}

const JOBS: Shape = &[
    ("job_id", Kind::Int),
    ("kind", Kind::Text),
    ("subject", Kind::Text),
    ("state", Kind::Text),
    ("started_at", Kind::Moment),
    ("finished_at", Kind::Moment),
    ("error", Kind::Text),
];

const ROLLUPS: Shape = &[
    ("rollup_schema", Kind::Text),
    ("rollup_name", Kind::Text),
    ("fact_table", Kind::Text),
    ("sql", Kind::Text),
    ("schedule", Kind::Text),
    ("state", Kind::Text),
    ("fresh_at_version", Kind::Int),
    ("refreshed_at", Kind::Moment),
    ("rows", Kind::Int),
    ("size_bytes", Kind::Int),
];

const REFRESHES: Shape = &[
    ("rollup_schema", Kind::Text),
    ("rollup_name", Kind::Text),
    ("kind", Kind::Text),
    ("state", Kind::Text),
    ("started_at", Kind::Moment),
    ("finished_at", Kind::Moment),
    ("rows", Kind::Int),
    ("error", Kind::Text),
];

fn nothing_in_jobs(_: &Relations) -> BoxFuture<'_, Result<Answer>> {
    async { Ok(Answer::new(JOBS)) }.boxed()
}

fn nothing_in_rollups(_: &Relations) -> BoxFuture<'_, Result<Answer>> {
    async { Ok(Answer::new(ROLLUPS)) }.boxed()
}

fn nothing_in_refreshes(_: &Relations) -> BoxFuture<'_, Result<Answer>> {
    async { Ok(Answer::new(REFRESHES)) }.boxed()
}
