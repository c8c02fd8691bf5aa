//! What the names in a statement stand for: tables at one version, views, files read in place, and the two schemas
//! that describe the warehouse.
//!
//! A [`Relations`] belongs to one statement and remembers every table it opened, so that each is read at one version
//! however often it is named, also inside views. DataFusion asks it through [`Names`]; nothing is opened before a
//! statement names it. Unknown names are errors that carry the nearest known one. Views expand by planning their SQL,
//! at most [`VIEW_DEPTH`] deep; a view that reaches itself is refused by name.
//!
//! Example: `SELECT * FROM sales VERSION AS OF 3` asks for the relation `sales VERSION AS OF 3`.

pub(crate) mod declared;
pub(crate) mod files;
mod names;

pub(crate) use files::FileSource;
pub(crate) use names::Names;

use crate::context::full;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::question::is_lasting;
use crate::rights::{Behalf, Rights};
use crate::session::Session;
use crate::sql::tree::Tree;
use crate::sql::{self, prepare};
use crate::state::State;
use crate::transaction::Transaction;
use chrono::{DateTime, Utc};
use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use futures::future::BoxFuture;
use pareto_catalog::{
    AsOf, Catalog, Name, Right, Segment, Stamp, Storage, Table, TableVersion, View,
};
use sqlparser::ast::{SelectItem, SetExpr};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use tokio::sync::Mutex;
use uuid::Uuid;

/// Views may stand on views this deep.
const VIEW_DEPTH: usize = 16;
/// The schema that holds the members of segments; it is not listed.
pub(crate) const HIDDEN_SCHEMA: &str = "$segments";
const VERSION_MARK: &str = " VERSION AS OF ";
const TIMESTAMP_MARK: &str = " TIMESTAMP AS OF ";

/// Whether a relation name is one we made up for a place in the statement.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.contains(VERSION_MARK)
        || name.contains(TIMESTAMP_MARK)
        || name.contains("('")
        || name.contains('$')
}

/// The relation name of a table at a version.
pub(crate) fn versioned(table: &str, at: &AsOf) -> String {
    match at {
        AsOf::Latest => table.to_owned(),
        AsOf::Version(version) => format!("{table}{VERSION_MARK}{version}"),
        AsOf::Timestamp(moment) => format!("{table}{TIMESTAMP_MARK}{}", moment.to_rfc3339()),
    }
}

/// Takes the version off a relation name.
pub(crate) fn unversioned(name: &str) -> (&str, AsOf) {
    if let Some((table, version)) = name.rsplit_once(VERSION_MARK)
        && let Ok(version) = version.parse()
    {
        return (table, AsOf::Version(version));
    }
    if let Some((table, moment)) = name.rsplit_once(TIMESTAMP_MARK)
        && let Ok(moment) = DateTime::parse_from_rfc3339(moment)
    {
        return (table, AsOf::Timestamp(moment.with_timezone(&Utc)));
    }
    (name, AsOf::Latest)
}

/// The tables, views and files of one statement.
pub(crate) struct Relations {
    engine: Arc<Engine>,
    session: Arc<Session>,
    /// What the statement's user sees.
    catalog: Arc<Catalog>,
    /// What exists, for the views that stand on what the user does not see. Temporary tables hide nothing from them.
    whole: Arc<Catalog>,
    rights: Rights,
    /// The statement's functions and settings, without names.
    template: State,
    /// Whether the statement reads anything but tables of the warehouse, by functions that always answer the same.
    fleeting: AtomicBool,
    /// Whether rules stand in the statement in place of the name of a segment map.
    holds_map: AtomicBool,
    /// Whose changes the statement sees before they are committed.
    transaction: Option<Arc<Transaction>>,
    /// The tables and views that the statement itself names.
    read: std::sync::Mutex<BTreeSet<Name>>,
    /// By table, not by name: a view reads what a temporary table hides.
    opened: Mutex<HashMap<(Uuid, String), TableVersion>>,
    providers: Mutex<HashMap<(Uuid, String), Arc<dyn TableProvider>>>,
    files: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
    /// Files that views read; the statement cannot name them.
    files_of_views: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl std::fmt::Debug for Relations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relations").field("catalog", &self.catalog.version).finish_non_exhaustive()
    }
}

