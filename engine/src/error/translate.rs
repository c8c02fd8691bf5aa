//! From the errors of the layers below to ours: the only place that reads their wording.
//!
//! Every variant is matched; wrappers (context, diagnostic, shared, Arrow, object store, external) are walked until
//! the cause is found, and an error of ours that travelled inside one of them comes out unchanged. Prefixes such as
//! "Error during planning:" and advice meant for the authors of the query engine are dropped.
//!
//! Example: `SchemaError(FieldNotFound)` with the fields `amount`, `sold_on` becomes
//! `column "amout" does not exist`, hint `did you mean "amount"?`.

use super::{EngineError, ErrorKind, calls, words};
use crate::sql::a_sql_type;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use pareto_catalog::{CatalogError, CatalogErrorKind};
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::TokenizerError;
use std::error::Error;

impl From<CatalogErrorKind> for ErrorKind {
    fn from(kind: CatalogErrorKind) -> Self {
        match kind {
            CatalogErrorKind::NotFound => Self::NotFound,
            CatalogErrorKind::AlreadyExists => Self::AlreadyExists,
            CatalogErrorKind::Invalid
            | CatalogErrorKind::Unsupported
            | CatalogErrorKind::Corrupt => Self::Invalid,
            CatalogErrorKind::Conflict => Self::Conflict,
            CatalogErrorKind::Unavailable => Self::Unavailable,
            CatalogErrorKind::InDoubt => Self::InDoubt,
            CatalogErrorKind::Denied => Self::Denied,
            CatalogErrorKind::Exhausted => Self::Exhausted,
            CatalogErrorKind::Internal => Self::Internal,
        }
    }
}

impl From<CatalogError> for EngineError {
    fn from(error: CatalogError) -> Self {
        Self { hint: error.hint, ..Self::new(error.kind.into(), error.message) }
    }
}

impl From<DataFusionError> for EngineError {
    fn from(error: DataFusionError) -> Self {
        from_datafusion(&error)
    }
}

impl From<ArrowError> for EngineError {
    fn from(error: ArrowError) -> Self {
        from_arrow(&error)
    }
}

impl From<ParserError> for EngineError {
    fn from(error: ParserError) -> Self {
        from_parser(&error)
    }
}

impl From<TokenizerError> for EngineError {
    fn from(error: TokenizerError) -> Self {
        let (line, column) = (error.location.line, error.location.column);
        Self::invalid(format!("syntax error: {}", lower_first(&error.message))).at(line, column)
    }
}

/// An error of ours on its way through a stream of batches.
impl From<EngineError> for DataFusionError {
    fn from(error: EngineError) -> Self {
        Self::External(Box::new(error))
    }
}

fn from_datafusion(error: &DataFusionError) -> EngineError {
    use DataFusionError as D;
    match error {
        D::ArrowError(inner, _) => from_arrow(inner),
        D::ParquetError(inner) => from_foreign(inner.as_ref(), ErrorKind::Invalid),
        D::ObjectStore(inner) => from_store(inner),
        D::IoError(inner) => from_io(inner),
        D::SQL(inner, _) => from_parser(inner),
        D::NotImplemented(text) => {
            EngineError::invalid(format!("not supported: {}", lower_first(undumped(&clean(text)))))
        }
        D::Internal(text) => from_internal(text),
        D::Plan(text) => from_plan_text(text),
        D::Configuration(text) | D::Execution(text) => EngineError::invalid(clean(text)),
        D::SchemaError(inner, _) => from_schema(inner),
        D::ExecutionJoin(inner) if inner.is_cancelled() => {
            EngineError::new(ErrorKind::Cancelled, "the statement was cancelled")
        }
        D::ExecutionJoin(_) => EngineError::internal("a task of the query ended unexpectedly"),
        D::ResourcesExhausted(text) => from_exhausted(text),
        D::External(inner) => from_external(inner.as_ref()),
        D::Context(_, inner) => from_datafusion(inner),
        D::Substrait(text) | D::Ffi(text) => EngineError::internal(clean(text)),
        D::Diagnostic(diagnostic, inner) => {
            let error = from_datafusion(inner);
            match (error.position, diagnostic.span) {
                (None, Some(span)) => error.at(span.start.line, span.start.column),
                _ => error,
            }
        }
        D::Collection(errors) => errors
            .first()
            .map_or_else(|| EngineError::internal("an error without text"), from_datafusion),
        D::Shared(inner) => from_datafusion(inner),
    }
}

