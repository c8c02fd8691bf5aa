//! From a scenario's commands and actions to Pareto's, and back.
//!
//! ```text
//! CommandStatementUpdate { "UPDATE STATEMENT", transaction_id }
//!     ──> CommandStatementUpdate { "UPDATE rows_25000 ..", 01 9f3c.. }
//! ```
//!
//! A command stays the command it is: its words, its plan, its handle and the ids in it are replaced. What is none of the
//! scenarios' is left as it is.

use arrow_flight::sql::{
    Any, Command, CommandStatementIngest, CommandStatementQuery, DoPutPreparedStatementResult,
    ProstMessageExt,
};
use arrow_flight::{Action, FlightDescriptor, PutResult};
use bytes::Bytes;
use prost::Message;
use tonic::Status;

use crate::session_options;
use crate::sql_info;
use crate::substrait::{self, Both, Plans, Wanted};
use crate::transactions::{Ids, SAVEPOINT, TRANSACTION};
use crate::words;

/// What is known of the scenarios' words, and which id stands for which.
pub(crate) struct Dictionary {
    plans: Plans,
    ids: Ids,
}

impl Dictionary {
    pub(crate) fn new(plans: Plans) -> Self {
        Self { plans, ids: Ids::default() }
    }

    /// The command of a call that wants rows or a count.
    pub(crate) fn descriptor(
        &self,
        mut descriptor: FlightDescriptor,
        wanted: Wanted,
    ) -> Result<FlightDescriptor, Status> {
        if let Some(query) = words::command(&descriptor.cmd) {
            let query = CommandStatementQuery { query: query.to_owned(), transaction_id: None };
            descriptor.cmd = query.as_any().encode_to_vec().into();
        } else if let Some(command) = read(&descriptor.cmd) {
            descriptor.cmd = self.encoded(&command, wanted)?.unwrap_or(descriptor.cmd);
        }
        Ok(descriptor)
    }

    /// The actions that Pareto is asked for: one, but two where a plan is prepared or closed as both that it may be.
    pub(crate) fn actions(&self, action: Action) -> Result<Vec<Action>, Status> {
        let Some(command) = read(&action.body) else {
            return Ok(vec![session_options::translate_request(action)]);
        };
        let twice = match &command {
            Command::ActionCreatePreparedSubstraitPlanRequest(request) => {
                request.plan.as_ref().is_some_and(substrait::is_theirs)
            }
            Command::ActionClosePreparedStatementRequest(request) => {
                Both::read(&request.prepared_statement_handle).is_some()
            }
            _ => false,
        };
        let each: &[Wanted] = if twice { &[Wanted::Rows, Wanted::Count] } else { &[Wanted::Rows] };
        let asked = each.iter().map(|wanted| {
            let mut action = action.clone();
            action.body = self.encoded(&command, *wanted)?.unwrap_or(action.body);
            Ok(action)
        });
        asked.collect()
    }

    /// Pareto's results of one action, or of the two that stand for it, as the client asked for it.
    pub(crate) fn results(
        &self,
        name: &str,
        results: Vec<arrow_flight::Result>,
    ) -> Result<Vec<arrow_flight::Result>, Status> {
        if name == "CreatePreparedSubstraitPlan"
            && let [query, update] = results.as_slice()
        {
            return Ok(vec![prepared_as_both(query, update)?]);
        }
        Ok(results.into_iter().map(|result| self.result(name, result)).collect())
    }

    fn result(&self, name: &str, mut result: arrow_flight::Result) -> arrow_flight::Result {
        let begun = match read(&result.body) {
            Some(Command::ActionBeginTransactionResult(mut begun)) => {
                begun.transaction_id = self.ids.begun(TRANSACTION, begun.transaction_id);
                begun.as_any()
            }
            Some(Command::ActionBeginSavepointResult(mut begun)) => {
                begun.savepoint_id = self.ids.begun(SAVEPOINT, begun.savepoint_id);
                begun.as_any()
            }
            _ => return session_options::translate_result(name, result),
        };
        result.body = begun.encode_to_vec().into();
        result
    }

    /// A command in Pareto's words; nothing where it is in these already, so that it goes on as it came.
    fn encoded(&self, theirs: &Command, wanted: Wanted) -> Result<Option<Bytes>, Status> {
        let ours = self.command(theirs.clone(), wanted)?;
        Ok((ours != *theirs).then(|| ours.into_any().encode_to_vec().into()))
    }

