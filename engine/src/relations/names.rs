//! The names of one statement, as DataFusion looks them up: catalog, schema, relation.
//!
//! One catalog, `pareto`. Schemas and relations match without case where that is unique. An unknown schema is handed
//! out as a schema that fails when asked for a table, because DataFusion treats "no such schema" as "no such table" and
//! the person should be told which of the two it is. Nothing can be registered through here.

use super::{Relations, unversioned};
use crate::context::StatementContext;
use crate::error::{EngineError, nearest};
use crate::rights::Behalf;
use crate::state::CATALOG;
use crate::{information_schema, system};
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::TableType;
use pareto_catalog::{Catalog, CatalogError, CatalogErrorKind, Name};
use std::sync::Arc;

/// The root: one catalog. `path` names the views being expanded.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    relations: Arc<Relations>,
    path: Arc<Vec<Name>>,
}

impl Names {
    /// The names a statement sees.
    pub(crate) fn new(relations: Arc<Relations>) -> Self {
        Self::inside(relations, Vec::new())
    }

    /// Whose rights count here.
    fn behalf(&self) -> Behalf {
        if self.path.is_empty() { Behalf::Caller } else { Behalf::Definer }
    }

    /// What exists here.
    fn catalog(&self) -> &Arc<Catalog> {
        self.relations.catalog_of(self.behalf())
    }

    /// The names the innermost of these views sees.
    pub(super) fn inside(relations: Arc<Relations>, path: Vec<Name>) -> Self {
        Self { relations, path: Arc::new(path) }
    }
}

impl CatalogProviderList for Names {
    fn register_catalog(
        &self,
        _: String,
        _: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let error = (!name.eq_ignore_ascii_case(CATALOG)).then(|| {
            EngineError::not_found(format!("database \"{name}\" does not exist"))
                .with_hint(format!("the only one is \"{CATALOG}\""))
        });
        Some(Arc::new(OneCatalog { names: self.clone(), error }))
    }
}

#[derive(Debug)]
struct OneCatalog {
    names: Names,
    error: Option<EngineError>,
}

impl CatalogProvider for OneCatalog {
    fn schema_names(&self) -> Vec<String> {
        let kept = self.names.catalog().schemas().map(|schema| schema.name.clone());
        kept.chain([information_schema::NAME.to_owned(), system::NAME.to_owned()]).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if let Some(error) = &self.error {
            return Some(Arc::new(Missing(error.clone())));
        }
        let relations = &self.names.relations;
        if name.eq_ignore_ascii_case(information_schema::NAME) {
            relations.note_fleeting();
            return Some(information_schema::schema(relations));
        }
        if name.eq_ignore_ascii_case(system::NAME) {
            relations.note_fleeting();
            return Some(system::schema(relations));
        }
        match self.names.catalog().schema(name) {
            Ok(schema) => {
                Some(Arc::new(OneSchema { names: self.names.clone(), name: schema.name.clone() }))
            }
            Err(error) => Some(Arc::new(Missing(error.into()))),
        }
    }
}

/// A schema that is not there, and says so when asked for a table.
#[derive(Debug)]
struct Missing(EngineError);

#[async_trait]
impl SchemaProvider for Missing {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, _: &str) -> PlanResult<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Err(self.0.clone().into())
    }

    fn table_exist(&self, _: &str) -> bool {
        false
    }
}

#[derive(Debug)]
struct OneSchema {
    names: Names,
    name: String,
}

impl OneSchema {
    async fn find(&self, written: &str) -> Result<Option<Arc<dyn TableProvider>>, EngineError> {
        let relations = &self.names.relations;
        let catalog = self.names.catalog();
        if let Some(files) = relations.files(written, self.names.behalf()).await {
            return Ok(Some(files));
        }
        let (table, at) = unversioned(written);
        let name = Name::new(self.name.clone(), table);
        let missing = match catalog.table(&name) {
            Ok(table) => {
                self.note(&table.name);
                return relations.table(table, at).await.map(Some);
            }
            Err(error) => error,
        };
        match catalog.view(&name) {
            Ok(view) => {
                self.note(&view.name);
                return relations.view(view, &self.names.path).await.map(Some);
            }
            Err(error) if error.kind == CatalogErrorKind::Invalid => return Err(error.into()),
            Err(_) => {}
        }
        // `generate_series(..)` is looked up as a table before it is looked up as a function.
        if relations.template().table_functions().contains_key(table) {
            return Ok(None);
        }
        Err(self.explain(&name, missing))
    }

    /// What a statement names is checked against its user's rights; what a view names was when the view was made.
    fn note(&self, name: &Name) {
        if self.names.behalf() == Behalf::Caller {
            self.names.relations.note(name);
        }
    }

    /// Why a relation was not found: the nearest table or view here, or the same name in another schema.
    fn explain(&self, name: &Name, missing: CatalogError) -> EngineError {
        if missing.kind != CatalogErrorKind::NotFound {
            return missing.into();
        }
        let catalog = self.names.catalog();
        let error = EngineError::not_found(format!(
            "table \"{}\" does not exist",
            crate::context::short(name).replace('"', "")
        ));
        let names = || {
            catalog.tables().map(|table| &table.name).chain(catalog.views().map(|view| &view.name))
        };
        let here =
            names().filter(|known| known.schema == self.name).map(|known| known.name.as_str());
        if let Some(near) = nearest(&name.name, here) {
            let near = Name { name: near.to_owned(), ..name.clone() };
            let near = crate::context::short(&near).replace('"', "");
            return error.with_hint(format!("did you mean \"{near}\"?"));
        }
        match names().find(|known| known.name.eq_ignore_ascii_case(&name.name)) {
            Some(known) => error.with_hint(format!("did you mean \"{known}\"?")),
            // A misspelt `rfm_tabel(..)` is looked up as a table, too.
            None => error.with_nearest(&name.name, pareto_udfs::chains().map(|spec| spec.name)),
        }
    }
}

#[async_trait]
impl SchemaProvider for OneSchema {
    fn table_names(&self) -> Vec<String> {
        let catalog = self.names.catalog();
        let tables =
            catalog.tables().map(|table| &table.name).chain(catalog.views().map(|view| &view.name));
        tables.filter(|name| name.schema == self.name).map(|name| name.name.clone()).collect()
    }

    async fn table(
        &self,
        name: &str,
    ) -> PlanResult<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(Box::pin(self.find(name)).await?)
    }

    async fn table_type(&self, name: &str) -> PlanResult<Option<TableType>> {
        let catalog = self.names.catalog();
        let name = Name::new(self.name.clone(), name);
        Ok(match (catalog.table(&name), catalog.view(&name)) {
            (Ok(_), _) => Some(TableType::Base),
            (_, Ok(_)) => Some(TableType::View),
            _ => None,
        })
    }

    fn table_exist(&self, name: &str) -> bool {
        let name = Name::new(self.name.clone(), unversioned(name).0);
        let catalog = self.names.catalog();
        catalog.table(&name).is_ok() || catalog.view(&name).is_ok()
    }
}

impl StatementContext {
    /// Whether something of that name exists, table or view.
    pub(crate) fn exists(&self, name: &Name) -> bool {
        self.catalog.table(name).is_ok() || self.catalog.view(name).is_ok()
    }
}
