//! Small answers that we make ourselves: the rows of `DESCRIBE`, of `information_schema`, of `system`.
//!
//! A shape names the columns and their kinds; rows are cells. An answer becomes one batch, a stream, or a table whose
//! rows are made when it is scanned, so that naming `system.files` in a statement that never reads it costs nothing.
//! Not for data of any size: everything is in memory.
//!
//! Example: `Answer::new(SHAPE).row([text("sales"), Cell::Int(3)])`.

use crate::error::Result;
use crate::relations::Relations;
use crate::session::Outcome;
use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::future::BoxFuture;
use std::sync::Arc;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Int,
    Bool,
    /// Milliseconds since 1970, shown as a UTC timestamp.
    Moment,
}

/// The columns of an answer.
pub(crate) type Shape = &'static [(&'static str, Kind)];

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Int(i64),
    Bool(bool),
    Moment(i64),
}

/// A text cell.
pub(crate) fn text(value: impl Into<String>) -> Cell {
    Cell::Text(value.into())
}

/// `YES` or `NO`, as the SQL standard writes truth in its schemas.
pub(crate) fn yes_no(value: bool) -> Cell {
    text(if value { "YES" } else { "NO" })
}

/// A whole number; what does not fit is as large as can be shown.
pub(crate) fn int(value: impl TryInto<i64>) -> Cell {
    Cell::Int(value.try_into().unwrap_or(i64::MAX))
}

impl From<Option<String>> for Cell {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }
}

/// The Arrow schema of a shape.
pub(crate) fn schema_of(shape: Shape) -> SchemaRef {
    let fields = shape.iter().map(|(name, kind)| {
        let data_type = match kind {
            Kind::Text => DataType::Utf8,
            Kind::Int => DataType::Int64,
            Kind::Bool => DataType::Boolean,
            Kind::Moment => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        };
        Field::new(*name, data_type, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Rows of a shape.
#[derive(Debug)]
pub(crate) struct Answer {
    shape: Shape,
    rows: Vec<Vec<Cell>>,
}

impl Answer {
    /// No rows yet.
    pub(crate) fn new(shape: Shape) -> Self {
        Self { shape, rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        self.rows.push(row.into_iter().collect());
    }

    /// The rows as one batch.
    pub(crate) fn batch(&self) -> Result<RecordBatch> {
        let columns = self
            .shape
            .iter()
            .enumerate()
            .map(|(index, (_, kind))| self.column(index, *kind))
            .collect();
        Ok(RecordBatch::try_new(schema_of(self.shape), columns)?)
    }

    fn column(&self, index: usize, kind: Kind) -> ArrayRef {
        let cells = self.rows.iter().map(|row| row.get(index).unwrap_or(&Cell::Null));
        match kind {
            Kind::Text => Arc::new(
                cells
                    .map(
                        |cell| if let Cell::Text(text) = cell { Some(text.as_str()) } else { None },
                    )
                    .collect::<StringArray>(),
            ),
            Kind::Int => Arc::new(
                cells
                    .map(|cell| if let Cell::Int(number) = cell { Some(*number) } else { None })
                    .collect::<Int64Array>(),
            ),
            Kind::Bool => Arc::new(
                cells
                    .map(|cell| if let Cell::Bool(truth) = cell { Some(*truth) } else { None })
                    .collect::<BooleanArray>(),
            ),
            Kind::Moment => {
                let micros = cells.map(|cell| {
                    if let Cell::Moment(millis) = cell { millis.checked_mul(1000) } else { None }
                });
                Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
        }
    }

    /// The rows as the outcome of a statement.
    pub(crate) fn outcome(&self) -> Result<Outcome> {
        let batch = self.batch()?;
        let schema = batch.schema();
        let stream = futures::stream::once(async move { Ok(batch) });
        Ok(Outcome::Rows(Box::pin(RecordBatchStreamAdapter::new(schema, stream))))
    }
}

/// Makes the rows of a described table.
pub(crate) type Make = for<'a> fn(&'a Relations) -> BoxFuture<'a, Result<Answer>>;

/// A table whose rows are made when it is scanned.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) relations: Arc<Relations>,
    pub(crate) shape: Shape,
    pub(crate) make: Make,
}

#[async_trait]
impl TableProvider for Described {
    fn schema(&self) -> SchemaRef {
        schema_of(self.shape)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let batch = (self.make)(&self.relations).await?.batch()?;
        let schema = batch.schema();
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, projection.cloned())?)
    }
}