    fn command(&self, mut command: Command, wanted: Wanted) -> Result<Command, Status> {
        let Self { plans, ids } = self;
        match &mut command {
            Command::CommandStatementQuery(asked) => {
                let within = ids.put_option(&mut asked.transaction_id);
                words::put(&mut asked.query, within);
            }
            Command::CommandStatementUpdate(asked) => {
                let within = ids.put_option(&mut asked.transaction_id);
                words::put(&mut asked.query, within);
            }
            Command::ActionCreatePreparedStatementRequest(asked) => {
                let within = ids.put_option(&mut asked.transaction_id);
                words::put(&mut asked.query, within);
            }
            Command::CommandStatementSubstraitPlan(asked) => {
                let within = ids.put_option(&mut asked.transaction_id);
                plans.put(&mut asked.plan, wanted, within, false);
            }
            Command::ActionCreatePreparedSubstraitPlanRequest(asked) => {
                let within = ids.put_option(&mut asked.transaction_id);
                plans.put(&mut asked.plan, wanted, within, true);
            }
            Command::CommandPreparedStatementQuery(asked) => {
                substrait::put_one(&mut asked.prepared_statement_handle, Wanted::Rows);
            }
            Command::CommandPreparedStatementUpdate(asked) => {
                substrait::put_one(&mut asked.prepared_statement_handle, Wanted::Count);
            }
            Command::ActionClosePreparedStatementRequest(asked) => {
                substrait::put_one(&mut asked.prepared_statement_handle, wanted);
            }
            Command::ActionBeginSavepointRequest(asked) => ids.put(&mut asked.transaction_id),
            Command::ActionEndSavepointRequest(asked) => ids.put(&mut asked.savepoint_id),
            Command::ActionEndTransactionRequest(asked) => ids.put(&mut asked.transaction_id),
            Command::CommandGetSqlInfo(asked) => sql_info::put(&mut asked.info),
            Command::CommandStatementIngest(asked) => make_plain(asked)?,
            _ => {}
        }
        Ok(command)
    }
}

/// The two handles that a command of a prepared plan carries, where it binds parameters for a query.
pub(crate) fn bound(descriptor: &FlightDescriptor) -> Option<Both> {
    match read(&descriptor.cmd) {
        Some(Command::CommandPreparedStatementQuery(asked)) => {
            Both::read(&asked.prepared_statement_handle)
        }
        _ => None,
    }
}

/// Pareto's answer to an upload; the handle of a statement that was bound stands beside that of its update again.
pub(crate) fn put_result(bound: Option<&Both>, mut answer: PutResult) -> PutResult {
    if let Some(both) = bound
        && let Ok(mut result) = DoPutPreparedStatementResult::decode(answer.app_metadata.clone())
        && let Some(query) = result.prepared_statement_handle.take()
    {
        let both = Both { query, update: both.update.clone() };
        result.prepared_statement_handle = Some(both.handle());
        answer.app_metadata = result.encode_to_vec().into();
    }
    answer
}

/// A prepared query that is an update too, if the client wants it to be.
fn prepared_as_both(
    query: &arrow_flight::Result,
    update: &arrow_flight::Result,
) -> Result<arrow_flight::Result, Status> {
    let created = |result: &arrow_flight::Result| match read(&result.body) {
        Some(Command::ActionCreatePreparedStatementResult(created)) => Ok(created),
        _ => Err(Status::internal("Pareto has prepared a plan without saying so")),
    };
    let (mut query, update) = (created(query)?, created(update)?);
    let both =
        Both { query: query.prepared_statement_handle, update: update.prepared_statement_handle };
    query.prepared_statement_handle = both.handle();
    Ok(arrow_flight::Result { body: query.as_any().encode_to_vec().into() })
}

/// The scenario's ingestion, checked, without what Pareto has not.
fn make_plain(command: &mut CommandStatementIngest) -> Result<(), Status> {
    let came_whole = command.catalog.as_deref() == Some("test_catalog")
        && command.temporary
        && command.transaction_id.as_deref() == Some(b"123")
        && command.options.len() == 2;
    if !came_whole {
        return Err(Status::invalid_argument("the ingestion is not the scenario's"));
    }
    command.catalog = None;
    command.temporary = false;
    command.transaction_id = None;
    Ok(())
}

/// A command or an action of Flight SQL; anything else is none of the scenarios' either.
fn read(bytes: &Bytes) -> Option<Command> {
    let command = Command::try_from(Any::decode(bytes.clone()).ok()?).ok()?;
    (!matches!(command, Command::Unknown(_))).then_some(command)
}
