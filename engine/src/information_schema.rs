//! `information_schema`: the warehouse described the way the SQL standard says, for every tool that looks there.
//!
//! Built from the catalog alone, without opening a table. Routines and parameters come from DataFusion, which knows
//! its functions and most of ours. Hidden schemas (the members of segments) are not listed.
//!
//! Example: `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`.

mod keys;
mod relations;
mod routines;

use crate::answer::{Described, Make, Shape};
use crate::relations::{HIDDEN_SCHEMA, Names, Relations};
use crate::{error::EngineError, system};
use async_trait::async_trait;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result as PlanResult};
use std::sync::Arc;

/// The schema's name.
pub(crate) const NAME: &str = "information_schema";

/// One table of it.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) make: Make,
}

/// Every table of ours, in the order of the standard; `routines` and `parameters` are DataFusion's.
pub(crate) const TABLES: &[Entry] = &[
    Entry { name: "schemata", shape: relations::SCHEMATA, make: relations::schemata },
    Entry { name: "tables", shape: relations::TABLES, make: relations::tables },
    Entry { name: "columns", shape: relations::COLUMNS, make: relations::columns },
    Entry { name: "views", shape: relations::VIEWS, make: relations::views },
    Entry {
        name: "table_constraints",
        shape: keys::TABLE_CONSTRAINTS,
        make: keys::table_constraints,
    },
    Entry { name: "key_column_usage", shape: keys::KEY_COLUMN_USAGE, make: keys::key_column_usage },
    Entry {
        name: "referential_constraints",
        shape: keys::REFERENTIAL_CONSTRAINTS,
        make: keys::referential_constraints,
    },
];

/// What DataFusion provides.
pub(crate) const ROUTINES: [&str; 2] = ["routines", "parameters"];

/// The schema, for one statement.
pub(crate) fn schema(relations: &Arc<Relations>) -> Arc<dyn SchemaProvider> {
    Arc::new(Listed { relations: Arc::clone(relations), schema: NAME, entries: TABLES })
}

/// Whether a schema is shown.
pub(crate) fn is_listed(schema: &str) -> bool {
    schema != HIDDEN_SCHEMA
}

/// A schema made of described tables; `system` is one too.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) relations: Arc<Relations>,
    pub(crate) schema: &'static str,
    pub(crate) entries: &'static [Entry],
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[async_trait]
impl SchemaProvider for Listed {
    fn table_names(&self) -> Vec<String> {
        let routines = if self.schema == NAME { &ROUTINES[..] } else { &[] };
        self.entries
            .iter()
            .map(|entry| entry.name)
            .chain(routines.iter().copied())
            .map(str::to_owned)
            .collect()
    }

    async fn table(
        &self,
        name: &str,
    ) -> PlanResult<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
        {
            let relations = Arc::clone(&self.relations);
            return Ok(Some(Arc::new(Described {
                relations,
                shape: entry.shape,
                make: entry.make,
            })));
        }
        let routine = ROUTINES.iter().find(|routine| routine.eq_ignore_ascii_case(name));
        if let (NAME, Some(routine)) = (self.schema, routine) {
            if *routine == ROUTINES[0] {
                return Ok(Some(routines::list(&self.relations).await?));
            }
            let names = Arc::new(Names::new(Arc::clone(&self.relations)));
            return InformationSchemaProvider::new(names).table(routine).await;
        }
        let known = self.table_names();
        let error =
            EngineError::not_found(format!("table \"{}.{name}\" does not exist", self.schema));
        Err(error.with_nearest(name, known.iter().map(String::as_str)).into())
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// The described tables of both schemas, for the lists.
fn described() -> impl Iterator<Item = (&'static str, &'static Entry)> {
    TABLES
        .iter()
        .map(|entry| (NAME, entry))
        .chain(system::TABLES.iter().map(|entry| (system::NAME, entry)))
}