impl Relations {
    pub(crate) fn new(
        session: Arc<Session>,
        whole: Arc<Catalog>,
        rights: Rights,
        template: State,
    ) -> Self {
        let engine = Arc::clone(session.engine());
        Self {
            catalog: session.with_temporary(engine.visible().of(&whole, &rights)),
            engine,
            session,
            whole,
            rights,
            template,
            fleeting: AtomicBool::new(false),
            holds_map: AtomicBool::new(false),
            transaction: None,
            read: std::sync::Mutex::default(),
            opened: Mutex::default(),
            providers: Mutex::default(),
            files: Mutex::default(),
            files_of_views: Mutex::default(),
        }
    }

    /// The same, as a transaction sees them.
    #[must_use]
    pub(crate) fn within(self, transaction: Option<Arc<Transaction>>) -> Self {
        Self { transaction, ..self }
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Everything that exists for the statement's user.
    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Everything that exists for whoever a name is looked up for.
    pub(crate) fn catalog_of(&self, behalf: Behalf) -> &Arc<Catalog> {
        match behalf {
            Behalf::Caller => &self.catalog,
            Behalf::Definer => &self.whole,
        }
    }

    /// What the statement's user may do.
    pub(crate) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Refuses tables and views that the statement named and its user may not read; `written` ones it only writes.
    pub(crate) fn check_read(&self, written: &BTreeSet<Name>) -> Result<()> {
        for name in self.read().difference(written) {
            self.rights.require(Right::Select, name)?;
        }
        Ok(())
    }

    /// The tables and views that the statement itself names.
    pub(crate) fn read(&self) -> BTreeSet<Name> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the statement itself names a table or view.
    pub(crate) fn note(&self, name: &Name) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
    }

    pub(crate) fn template(&self) -> &State {
        &self.template
    }

    /// The segment of that name.
    pub(crate) fn segment(&self, name: &str, behalf: Behalf) -> Result<&Segment> {
        Ok(self.catalog_of(behalf).segment(name)?)
    }

    /// The table at the version this statement sees.
    pub(crate) fn latest<'a>(&'a self, name: &'a Name) -> BoxFuture<'a, Result<TableVersion>> {
        Box::pin(async move {
            let table = self.catalog.table(name)?;
            self.open(table, AsOf::Latest).await
        })
    }

    /// The same for a table that was looked up before.
    pub(crate) fn newest<'a>(&'a self, table: &'a Table) -> BoxFuture<'a, Result<TableVersion>> {
        self.open(table, AsOf::Latest)
    }

    /// The table at a version, opened once.
    fn open<'a>(&'a self, table: &'a Table, at: AsOf) -> BoxFuture<'a, Result<TableVersion>> {
        Box::pin(async move {
            if let Storage::Files { .. } = table.storage {
                return Err(EngineError::invalid(format!(
                    "\"{}\" is an external table: its files have no versions and are only read",
                    table.name
                ))
                .with_hint(format!(
                    "CREATE TABLE .. AS SELECT * FROM {} makes a table of your own",
                    full(&table.name)
                )));
            }
            let is_foreign = matches!(table.storage, Storage::Delta { managed: false, .. });
            if is_foreign && at != AsOf::Latest {
                // Others may make the table anew, and then its old versions are other ones under the same numbers.
                self.note_fleeting();
            }
            let key = (table.id, versioned("", &at));
            let mut opened = self.opened.lock().await;
            if let Some(version) = opened.get(&key) {
                return Ok(version.clone());
            }
            let pending = match (&self.transaction, &at) {
                (Some(transaction), AsOf::Latest) => transaction.version_of(table)?,
                _ => None,
            };
            let version = match pending {
                Some(version) => version,
                None => self.engine.warehouse().open_table(table, at).await?,
            };
            opened.insert(key, version.clone());
            Ok(version)
        })
    }

