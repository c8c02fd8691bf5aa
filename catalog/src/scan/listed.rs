//! Parquet files that somebody else owns, read where they are: `read_parquet` and external tables.
//!
//! DataFusion's Parquet format does all of it; this adds that columns which are asked for again come from memory, as those
//! of own tables do. A path is no promise there: a file may be written anew under its name. So a column is kept for a
//! path together with the size, time and tag that the listing told, and every query lists anew.
//!
//! Without a [`ScanCache`] in the session the plan is DataFusion's own, but that bounds are not looked at where columns of
//! floating point are read ([`floats`]). Files are only read, never written.

use super::floats;
use super::hot_columns::ScanCache;
use super::hot_columns::source::{Files, HotSource};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Result, Statistics};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::file_format::{FileFormat, FileMeta};
use datafusion::datasource::physical_plan::{
    FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_plan::ExecutionPlan;
use object_store::{ObjectMeta, ObjectStore};
use std::sync::Arc;

/// The format of Parquet files that are listed before they are read.
#[derive(Debug, Default)]
pub struct ListedParquet(ParquetFormat);

#[async_trait]
impl FileFormat for ListedParquet {
    fn get_ext(&self) -> String {
        self.0.get_ext()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        self.0.get_ext_with_compression(compression)
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        self.0.compression_type()
    }

    async fn infer_schema(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        self.0.infer_schema(state, store, objects).await
    }

    async fn infer_stats(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        let mut known = self.0.infer_stats(state, store, Arc::clone(&table), object).await?;
        floats::forget_bounds(&mut known, &table);
        Ok(known)
    }

    async fn infer_ordering(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Option<LexOrdering>> {
        self.0.infer_ordering(state, store, table, object).await
    }

    async fn infer_stats_and_ordering(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<FileMeta> {
        let known = self.0.infer_stats_and_ordering(state, store, Arc::clone(&table), object);
        let mut known = known.await?;
        floats::forget_bounds(&mut known.statistics, &table);
        Ok(known)
    }

    async fn create_physical_plan(
        &self,
        state: &dyn Session,
        config: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.0.create_physical_plan(state, config).await?;
        let hot = state.config().get_extension::<ScanCache>().and_then(|cache| cache.0.clone());
        let scan = plan
            .downcast_ref::<DataSourceExec>()
            .and_then(|scan| scan.downcast_to_file_source::<ParquetSource>());
        let Some((config, parquet)) = scan else { return Ok(plan) };
        let Some(hot) = hot else {
            let has_floats = floats::among(&plan.schema());
            return Ok(if has_floats { unbounded(config, parquet) } else { plan });
        };
        let store = config.object_store_url.as_str();
        let source = HotSource::new(parquet.clone(), hot, store, Files::Listed);
        let config =
            FileScanConfigBuilder::from(config.clone()).with_source(Arc::new(source)).build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn file_source(&self, table: TableSchema) -> Arc<dyn FileSource> {
        self.0.file_source(table)
    }
}

/// The same scan by DataFusion's source, which looks at no bounds of floating-point columns.
fn unbounded(config: &FileScanConfig, parquet: &ParquetSource) -> Arc<dyn ExecutionPlan> {
    let mut options = parquet.table_parquet_options().clone();
    floats::ignore_bounds(&mut options);
    let source = parquet.clone().with_table_parquet_options(options);
    let config = FileScanConfigBuilder::from(config.clone()).with_source(Arc::new(source)).build();
    DataSourceExec::from_data_source(config)
}
