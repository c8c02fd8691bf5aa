//! Bytes from the wire, decoded once at the edge into commands that the rest of the front can match on.
//!
//! A Flight SQL command is a protobuf message in an `Any`; which ones make sense depends on the call:
//!
//! ```text
//! GetFlightInfo, GetSchema, PollFlightInfo   descriptor ──> Query
//! DoGet                                      ticket     ──> Fetch
//! DoPut                                      descriptor ──> Put
//! DoAction                                   type, body ──> action::Action
//! ```
//!
//! Bytes that are no command are the client's mistake (`INVALID_ARGUMENT`); a command that the protocol has and this
//! server has not is `UNIMPLEMENTED`. Nothing here looks at SQL.

use arrow_flight::FlightDescriptor;
use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::sql::{
    Any, Command, CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas,
    CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetSqlInfo,
    CommandGetTableTypes, CommandGetTables, CommandGetXdbcTypeInfo, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery,
    CommandStatementSubstraitPlan, CommandStatementUpdate,
};
use bytes::Bytes;
use prost::Message;
use tonic::Status;

use super::ticket::Sealed;
use crate::status::invalid;

/// A question with rows for an answer: its schema can be asked for, and it can be fetched.
#[derive(Clone, Debug)]
pub(crate) enum Query {
    Statement(CommandStatementQuery),
    Substrait(CommandStatementSubstraitPlan),
    Prepared(CommandPreparedStatementQuery),
    Metadata(Metadata),
}

/// A question about what exists, or about the server itself.
#[derive(Clone, Debug)]
pub(crate) enum Metadata {
    Catalogs(CommandGetCatalogs),
    DbSchemas(CommandGetDbSchemas),
    Tables(CommandGetTables),
    TableTypes(CommandGetTableTypes),
    PrimaryKeys(CommandGetPrimaryKeys),
    ExportedKeys(CommandGetExportedKeys),
    ImportedKeys(CommandGetImportedKeys),
    CrossReference(CommandGetCrossReference),
    SqlInfo(CommandGetSqlInfo),
    XdbcTypeInfo(CommandGetXdbcTypeInfo),
}

/// What a ticket stands for.
#[derive(Clone, Debug)]
pub(crate) enum Fetch {
    Ticket(Sealed),
    Query(Query),
}

/// What an upload is for.
#[derive(Clone, Debug)]
pub(crate) enum Put {
    Update(CommandStatementUpdate),
    Substrait(CommandStatementSubstraitPlan),
    Bind(CommandPreparedStatementQuery),
    PreparedUpdate(CommandPreparedStatementUpdate),
    Ingest(CommandStatementIngest),
}

impl Query {
    /// The command of GetFlightInfo, GetSchema and PollFlightInfo.
    pub(crate) fn decode(descriptor: &FlightDescriptor) -> Result<Self, Status> {
        let command = decode_any(command_bytes(descriptor)?, "command")?;
        let name = command.type_url().to_owned();
        Self::from_command(command).ok_or_else(|| refuse(&name, "ask for rows"))
    }

    fn from_command(command: Command) -> Option<Self> {
        Some(match command {
            Command::CommandStatementQuery(c) => Self::Statement(c),
            Command::CommandStatementSubstraitPlan(c) => Self::Substrait(c),
            Command::CommandPreparedStatementQuery(c) => Self::Prepared(c),
            Command::CommandGetCatalogs(c) => Self::Metadata(Metadata::Catalogs(c)),
            Command::CommandGetDbSchemas(c) => Self::Metadata(Metadata::DbSchemas(c)),
            Command::CommandGetTables(c) => Self::Metadata(Metadata::Tables(c)),
            Command::CommandGetTableTypes(c) => Self::Metadata(Metadata::TableTypes(c)),
            Command::CommandGetPrimaryKeys(c) => Self::Metadata(Metadata::PrimaryKeys(c)),
            Command::CommandGetExportedKeys(c) => Self::Metadata(Metadata::ExportedKeys(c)),
            Command::CommandGetImportedKeys(c) => Self::Metadata(Metadata::ImportedKeys(c)),
            Command::CommandGetCrossReference(c) => Self::Metadata(Metadata::CrossReference(c)),
            Command::CommandGetSqlInfo(c) => Self::Metadata(Metadata::SqlInfo(c)),
            Command::CommandGetXdbcTypeInfo(c) => Self::Metadata(Metadata::XdbcTypeInfo(c)),
            _ => return None,
        })
    }
}