    /// The newest versions the statement has read; `None` when its answer depends on more than tables.
    pub(crate) fn versions(&self) -> BoxFuture<'_, Option<Vec<(Table, Stamp)>>> {
        Box::pin(async move {
            if self.fleeting.load(Ordering::Relaxed) {
                return None;
            }
            let newest = versioned("", &AsOf::Latest);
            let opened = self.opened.lock().await;
            let newest = opened.iter().filter(|((_, at), _)| *at == newest);
            Some(newest.map(|(_, open)| (open.table().clone(), open.stamp())).collect())
        })
    }

    /// Notes that the statement's answer depends on more than tables.
    pub(crate) fn note_fleeting(&self) {
        self.fleeting.store(true, Ordering::Relaxed);
    }

    /// Notes that a segment map was read, whose rules stand in the statement in place of its name.
    pub(crate) fn note_map(&self) {
        self.holds_map.store(true, Ordering::Relaxed);
    }

    /// Whether a segment map was read.
    pub(crate) fn holds_map(&self) -> bool {
        self.holds_map.load(Ordering::Relaxed)
    }

    /// Makes files readable under a relation name, until the statement ends.
    pub(crate) fn add_files<'a>(
        &'a self,
        name: String,
        source: &'a FileSource,
        behalf: Behalf,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if behalf == Behalf::Caller && !self.session.has_uploaded(&source.urls) {
                self.rights.require_files()?;
            }
            self.note_fleeting();
            let files = self.files_of(behalf);
            if files.lock().await.contains_key(&name) {
                return Ok(());
            }
            let provider = files::provider(source, self.engine.warehouse(), &self.template).await?;
            files.lock().await.insert(name, provider);
            Ok(())
        })
    }

    /// Makes a scan readable under a name that no table can have, until the statement ends.
    pub(crate) async fn add_provider(&self, name: &str, provider: Arc<dyn TableProvider>) {
        self.note_fleeting();
        self.files.lock().await.insert(name.to_owned(), provider);
    }

    /// Files added under that name.
    async fn files(&self, name: &str, behalf: Behalf) -> Option<Arc<dyn TableProvider>> {
        self.files_of(behalf).lock().await.get(name).cloned()
    }

    fn files_of(&self, behalf: Behalf) -> &Mutex<HashMap<String, Arc<dyn TableProvider>>> {
        match behalf {
            Behalf::Caller => &self.files,
            Behalf::Definer => &self.files_of_views,
        }
    }

    /// The scan of a table.
    fn table<'a>(
        &'a self,
        table: &'a Table,
        at: AsOf,
    ) -> BoxFuture<'a, Result<Arc<dyn TableProvider>>> {
        Box::pin(async move {
            let key = (table.id, versioned("", &at));
            if let Some(provider) = self.providers.lock().await.get(&key) {
                return Ok(Arc::clone(provider));
            }
            let is_newest = at == AsOf::Latest;
            let provider = match &table.storage {
                Storage::Delta { .. } => self.open(table, at).await?.provider().await?,
                Storage::Files { .. } if at != AsOf::Latest => {
                    return Err(self.open(table, at).await.err().unwrap_or_else(|| {
                        EngineError::invalid("external tables have no versions")
                    }));
                }
                Storage::Files { .. } => {
                    self.note_fleeting();
                    files::provider(
                        &FileSource::of(table)?,
                        self.engine.warehouse(),
                        &self.template,
                    )
                    .await?
                }
            };
            let provider = declared::wrapped(table, is_newest, provider, &self.template)?;
            self.providers.lock().await.insert(key, Arc::clone(&provider));
            Ok(provider)
        })
    }

    /// The plan of a view. `path` names the views being expanded, outermost first.
    fn view<'a>(
        self: &'a Arc<Self>,
        view: &'a View,
        path: &'a [Name],
    ) -> BoxFuture<'a, Result<Arc<dyn TableProvider>>> {
        Box::pin(async move {
            if path.contains(&view.name) {
                let names: Vec<String> =
                    path.iter().chain([&view.name]).map(ToString::to_string).collect();
                return Err(EngineError::invalid(format!(
                    "view \"{}\" is defined by itself: {}",
                    view.name,
                    names.join(" -> ")
                )));
            }
            if path.len() >= VIEW_DEPTH {
                return Err(EngineError::invalid(format!(
                    "view \"{}\" stands on more than {VIEW_DEPTH} views",
                    view.name
                )));
            }
            let mut inner = path.to_vec();
            inner.push(view.name.clone());
            let state: State = {
                let mut state = self.template.copy();
                state.config_mut().options_mut().catalog.default_schema = view.name.schema.clone();
                state.register_catalog_list(Arc::new(Names::inside(Arc::clone(self), inner)));
                state.into()
            };
            let expand = async {
                let query = sql::parse_query(&view.sql)?;
                let starred = has_star(&query);
                let plan = prepare::plan(query, self, &state, Behalf::Definer).await?;
                named(plan, view, starred)
            };
            let plan = Box::pin(expand).await.map_err(|error| self.broken(view, error))?;
            if !is_lasting(&plan) {
                self.note_fleeting();
            }
            let table: Arc<dyn TableProvider> =
                Arc::new(ViewTable::new(plan, Some(view.sql.clone())));
            Ok(table)
        })
    }

    /// Why a view cannot be read. What it stands on is named to those alone who see everything.
    fn broken(&self, view: &View, error: EngineError) -> EngineError {
        let message = format!("view \"{}\" cannot be expanded", view.name);
        if !self.rights.everything() {
            return EngineError::new(error.kind, message)
                .with_hint("ask an administrator, who is told why");
        }
        let message = format!("{message}: {}", error.message);
        EngineError { message, position: None, ..error }
    }
}

