//! Readers of data files that say how many blocks of them the block cache had.
//!
//! Footers and pages are read as DataFusion reads them. Around each read the blocks are counted that the store finds kept
//! (`kept_blocks` in `EXPLAIN ANALYZE`) or fetches (`fetched_blocks`). Where no block cache stands before the store there is
//! nothing to count, and nothing is shown.

use crate::store::block_cache::ASKING;
use crate::use_of_cache::Uses;
use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{
    CachedParquetFileReaderFactory, ParquetFileReaderFactory,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::file::metadata::ParquetMetaData;
use std::ops::Range;
use std::sync::Arc;

/// Makes readers that count.
#[derive(Debug)]
pub(super) struct CountingReaders(pub(super) CachedParquetFileReaderFactory);

impl ParquetFileReaderFactory for CountingReaders {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let inner = self.0.create_reader(partition, file, metadata_size_hint, metrics)?;
        Ok(Box::new(CountingReader { inner, partition, metrics: metrics.clone() }))
    }
}

struct CountingReader {
    inner: Box<dyn AsyncFileReader + Send>,
    partition: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl CountingReader {
    /// Reads something, and notes the blocks that it took.
    fn counting<'a, T: Send + 'a>(
        &'a mut self,
        read: impl FnOnce(&'a mut Box<dyn AsyncFileReader + Send>) -> BoxFuture<'a, T>,
    ) -> BoxFuture<'a, T> {
        let uses = Arc::new(Uses::default());
        let (metrics, partition) = (self.metrics.clone(), self.partition);
        let read = ASKING.scope(Arc::clone(&uses), read(&mut self.inner));
        async move {
            let answer = read.await;
            let (kept, fetched) = uses.counts();
            for (name, count) in [("kept_blocks", kept), ("fetched_blocks", fetched)] {
                if let Some(count) = usize::try_from(count).ok().filter(|count| *count > 0) {
                    MetricBuilder::new(&metrics).counter(name, partition).add(count);
                }
            }
            answer
        }
        .boxed()
    }
}

impl AsyncFileReader for CountingReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        self.counting(|reader| reader.get_bytes(range))
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        self.counting(|reader| reader.get_byte_ranges(ranges))
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        self.counting(|reader| reader.get_metadata(options))
    }
}
