//! Rows that a client sends with DoPut: parameters to bind, rows to insert.
//!
//! The first message carries the command and, for most clients, the schema; some send a message without any Arrow
//! data first. What cannot be decoded is the client's mistake. Values of a dense union (the Python driver of the
//! SQLAlchemy dialect sends each parameter as one) are unwrapped to the value inside.
//!
//! [`rows`] holds what it reads in memory and therefore has a bound; [`batches`] streams and needs none.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::{FlightData, FlightDescriptor};
use futures::{Stream, StreamExt, TryStreamExt};
use tonic::{Status, Streaming};

use crate::status::{from_flight, invalid};

/// Parameters are kept until the statement runs; more than this belongs into an ingest.
const MAX_PARAMETER_BYTES: usize = 256 * 1024 * 1024;

/// The messages of a DoPut, the first one already read.
pub(crate) struct Upload {
    first: Option<FlightData>,
    rest: Streaming<FlightData>,
}

impl Upload {
    /// Waits for the first message and takes the descriptor out of it.
    pub(crate) async fn open(
        mut rest: Streaming<FlightData>,
    ) -> Result<(FlightDescriptor, Self), Status> {
        let mut first = rest
            .message()
            .await?
            .ok_or_else(|| invalid("the upload is empty\n  hint: send a command first"))?;
        let descriptor = first.flight_descriptor.take().ok_or_else(|| {
            invalid("the first message of the upload has no descriptor\n  hint: send a command with the first message")
        })?;
        Ok((descriptor, Self { first: Some(first), rest }))
    }
}

/// An upload that is refused is read for this long at the most.
const PATIENCE: Duration = Duration::from_secs(30);

impl Upload {
    /// Reads what the client still sends and throws it away, so that it comes to read why it was refused: a driver that
    /// cannot finish sending reports that, and not the reason.
    pub(crate) async fn refuse(mut self) {
        let drained = async { while let Ok(Some(_)) = self.rest.message().await {} };
        // A client that is still sending then learns it the hard way.
        let _late = tokio::time::timeout(PATIENCE, drained).await;
    }
}

impl Stream for Upload {
    type Item = Result<FlightData, FlightError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let next = match self.first.take() {
                Some(first) => Poll::Ready(Some(Ok(first))),
                None => self.rest.poll_next_unpin(cx).map_err(FlightError::from),
            };
            // A message without a header carries no Arrow data, only the descriptor or application metadata.
            match next {
                Poll::Ready(Some(Ok(data))) if data.data_header.is_empty() => {}
                other => return other,
            }
        }
    }
}

/// The rows of an upload as they come.
pub(crate) fn batches(
    upload: Upload,
) -> impl Stream<Item = Result<RecordBatch, Status>> + Send + 'static {
    FlightRecordBatchStream::new_from_flight_data(upload).map_err(from_flight)
}

/// All rows of an upload, unions unwrapped. Batches without rows are left out.
pub(crate) async fn rows(upload: Upload) -> Result<Vec<RecordBatch>, Status> {
    let mut batches = std::pin::pin!(batches(upload));
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(batch) = batches.try_next().await? {
        bytes += batch.get_array_memory_size();
        if bytes > MAX_PARAMETER_BYTES {
            return Err(Status::resource_exhausted(format!(
                "error: the parameters are larger than {} MiB\n  hint: send them in several calls, or ingest them",
                MAX_PARAMETER_BYTES >> 20
            )));
        }
        if batch.num_rows() > 0 {
            rows.push(batch);
        }
    }
    Ok(rows)
}

/// One row of a batch, every union replaced by the value it holds in that row.
pub(crate) fn row(batch: &RecordBatch, index: usize) -> Result<RecordBatch, Status> {
    let row = batch.slice(index, 1);
    let has_union =
        row.columns().iter().any(|column| matches!(column.data_type(), DataType::Union(_, _)));
    if !has_union {
        return Ok(row);
    }
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in row.schema().fields().iter().zip(row.columns()) {
        let column: ArrayRef = match column.as_union_opt() {
            Some(union) => union.value(0),
            None => Arc::clone(column),
        };
        fields.push(Field::new(field.name(), column.data_type().clone(), true));
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|source| invalid(format!("the parameters are not readable: {source}")))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray, UnionArray};
    use arrow::datatypes::{Int64Type, UnionFields};

    use super::*;

    #[test]
    fn unions_are_unwrapped_row_by_row() {
        let fields = UnionFields::try_new(
            [0, 1],
            [Field::new("text", DataType::Utf8, true), Field::new("number", DataType::Int64, true)],
        )
        .unwrap();
        let union = UnionArray::try_new(
            fields,
            vec![1_i8, 0].into(),
            Some(vec![0_i32, 0].into()),
            vec![Arc::new(StringArray::from(vec!["a"])), Arc::new(Int64Array::from(vec![7]))],
        )
        .unwrap();
        let batch = RecordBatch::try_from_iter([("param_0", Arc::new(union) as ArrayRef)]).unwrap();
        assert_eq!(row(&batch, 0).unwrap().column(0).as_primitive::<Int64Type>().value(0), 7);
        assert_eq!(row(&batch, 1).unwrap().column(0).as_string::<i32>().value(0), "a");
    }
}