/// Whether the columns of a query are whatever a table has, in whatever order.
pub(crate) fn has_star(query: &Tree) -> bool {
    let Ok(query) = query.query() else { return false };
    let mut body = query.body.as_ref();
    while let SetExpr::Query(inner) = body {
        body = inner.body.as_ref();
    }
    let SetExpr::Select(select) = body else { return false };
    let is_star = |item: &SelectItem| {
        matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
    };
    select.projection.iter().any(is_star)
}

/// Gives the columns of a view the names it was created with. A query that lists its columns says by their places which is
/// which; `SELECT *` over a table that was replaced may have them in another order, and there they go by name.
fn named(plan: LogicalPlan, view: &View, starred: bool) -> Result<LogicalPlan> {
    let have: Vec<&str> =
        plan.schema().fields().iter().map(|field| field.name().as_str()).collect();
    if have.len() != view.columns.len() {
        // `SELECT *` over a table that has gained a column since.
        return Ok(plan);
    }
    if have.iter().zip(&view.columns).all(|(have, column)| *have == column.name) {
        return Ok(plan);
    }
    let known = |column: &pareto_catalog::Column| have.contains(&column.name.as_str());
    let reordered = starred && view.columns.iter().all(known);
    let mut columns = plan.schema().columns();
    if reordered {
        let place = |column: &Column| view.columns.iter().position(|one| one.name == column.name);
        columns.sort_by_key(place);
    }
    let columns: Vec<_> = columns
        .into_iter()
        .zip(&view.columns)
        .map(|(column, declared)| {
            datafusion::logical_expr::Expr::Column(column).alias(declared.name.clone())
        })
        .collect();
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_travel_in_names() {
        let check = |at: AsOf| {
            let name = versioned("sales", &at);
            assert_eq!(unversioned(&name), ("sales", at));
        };
        check(AsOf::Latest);
        check(AsOf::Version(12));
        check(AsOf::Timestamp(DateTime::from_timestamp_millis(1_700_000_000_123).unwrap()));
        assert_eq!(unversioned("a VERSION AS OF x"), ("a VERSION AS OF x", AsOf::Latest));
    }
}
