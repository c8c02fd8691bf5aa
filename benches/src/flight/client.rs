//! The clients: Arrow's for Rust, and ADBC's for Python in a process of its own.

use std::process::Command;
use std::time::Instant;

use arrow::array::{Array, RecordBatch};
use arrow_flight::FlightInfo;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt;
use tonic::transport::{Channel, Endpoint};

use crate::process::output;

pub(super) type Client = FlightSqlServiceClient<Channel>;

/// A transfer: bytes of Arrow arrays, and seconds from the question to the last row.
pub(super) struct Transfer {
    pub(super) bytes: f64,
    pub(super) seconds: f64,
}

/// A connection of its own.
pub(super) async fn connect(address: &str) -> Result<Client, String> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(told)?;
    let channel = endpoint.tcp_nodelay(true).connect().await.map_err(told)?;
    Ok(Client::new(channel))
}

/// Any error as text.
pub(super) fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Plans a query.
pub(super) async fn ask(client: &mut Client, sql: &str) -> Result<FlightInfo, String> {
    client.execute(sql.to_owned(), None).await.map_err(|error| format!("{sql}: {error}"))
}

/// Starts what was planned.
pub(super) async fn open(
    client: &mut Client,
    info: &FlightInfo,
) -> Result<FlightRecordBatchStream, String> {
    let ticket = info.endpoint.first().and_then(|endpoint| endpoint.ticket.clone());
    client.do_get(ticket.ok_or("an answer without a ticket")?).await.map_err(told)
}

/// Reads every row of a query and drops it.
pub(super) async fn rust(address: &str, sql: &str) -> Result<Transfer, String> {
    let mut client = connect(address).await?;
    let began = Instant::now();
    let info = ask(&mut client, sql).await?;
    let mut batches = open(&mut client, &info).await?;
    let mut bytes = 0.0;
    while let Some(batch) = batches.try_next().await.map_err(told)? {
        bytes += size(&batch);
    }
    Ok(Transfer { bytes, seconds: began.elapsed().as_secs_f64() })
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn size(batch: &RecordBatch) -> f64 {
    let columns = batch.columns().iter();
    let sizes = columns.map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
    sizes.sum::<usize>() as f64
}

/// The same with ADBC.
pub(super) fn python(address: &str, sql: &str) -> Result<Transfer, String> {
    let python = std::env::var("PARETO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = "import sys, time\nimport adbc_driver_flightsql.dbapi as flight_sql\n\
                  with flight_sql.connect(sys.argv[1]) as connection, connection.cursor() as cursor:\n    \
                      began = time.perf_counter()\n    cursor.execute(sys.argv[2])\n    size = 0\n    \
                      for batch in cursor.fetch_record_batch():\n        size += batch.nbytes\n    \
                      print(size, time.perf_counter() - began)";
    let mut command = Command::new(python);
    command.args(["-c", script, &format!("grpc://{address}"), sql]);
    let (out, _) = output(&mut command)?;
    let read = |out: &str| {
        let (bytes, seconds) = out.trim().split_once(' ')?;
        Some(Transfer { bytes: bytes.parse().ok()?, seconds: seconds.parse().ok()? })
    };
    read(&out).ok_or_else(|| format!("ADBC's client printed {out:?} instead of bytes and seconds"))
}