/// What DataFusion calls a defect of its own although the statement is to blame: a part of its sentence, and ours.
const MISTAKES: [(&str, &str); 2] = [
    ("failed to convert size to usize", "array_resize: the size must not be negative"),
    (
        "unnest on struct can only be applied at the root level",
        "unnest of a struct gives several columns: it cannot be an argument",
    ),
];

fn from_internal(text: &str) -> EngineError {
    match MISTAKES.iter().find(|(theirs, _)| text.contains(theirs)) {
        Some((_, ours)) => EngineError::invalid(*ours),
        None => EngineError::internal(clean(text)),
    }
}

fn from_arrow(error: &ArrowError) -> EngineError {
    use ArrowError as A;
    match error {
        A::ExternalError(inner) => from_external(inner.as_ref()),
        A::DivideByZero => EngineError::invalid("division by zero")
            .with_hint("use NULLIF(divisor, 0) to get NULL instead"),
        A::NotYetImplemented(text) => {
            EngineError::invalid(format!("not supported: {}", lower_first(&clean(text))))
        }
        A::CastError(text) | A::ParseError(text) => {
            from_cast_text(text).unwrap_or_else(|| EngineError::invalid(clean(text)))
        }
        A::ComputeError(text) => {
            from_expression(text).unwrap_or_else(|| EngineError::invalid(clean(text)))
        }
        A::ArithmeticOverflow(text) => from_overflow(text),
        A::InvalidArgumentError(text)
        | A::CsvError(text)
        | A::JsonError(text)
        | A::AvroError(text)
        | A::SchemaError(text)
        | A::ParquetError(text)
        | A::IpcError(text) => EngineError::invalid(clean(text)),
        A::MemoryError(text) => EngineError::new(ErrorKind::Exhausted, clean(text)),
        A::IoError(_, inner) => from_io(inner),
        A::CDataInterface(text) => EngineError::internal(clean(text)),
        A::DictionaryKeyOverflowError | A::RunEndIndexOverflowError | A::OffsetOverflowError(_) => {
            EngineError::new(
                ErrorKind::Exhausted,
                "one column of one batch holds more than 2 GB of text",
            )
            .with_hint("SET datafusion.execution.batch_size to a smaller number")
        }
    }
}

/// A result that its type has no room for.
fn from_overflow(text: &str) -> EngineError {
    let text = clean(text);
    match text.strip_prefix("Overflow happened on: ") {
        Some(what) => EngineError::invalid(format!("{what} does not fit the type of its operands"))
            .with_hint("CAST one of them AS BIGINT or DECIMAL(38, 0)"),
        None => EngineError::invalid(text),
    }
}

/// A value that cannot become what it has to: Arrow's sentence with the type as SQL writes it.
fn from_cast_text(text: &str) -> Option<EngineError> {
    let text = clean(text);
    let (value, type_name) = match text.strip_prefix("Can't cast value ") {
        Some(rest) => rest.split_once(" to type ")?,
        None => {
            let rest = text.strip_prefix("Cannot cast ")?.split_once('\'')?.1;
            rest.strip_suffix(" type")?.rsplit_once("' to value of ")?
        }
    };
    let wanted =
        type_name.parse::<DataType>().map_or_else(|_| type_name.to_owned(), |t| a_sql_type(&t));
    Some(
        EngineError::invalid(format!("\"{value}\" is not {wanted}"))
            .with_hint("TRY_CAST gives NULL for what cannot be converted"),
    )
}

fn from_parser(error: &ParserError) -> EngineError {
    match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            let (text, position) = split_location(text);
            let text =
                text.replacen("Expected: ", "expected ", 1).replacen(", found: ", ", found ", 1);
            let text = text.replace("found EOF", "found the end of the statement");
            let error = EngineError::invalid(format!("syntax error: {}", lower_first(&text)));
            position.map_or_else(|| error.clone(), |(line, column)| error.clone().at(line, column))
        }
        ParserError::RecursionLimitExceeded => EngineError::invalid(format!(
            "the statement is nested too deeply: at most {} levels are allowed",
            crate::sql::NESTING_LIMIT
        ))
        .with_hint("name the inner parts in a WITH clause or a view"),
    }
}

