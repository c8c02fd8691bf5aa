//! `VACUUM t [RETAIN n HOURS] [DRY RUN]`: removes files that no version within the retention needs.
//!
//! Also the files that a crash left behind. Older versions than the retention can then no longer be read. With `DRY RUN`
//! the files are only named. The default retention is the table's own, seven days. With a longer one, what a crash left
//! stays: the log keeps for no longer than its own retention when a file was removed, so the two look the same.
//!
//! Files of statements and transactions of this process that have not committed yet stay, however short the retention. Of
//! another process nothing is known here: a retention shorter than its longest statement may take files away from it.
//!
//! Example: `VACUUM sales RETAIN 24 HOURS DRY RUN`.

use super::{Effect, Own, own};
use crate::answer::{Answer, Kind, Shape, schema_of, text};
use crate::context::StatementContext;
use crate::error::{EngineError, Result};
use crate::session::Outcome;
use crate::sql::Parsed;
use crate::sql::reader::Reader;
use crate::sql::tree::Written;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use pareto_catalog::Right;

#[derive(Debug)]
struct VacuumTable {
    table: Written,
    retain_hours: Option<u32>,
    dry_run: bool,
}

const SHAPE: Shape = &[("path", Kind::Text), ("action", Kind::Text)];

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Parsed> {
    reader.expect("VACUUM")?;
    reader.word("TABLE");
    let table = reader.name()?;
    let retain_hours = if reader.word("RETAIN") {
        let hours = reader.number()?;
        reader.expect("HOURS")?;
        Some(
            u32::try_from(hours)
                .map_err(|_| EngineError::invalid(format!("RETAIN {hours} HOURS is too long")))?,
        )
    } else {
        None
    };
    let dry_run = reader.word("DRY RUN");
    own(VacuumTable { table, retain_hours, dry_run })
}

#[async_trait]
impl Own for VacuumTable {
    fn columns(&self) -> Option<SchemaRef> {
        Some(schema_of(SHAPE))
    }

    fn effect(&self) -> Effect {
        // Naming files changes nothing.
        if self.dry_run { Effect::Joins } else { Effect::Commits }
    }

    async fn run(&self, context: &StatementContext) -> Result<Outcome> {
        let name = context.table(&self.table)?.name.clone();
        let vacuumed = context
            .table_version(&name, Right::Create)
            .await?
            .vacuum(self.retain_hours, self.dry_run)
            .await?;
        let action = if vacuumed.dry_run { "would remove" } else { "removed" };
        let mut answer = Answer::new(SHAPE);
        for path in vacuumed.files {
            answer.push([text(path), text(action)]);
        }
        answer.outcome()
    }
}
