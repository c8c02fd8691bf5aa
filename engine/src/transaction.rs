//! A transaction: several statements whose changes become visible to others at once, or never.
//!
//! Each table has a log of its own, so what can be promised is one table: a transaction reads all of them and changes one.
//! A statement that would change a second one is refused by name, and what was done before it stays pending.
//!
//! * Its own changes are seen by its statements alone. Tables it has not changed are read at their newest version, each
//!   statement anew (READ COMMITTED); the one it changes stays at the version it was at when it was first changed.
//! * `COMMIT` makes one version of all of it, if its user still may: what was revoked meanwhile is missing. A change by
//!   another writer that stands in the way is a `Conflict`: nothing is written, and the transaction is over.
//! * A statement that fails changes nothing and leaves the transaction open.
//! * What changes the catalog (`CREATE`, `DROP`, `GRANT`, ..) or the layout of files (`OPTIMIZE`, ..) commits what is
//!   pending first and then itself.
//! * A transaction that is forgotten is rolled back; files it wrote are then left to `VACUUM`.
//!
//! Example: `BEGIN`, `DELETE FROM sales WHERE day = '2026-01-05'`, `INSERT INTO sales SELECT ..`, `COMMIT`: no reader ever
//! finds the day missing.

use crate::engine::Engine;
use crate::error::{EngineError, ErrorKind, Result};
use crate::login::Identity;
use crate::rights::Rights;
use crate::session::Temporary;
use futures::future::BoxFuture;
use pareto_catalog::{
    CatalogError, CatalogErrorKind, Operation, Removal, Right, Table, TableVersion, Written,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many savepoints one transaction may have.
const MAX_SAVEPOINTS: usize = 1_000;

/// Rights of which one is enough.
type Need = &'static [Right];

/// What there is to commit.
struct Pending {
    table: Option<Box<TableVersion>>,
    needs: BTreeSet<Need>,
}

/// Several statements that are committed together.
pub struct Transaction {
    engine: Arc<Engine>,
    /// Whose they are.
    identity: Identity,
    /// The tables of the session that no catalog knows.
    temporary: Arc<Mutex<Temporary>>,
    progress: Mutex<Progress>,
}

/// Tells the savepoints of a transaction apart, whatever their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Savepoint(u64);

enum Progress {
    Open {
        /// The table that was changed, as it would be after a commit.
        table: Option<Box<TableVersion>>,
        /// What its user must be allowed to do to it then.
        needs: BTreeSet<Need>,
        /// In the order they were made.
        savepoints: Vec<Marked>,
        /// How many there ever were.
        numbered: u64,
    },
    Over,
}

/// What the transaction had done when a savepoint was made.
struct Marked {
    savepoint: Savepoint,
    name: String,
    table: Option<Box<TableVersion>>,
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("open", &self.is_open()).finish_non_exhaustive()
    }
}

impl Transaction {
    pub(crate) fn begin(
        engine: &Arc<Engine>,
        identity: Identity,
        temporary: &Arc<Mutex<Temporary>>,
    ) -> Arc<Self> {
        let (engine, temporary) = (Arc::clone(engine), Arc::clone(temporary));
        Arc::new(Self { engine, identity, temporary, progress: Mutex::new(Progress::new()) })
    }

    /// Whether statements may still join it.
    pub fn is_open(&self) -> bool {
        matches!(*self.lock(), Progress::Open { .. })
    }

