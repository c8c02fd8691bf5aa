//! StatementIngest: rows in bulk into a table.
//!
//! Not there yet; the refusal says what works today. GetSqlInfo number 10 says so too, so that drivers do not try.

use arrow_flight::sql::CommandStatementIngest;
use tonic::Status;

use super::sessions::Caller;
use super::upload::Upload;
use crate::status::unimplemented;

pub(crate) async fn ingest(
    _caller: &Caller,
    _command: CommandStatementIngest,
    _upload: Upload,
) -> Result<i64, Status> {
    Err(unimplemented(
        "bulk ingest",
        "bind the rows to INSERT INTO .. VALUES (?, ..), or COPY a file",
    ))
}