fn from_schema(error: &SchemaError) -> EngineError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let error =
                EngineError::not_found(format!("column \"{}\" does not exist", flat(field)));
            let error = EngineError { kind: ErrorKind::Invalid, ..error };
            let named: Vec<String> = valid_fields.iter().map(flat).collect();
            let plain = valid_fields.iter().map(|column| column.name.as_str());
            let known = plain.chain(named.iter().map(String::as_str));
            let error = match field.relation {
                Some(_) => error.with_nearest(&flat(field), named.iter().map(String::as_str)),
                None => error.with_nearest(&field.name, known),
            };
            match error.hint {
                None if !valid_fields.is_empty() && valid_fields.len() <= 20 => {
                    let list: Vec<&str> =
                        valid_fields.iter().map(|column| column.name.as_str()).collect();
                    error.with_hint(format!("the columns here are {}", list.join(", ")))
                }
                _ => error,
            }
        }
        SchemaError::AmbiguousReference { field } => EngineError::invalid(format!(
            "column \"{}\" is ambiguous: more than one table has it",
            field.name
        ))
        .with_hint("put the table name before it"),
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            EngineError::invalid(format!("column \"{name}\" appears more than once"))
                .with_hint("give one of them another name with AS")
        }
    }
}

/// `sales.amount`, without the catalog and without the names we give to files read in place.
fn flat(column: &Column) -> String {
    match &column.relation {
        Some(relation) if !crate::relations::is_hidden(relation.table()) => {
            format!("{}.{}", relation.table(), column.name)
        }
        _ => column.name.clone(),
    }
}

fn from_plan_text(text: &str) -> EngineError {
    let text = clean(text);
    if let Some(name) = between(&text, "table '", "' not found") {
        let name = name.strip_prefix("pareto.").unwrap_or(name);
        return EngineError::not_found(format!("table \"{name}\" does not exist"));
    }
    if let Some(name) = between(&text, "table function '", "' not found") {
        return EngineError::not_found(format!("table function \"{name}\" does not exist"));
    }
    if let Some(name) = between(&text, "Invalid function '", "'") {
        let error = EngineError::invalid(format!("function \"{name}\" does not exist"));
        return match between(&text, "Did you mean '", "'") {
            Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
            None => error,
        };
    }
    if text.starts_with("Projections require unique expression names") {
        return EngineError::invalid("two columns of the result have the same name")
            .with_hint("give one of them another name with AS");
    }
    if let Some(error) = calls::from_call(&text).or_else(|| from_operation(&text)) {
        return error;
    }
    let text = words::in_sql(undumped(&text));
    match text.split_once("Did you mean") {
        Some((before, near)) => {
            EngineError::invalid(before.trim().trim_end_matches('.').to_owned())
                .with_hint(format!("did you mean{}", near.replace('\'', "\"")))
        }
        None => EngineError::invalid(text),
    }
}

/// Two types that an operator does not join.
fn from_operation(text: &str) -> Option<EngineError> {
    let operation = text
        .strip_prefix("Cannot coerce arithmetic expression ")
        .and_then(|rest| rest.split_once(" to valid types"))
        .or_else(|| {
            text.strip_prefix("Cannot get result type for temporal operation ")?.split_once(": ")
        })?;
    Some(
        EngineError::invalid(format!("{} is not defined", words::in_sql(operation.0)))
            .with_hint("CAST one of them AS the type that is meant"),
    )
}

/// The pool's own text lists internal consumers; a person needs the step, the limit and the ways out.
fn from_exhausted(text: &str) -> EngineError {
    let step = [
        ("HashJoin", "a join"),
        ("NestedLoopJoin", "a join"),
        ("CrossJoin", "a join"),
        ("SortMergeJoin", "a join"),
        ("Aggregate", "a GROUP BY"),
        ("Sort", "a sort"),
        ("Window", "a window function"),
        ("TopK", "an ORDER BY with LIMIT"),
        ("Parquet", "writing Parquet"),
        ("Repartition", "an exchange between threads"),
    ]
    .iter()
    .find(|(name, _)| text.contains(name))
    .map_or("the query", |(_, step)| step);
    let error = if text.contains("temporary directory") || text.contains("disk space") {
        EngineError::new(
            ErrorKind::Exhausted,
            format!("{step} needs more room on disk than the spill limit allows"),
        )
        .with_hint("raise the spill limit (--spill-limit), or filter and aggregate earlier")
    } else {
        let limit =
            between(text, "pool_size: ", ")").map(|size| format!(" of {size}")).unwrap_or_default();
        EngineError::new(ErrorKind::Exhausted, format!("{step} needs more memory than the memory pool{limit} has left"))
            .with_hint("raise the memory limit (--memory-limit), filter or aggregate earlier, or run fewer queries at once")
    };
    tracing::debug!(detail = text, "memory pool exhausted");
    error
}