    /// Makes all changes visible as one version, and ends the transaction.
    ///
    /// # Errors
    /// `Conflict` when another writer stands in the way: nothing is changed, and the transaction is over all the same.
    /// `Invalid` when it has ended before.
    pub fn commit(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let pending = self.lock().end()?;
            self.publish(pending).await
        })
    }

    /// Commits what is pending and goes on with nothing pending: what a change of the catalog does first.
    pub(crate) fn commit_pending(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let pending = self.restart()?;
            self.publish(pending).await
        })
    }

    /// Undoes what is pending and goes on with nothing pending.
    pub(crate) fn rollback_pending(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let undone = self.restart()?.table;
            if let Some(table) = undone {
                table.discard(None).await;
            }
            Ok(())
        })
    }

    /// Whether nothing was changed yet.
    pub(crate) fn is_fresh(&self) -> bool {
        matches!(*self.lock(), Progress::Open { table: None, .. })
    }

    /// Takes what is pending out.
    fn restart(&self) -> Result<Pending> {
        let mut progress = self.lock();
        let pending = progress.end()?;
        *progress = Progress::new();
        Ok(pending)
    }

    /// Undoes everything, and ends the transaction.
    ///
    /// # Errors
    /// `Invalid` when it has ended before.
    pub fn rollback(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let undone = self.lock().end()?.table;
            if let Some(table) = undone {
                table.discard(None).await;
            }
            Ok(())
        })
    }

    /// Marks a place to go back to.
    ///
    /// # Errors
    /// `Exhausted` when there are too many; `Invalid` when the transaction has ended.
    pub fn savepoint(&self, name: &str) -> Result<Savepoint> {
        let mut progress = self.lock();
        let Progress::Open { table, savepoints, numbered, .. } = &mut *progress else {
            return Err(over());
        };
        if savepoints.len() >= MAX_SAVEPOINTS {
            return Err(EngineError::new(
                ErrorKind::Exhausted,
                format!("a transaction has at most {MAX_SAVEPOINTS} savepoints"),
            )
            .with_hint("RELEASE those that are no longer needed"));
        }
        *numbered += 1;
        let savepoint = Savepoint(*numbered);
        savepoints.push(Marked { savepoint, name: name.to_owned(), table: table.clone() });
        Ok(savepoint)
    }

    /// The newest savepoint of that name.
    ///
    /// # Errors
    /// `NotFound` with the nearest name.
    pub fn find_savepoint(&self, name: &str) -> Result<Savepoint> {
        let progress = self.lock();
        let Progress::Open { savepoints, .. } = &*progress else { return Err(over()) };
        let found = savepoints.iter().rev().find(|marked| marked.name == name);
        found.map(|marked| marked.savepoint).ok_or_else(|| {
            EngineError::not_found(format!("there is no savepoint \"{name}\""))
                .with_nearest(name, savepoints.iter().map(|marked| marked.name.as_str()))
        })
    }

    /// Undoes what was done since a savepoint; later savepoints are gone, this one stays.
    ///
    /// # Errors
    /// `NotFound` when it is not there any more.
    pub fn rollback_to(&self, savepoint: Savepoint) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let (undone, back) = {
                let mut progress = self.lock();
                let at = progress.find(savepoint)?;
                let Progress::Open { table, savepoints, .. } = &mut *progress else {
                    return Err(over());
                };
                savepoints.truncate(at + 1);
                let back = savepoints.get(at).and_then(|marked| marked.table.clone());
                (std::mem::replace(table, back.clone()), back)
            };
            if let Some(undone) = undone {
                undone.discard(back.as_deref()).await;
            }
            Ok(())
        })
    }

    /// Forgets a savepoint and those after it; what was done stays.
    ///
    /// # Errors
    /// `NotFound` when it is not there any more.
    pub fn release(&self, savepoint: Savepoint) -> Result<()> {
        let mut progress = self.lock();
        let at = progress.find(savepoint)?;
        if let Progress::Open { savepoints, .. } = &mut *progress {
            savepoints.truncate(at);
        }
        Ok(())
    }

    /// The table as this transaction sees it, if it has changed it.
    pub(crate) fn version_of(&self, table: &Table) -> Result<Option<TableVersion>> {
        match &*self.lock() {
            Progress::Open { table: Some(changed), .. } if changed.table().id == table.id => {
                Ok(Some(TableVersion::clone(changed)))
            }
            Progress::Open { .. } => Ok(None),
            Progress::Over => Err(over()),
        }
    }

    /// Refuses the change of a second table, before any work is done for it.
    pub(crate) fn admit(&self, table: &Table) -> Result<()> {
        self.lock().admit(table)
    }

    /// Adds what a statement did, which worked on `seen`.
    pub(crate) fn stage(
        &self,
        seen: &TableVersion,
        written: Option<Written>,
        removal: &Removal,
        operation: &Operation,
    ) -> Result<()> {
        let mut progress = self.lock();
        // Looked at again under the lock: another statement of this transaction may have been first.
        progress.admit(seen.table())?;
        let Progress::Open { table, needs, .. } = &mut *progress else { return Err(over()) };
        let base = match table.as_deref() {
            None => seen,
            Some(current) if current.is_staged_as(seen) => current,
            // Another statement of this transaction ended meanwhile.
            Some(current) if *operation == Operation::Append => current,
            Some(_) => {
                return Err(EngineError::new(
                    ErrorKind::Conflict,
                    "another statement of the transaction changed the table meanwhile",
                )
                .with_hint("run the statements of a transaction one after another"));
            }
        };
        *table = Some(Box::new(base.stage(written, removal, operation)?));
        needs.extend(needed(operation));
        Ok(())
    }

    async fn publish(&self, pending: Pending) -> Result<()> {
        let Pending { table: Some(table), needs } = pending else { return Ok(()) };
        let outcome = self.publish_one(&table, &needs).await;
        if outcome.is_err() {
            table.discard(None).await;
        }
        outcome
    }

    async fn publish_one(&self, table: &TableVersion, needs: &BTreeSet<Need>) -> Result<()> {
        if !self.is_temporary(table.table()) {
            self.require(table.table(), needs).await?;
        }
        table.commit_staged().await?;
        Ok(())
    }

    /// Whether the table is the session's own, which may do everything with it.
    fn is_temporary(&self, table: &Table) -> bool {
        self.temporary.lock().unwrap_or_else(PoisonError::into_inner).holds(table)
    }

    /// Refuses to commit what its user may no longer do, and to a table that is gone.
    async fn require(&self, table: &Table, needs: &BTreeSet<Need>) -> Result<()> {
        let catalog = self.engine.warehouse().catalog().await?;
        // What was granted when the statements ran may have been revoked since.
        let (rights, name) = (Rights::of(&catalog, &self.identity, None)?, &table.name);
        for need in needs {
            let held = need.iter().find(|right| rights.may(**right, name));
            if let Some(right) = held.or_else(|| need.first()) {
                rights.require(*right, name)?;
            }
        }
        if catalog.tables().any(|known| known.id == table.id) {
            return Ok(());
        }
        Err(CatalogError::new(
            CatalogErrorKind::Conflict,
            format!(
                "table {name} was dropped or replaced while the transaction ran; nothing was written"
            ),
        )
        .into())
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        // Each change is one assignment, so a panic elsewhere cannot have left half of one.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    const fn new() -> Self {
        Self::Open { table: None, needs: BTreeSet::new(), savepoints: Vec::new(), numbered: 0 }
    }

    fn end(&mut self) -> Result<Pending> {
        match std::mem::replace(self, Self::Over) {
            Self::Open { table, needs, .. } => Ok(Pending { table, needs }),
            Self::Over => Err(over()),
        }
    }

    fn admit(&self, table: &Table) -> Result<()> {
        match self {
            Self::Open { table: Some(changed), .. } if changed.table().id != table.id => {
                Err(EngineError::invalid(format!(
                    "a transaction changes one table: this one has changed {}, and {} would be the second",
                    changed.table().name,
                    table.name
                ))
                .with_hint("COMMIT before it, or run without a transaction: every statement is atomic"))
            }
            Self::Open { .. } => Ok(()),
            Self::Over => Err(over()),
        }
    }

    fn find(&self, savepoint: Savepoint) -> Result<usize> {
        let Self::Open { savepoints, .. } = self else { return Err(over()) };
        savepoints.iter().position(|marked| marked.savepoint == savepoint).ok_or_else(|| {
            EngineError::not_found("the savepoint was released or rolled back over")
                .with_hint("make a new one with SAVEPOINT")
        })
    }
}

/// The rights that what was done needs when it is committed.
fn needed(operation: &Operation) -> &'static [Need] {
    match operation {
        Operation::Append => &[&[Right::Insert]],
        Operation::Overwrite => &[&[Right::Insert], &[Right::Delete]],
        Operation::Delete { .. } => &[&[Right::Delete]],
        Operation::Update { .. } => &[&[Right::Update]],
        // Which of its clauses were taken is not written down.
        Operation::Merge { .. } => &[&[Right::Insert, Right::Update, Right::Delete]],
        // A change of the layout is never part of a transaction.
        Operation::Optimize { .. } => &[],
    }
}

fn over() -> EngineError {
    EngineError::invalid("the transaction has ended")
        .with_hint("BEGIN another; a statement prepared in it is prepared again")
}