impl Fetch {
    /// The ticket of DoGet. Metadata commands are their own tickets.
    pub(crate) fn decode(ticket: &[u8]) -> Result<Self, Status> {
        match decode_any(ticket, "ticket")? {
            Command::TicketStatementQuery(ticket) => {
                Sealed::decode(ticket.statement_handle).map(Self::Ticket)
            }
            // A statement runs from the ticket of its flight info, or it would be planned and announced nowhere.
            Command::CommandStatementQuery(_) | Command::CommandStatementSubstraitPlan(_) => {
                Err(invalid(
                    "a statement is not a ticket\n  hint: call GetFlightInfo first and fetch its ticket",
                ))
            }
            command => {
                let name = command.type_url().to_owned();
                Query::from_command(command)
                    .map(Self::Query)
                    .ok_or_else(|| refuse(&name, "be fetched"))
            }
        }
    }
}

impl Put {
    /// The descriptor of the first message of DoPut.
    pub(crate) fn decode(descriptor: &FlightDescriptor) -> Result<Self, Status> {
        match decode_any(command_bytes(descriptor)?, "command")? {
            Command::CommandStatementUpdate(c) => Ok(Self::Update(c)),
            Command::CommandStatementSubstraitPlan(c) => Ok(Self::Substrait(c)),
            Command::CommandPreparedStatementQuery(c) => Ok(Self::Bind(c)),
            Command::CommandPreparedStatementUpdate(c) => Ok(Self::PreparedUpdate(c)),
            Command::CommandStatementIngest(c) => Ok(Self::Ingest(c)),
            command => Err(refuse(command.type_url(), "be put")),
        }
    }
}

/// The `Any` inside a command, a ticket or an action's body; `noun` names it in the refusal.
pub(crate) fn decode_any(bytes: &[u8], noun: &str) -> Result<Command, Status> {
    let garbage = |why: String| {
        invalid(format!(
            "the {noun} is not a Flight SQL message: {why}\n  hint: connect with a Flight SQL client"
        ))
    };
    let any =
        Any::decode(Bytes::copy_from_slice(bytes)).map_err(|source| garbage(source.to_string()))?;
    if any.type_url.is_empty() {
        return Err(garbage("it names no type".to_owned()));
    }
    match Command::try_from(any).map_err(|source| garbage(source.to_string()))? {
        Command::Unknown(any) => {
            Err(garbage(format!("its type {:?} is unknown", clip(&any.type_url))))
        }
        command => Ok(command),
    }
}

fn command_bytes(descriptor: &FlightDescriptor) -> Result<&[u8], Status> {
    if descriptor.r#type() == DescriptorType::Cmd {
        Ok(&descriptor.cmd)
    } else {
        Err(invalid(
            "the descriptor holds no command\n  hint: tables are read with SQL, there are no flights by path",
        ))
    }
}

/// The protocol's name of a command, told to someone who used it in the wrong call.
fn refuse(type_url: &str, verb: &str) -> Status {
    let name = type_url.rsplit('.').next().unwrap_or(type_url);
    invalid(format!("a {} cannot {verb}", clip(name)))
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
    use tonic::Code;

    use super::*;

    fn descriptor(message: &impl ProstMessageExt) -> FlightDescriptor {
        FlightDescriptor::new_cmd(message.as_any().encode_to_vec())
    }

    #[test]
    fn commands_are_told_apart_by_call() {
        let query = CommandStatementQuery { query: "SELECT 1".into(), transaction_id: None };
        assert!(matches!(Query::decode(&descriptor(&query)).unwrap(), Query::Statement(_)));
        let update = CommandStatementUpdate { query: "SELECT 1".into(), transaction_id: None };
        assert!(matches!(Put::decode(&descriptor(&update)).unwrap(), Put::Update(_)));
        let plan = CommandStatementSubstraitPlan::default();
        assert!(matches!(Query::decode(&descriptor(&plan)).unwrap(), Query::Substrait(_)));
        assert!(matches!(Put::decode(&descriptor(&plan)).unwrap(), Put::Substrait(_)));
        assert_eq!(Query::decode(&descriptor(&update)).unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(Put::decode(&descriptor(&query)).unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(
            Fetch::decode(&query.as_any().encode_to_vec()).unwrap_err().code(),
            Code::InvalidArgument
        );
    }

    #[test]
    fn garbage_is_refused_and_never_internal() {
        for bytes in [&b""[..], b"\xff\xff\xff", b"SELECT 1", &[0; 64]] {
            assert_eq!(Fetch::decode(bytes).unwrap_err().code(), Code::InvalidArgument);
            let descriptor = FlightDescriptor::new_cmd(bytes.to_vec());
            assert_eq!(Query::decode(&descriptor).unwrap_err().code(), Code::InvalidArgument);
            assert_eq!(Put::decode(&descriptor).unwrap_err().code(), Code::InvalidArgument);
        }
        let forged = TicketStatementQuery { statement_handle: Bytes::from_static(b"nonsense") };
        assert_eq!(
            Fetch::decode(&forged.as_any().encode_to_vec()).unwrap_err().code(),
            Code::InvalidArgument
        );
        let path = FlightDescriptor::new_path(vec!["sales".into()]);
        assert_eq!(Query::decode(&path).unwrap_err().code(), Code::InvalidArgument);
    }
}