fn from_external(error: &(dyn Error + 'static)) -> EngineError {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(error) = error.downcast_ref::<EngineError>() {
            return error.clone();
        }
        if let Some(error) = error.downcast_ref::<CatalogError>() {
            return error.clone().into();
        }
        if let Some(error) = error.downcast_ref::<DataFusionError>() {
            return from_datafusion(error);
        }
        if let Some(error) = error.downcast_ref::<ArrowError>() {
            return from_arrow(error);
        }
        if let Some(error) = error.downcast_ref::<object_store::Error>() {
            return from_store(error);
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return from_io(error);
        }
        current = error.source();
    }
    from_foreign(error, ErrorKind::Internal)
}

fn from_store(error: &object_store::Error) -> EngineError {
    use object_store::Error as S;
    let kind = match error {
        S::NotFound { .. } => ErrorKind::NotFound,
        S::AlreadyExists { .. } => ErrorKind::AlreadyExists,
        S::Precondition { .. } => ErrorKind::Conflict,
        S::PermissionDenied { .. } | S::Unauthenticated { .. } => ErrorKind::Denied,
        S::InvalidPath { .. }
        | S::NotSupported { .. }
        | S::NotImplemented { .. }
        | S::UnknownConfigurationKey { .. } => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    match error {
        S::NotFound { path, .. } => EngineError::new(kind, format!("\"{path}\" does not exist")),
        S::AlreadyExists { path, .. } => {
            EngineError::new(kind, format!("\"{path}\" is already there"))
        }
        S::PermissionDenied { path, .. } | S::Unauthenticated { path, .. } => {
            EngineError::new(kind, format!("no right to open \"{path}\""))
        }
        _ => from_foreign(error, kind),
    }
}

fn from_io(error: &std::io::Error) -> EngineError {
    use std::io::ErrorKind as I;
    if let Some(inner) = error.get_ref()
        && (inner.is::<EngineError>()
            || inner.is::<CatalogError>()
            || inner.is::<DataFusionError>())
    {
        return from_external(inner);
    }
    let kind = match error.kind() {
        I::NotFound => ErrorKind::NotFound,
        I::PermissionDenied => ErrorKind::Denied,
        I::AlreadyExists => ErrorKind::AlreadyExists,
        I::StorageFull | I::OutOfMemory | I::QuotaExceeded => ErrorKind::Exhausted,
        I::InvalidData | I::InvalidInput | I::UnexpectedEof => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    from_foreign(error, kind)
}

/// The last cause says most; the first says where. Both, without repeating.
fn from_foreign(error: &(dyn Error + 'static), kind: ErrorKind) -> EngineError {
    if let Some(error) = from_expression(&error.to_string()) {
        return error;
    }
    let first = clean(&error.to_string());
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let last = clean(&last.to_string());
    let message = if first.contains(&last) { first } else { format!("{first}: {last}") };
    EngineError::new(kind, message)
}

/// What is no regular expression: the picture that the reader of those draws, as a sentence.
fn from_expression(text: &str) -> Option<EngineError> {
    let (_, picture) = text.split_once("regex parse error:")?;
    let written = picture.lines().map(str::trim).find(|line| !line.is_empty())?;
    let wrong = picture.lines().find_map(|line| line.trim().strip_prefix("error: "))?;
    Some(EngineError::invalid(format!("\"{written}\" is not a regular expression: {wrong}")))
}

/// Drops the prefixes and advice that layers put around their text, and all lines but the first.
fn clean(text: &str) -> String {
    const PREFIXES: [&str; 22] = [
        "DataFusion error: ",
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ",
        "Execution error: ",
        "External error: ",
        "External: ",
        "Arrow error: ",
        "Parquet error: ",
        "Parser error: ",
        "Cast error: ",
        "Compute error: ",
        "Csv error: ",
        "Json error: ",
        "Invalid argument error: ",
        "Internal error: ",
        "This feature is not implemented: ",
        "Invalid or Unsupported Configuration: ",
        "Object Store error: ",
        "Optimizer rule failed",
        "type_coercion",
        "IO error: ",
    ];
    let text = text.split("This issue was likely caused by").next().unwrap_or(text);
    let mut text = text.rsplit("\ncaused by\n").next().unwrap_or(text).trim();
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest.trim_start();
    }
    let text = text.split("\n\nBacktrace:").next().unwrap_or(text).replace('\n', " ");
    let text = text.replace("pareto.public.", "").replace("pareto.", "");
    text.trim().trim_end_matches('.').to_owned()
}

/// Splits "... at Line: 1, Column: 8" into the text and the location.
fn split_location(text: &str) -> (&str, Option<(u64, u64)>) {
    let text = text.strip_prefix("sql parser error: ").unwrap_or(text);
    let Some((message, rest)) = text.rsplit_once(" at Line: ") else { return (text, None) };
    let Some((line, column)) = rest.split_once(", Column: ") else { return (message, None) };
    let digits: String = column.chars().take_while(char::is_ascii_digit).collect();
    match (line.trim().parse(), digits.parse()) {
        (Ok(line), Ok(column)) => (message, Some((line, column))),
        _ => (message, None),
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

/// What comes before the innards of a tree, which are printed for the authors of the planner.
fn undumped(text: &str) -> &str {
    let ends = [" { ", ", got Literal("];
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    end.map_or(text, |end| text[..end].trim_end())
}

/// Lower-cases the first letter, unless the word is an abbreviation.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(std::iter::once(second)).chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn walks_wrappers_to_the_cause() {
        let cause = CatalogError::new(CatalogErrorKind::Conflict, "table \"t\" changed")
            .with_hint("run it again");
        let wrapped = DataFusionError::Shared(Arc::new(DataFusionError::Context(
            "some_rule".into(),
            Box::new(DataFusionError::ArrowError(
                Box::new(ArrowError::ExternalError(Box::new(DataFusionError::External(Box::new(
                    cause,
                ))))),
                None,
            )),
        )));
        let error = EngineError::from(wrapped);
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert_eq!(error.message, "table \"t\" changed");
        assert_eq!(error.hint.as_deref(), Some("run it again"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_the_type() {
        let message = |text: &str| EngineError::from(ArrowError::CastError(text.into())).message;
        let text = "Cannot cast string 'x' to value of Int32 type";
        assert_eq!(message(text), "\"x\" is not an INT");
        assert_eq!(message("Can't cast value 300 to type Int8"), "\"300\" is not a TINYINT");
        assert_eq!(message("something else"), "something else");
    }

    #[test]
    fn a_missing_column_names_the_nearest() {
        let column = |name: &str| Column::new(Some("sales"), name);
        let error = DataFusionError::SchemaError(
            Box::new(SchemaError::FieldNotFound {
                field: Box::new(Column::new_unqualified("amout")),
                valid_fields: vec![column("amount"), column("sold_on")],
            }),
            Box::new(None),
        );
        let error = EngineError::from(error);
        assert_eq!(error.message, "column \"amout\" does not exist");
        assert_eq!(error.hint.as_deref(), Some("did you mean \"amount\"?"));
    }

    #[test]
    fn memory_errors_name_the_step_and_the_pool() {
        let text = "Additional allocation failed for HashJoinInput[0] with top memory consumers (across reservations) as:\n\
             Error: Failed to allocate additional 1.0 MB for HashJoinInput[0] with 0.0 B already allocated for this \
             reservation - 8.0 B remain available for the total memory pool: fair(pool_size: 64.0 MB)";
        let error = EngineError::from(DataFusionError::ResourcesExhausted(text.into()));
        assert_eq!(error.kind, ErrorKind::Exhausted);
        assert_eq!(
            error.message,
            "a join needs more memory than the memory pool of 64.0 MB has left"
        );
    }

    #[test]
    fn syntax_errors_carry_their_place() {
        let error = EngineError::from(ParserError::ParserError(
            "Expected: an expression, found: FROM at Line: 2, Column: 8".into(),
        ));
        assert_eq!(error.message, "syntax error: expected an expression, found FROM");
        assert_eq!(error.position.unwrap().line, 2);
    }
}
