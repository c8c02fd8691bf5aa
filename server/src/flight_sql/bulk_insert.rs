//! Many rows bound to one `INSERT .. VALUES (?, ?)`: one statement, one commit.
//!
//! Drivers bind a batch of rows to an INSERT of one row. Run row by row that would be a statement each; instead the row
//! of placeholders becomes all rows at once, written out while they are few and read from a file when they are many:
//!
//! ```text
//! INSERT INTO t VALUES (?, upper(?))      bound to 2 rows
//! INSERT INTO t VALUES ($1, upper($2)), ($3, upper($4))
//!
//! INSERT INTO t VALUES (?, upper(?))      bound to 100,000 rows
//! INSERT INTO t SELECT "p1", upper("p2") FROM read_parquet('..')
//! ```
//!
//! It never touches a statement it does not fully understand: those run row by row, with the same result.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, SetExpr, Statement, Value, Values, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use futures::stream;
use tonic::Status;

use super::sessions::Caller;
use super::spool::Spool;
use super::{statement, upload, wire};
use crate::status::{from_engine, internal};

/// Up to so many values are planned as placeholders, which costs less than a file.
const FEW_VALUES: usize = 1_024;

/// Runs the rows in bulk and counts them; `None` when the statement is not a plain INSERT of one row of values.
pub(crate) async fn run(
    caller: &Caller,
    sql: &str,
    parameters: &[RecordBatch],
) -> Result<Option<i64>, Status> {
    let rows: usize = parameters.iter().map(RecordBatch::num_rows).sum();
    let width = parameters.first().map_or(0, RecordBatch::num_columns);
    if rows < 2 || width == 0 {
        return Ok(None);
    }
    let Some(template) = Template::parse(sql, width) else { return Ok(None) };
    let has_union = parameters
        .iter()
        .flat_map(RecordBatch::columns)
        .any(|c| matches!(c.data_type(), DataType::Union(_, _)));
    if rows * width > FEW_VALUES && !has_union {
        return run_file(caller, &template, parameters).await.map(Some);
    }
    // Values of a union differ in type from row to row and have no place in a file.
    let mut total = 0;
    let mut waiting = Vec::new();
    for batch in parameters {
        for index in 0..batch.num_rows() {
            waiting.push(upload::row(batch, index)?);
            if (waiting.len() + 1) * width > FEW_VALUES {
                total += run_rows(caller, &template, std::mem::take(&mut waiting)).await?;
            }
        }
    }
    if !waiting.is_empty() {
        total += run_rows(caller, &template, waiting).await?;
    }
    Ok(Some(total))
}

/// The rows as a file, its columns named as [`Template::read`] expects them.
async fn run_file(
    caller: &Caller,
    template: &Template,
    parameters: &[RecordBatch],
) -> Result<i64, Status> {
    let Some(first) = parameters.first() else { return Ok(0) };
    let fields = first.schema_ref().fields().iter().enumerate();
    let fields: Vec<Field> = fields
        .map(|(index, field)| Field::new(column(index + 1), field.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let batches = parameters.iter().map(|batch| wire::batch(batch, &schema)).collect::<Vec<_>>();
    let spool = Spool::write(&schema, stream::iter(batches)).await?;
    let sql = template
        .read(&spool.relation())
        .ok_or_else(|| internal("inserting rows", "the statement is not one"))?;
    let outcome = caller.session.execute_upload(&sql, &spool.file()).await;
    let outcome = outcome.map_err(|error| from_engine(&error))?;
    Ok(statement::finish(outcome).await?.unwrap_or_default())
}

/// The name under which the file holds a parameter.
fn column(number: usize) -> String {
    format!("p{number}")
}

async fn run_rows(
    caller: &Caller,
    template: &Template,
    rows: Vec<RecordBatch>,
) -> Result<i64, Status> {
    let sql = template.write(rows.len());
    let columns = rows.iter().flat_map(RecordBatch::columns);
    let (fields, values): (Vec<Field>, Vec<ArrayRef>) = columns
        .enumerate()
        .map(|(index, column)| {
            (
                Field::new(format!("${}", index + 1), column.data_type().clone(), true),
                Arc::clone(column),
            )
        })
        .unzip();
    let row = RecordBatch::try_new(Arc::new(Schema::new(fields)), values)
        .map_err(|source| internal("joining parameters", source))?;
    let prepared = caller.session.prepare(&sql).await.map_err(|error| from_engine(&error))?;
    Ok(statement::run_update(&prepared, &[row]).await?.unwrap_or(0))
}

/// An INSERT whose one row of values can be written again and again.
#[derive(Debug)]
struct Template {
    insert: Statement,
    row: Vec<Expr>,
    width: usize,
}

impl Template {
    fn parse(sql: &str, width: usize) -> Option<Self> {
        let mut statements = Parser::parse_sql(&GenericDialect {}, sql).ok()?;
        let mut insert = statements.pop()?;
        if !statements.is_empty() {
            return None;
        }
        let mut row = values(&mut insert)
            .filter(|values| values.rows.len() == 1)?
            .rows
            .first()?
            .content
            .clone();
        // Only the values may hold placeholders, and together they must be the ones that were bound.
        let outside = {
            let mut rest = insert.clone();
            values(&mut rest)?.rows.clear();
            count_placeholders(&mut rest)
        };
        let mut next = 0;
        let numbered = number_placeholders(&mut row, |given| {
            next += 1;
            given.unwrap_or(next)
        })?;
        (outside == 0 && numbered == width && next == width).then_some(Self { insert, row, width })
    }

    /// The statement with `rows` rows of values.
    fn write(&self, rows: usize) -> String {
        let mut insert = self.insert.clone();
        if let Some(values) = values(&mut insert)
            && let Some(first) = values.rows.pop()
        {
            for index in 0..rows {
                let mut row = first.clone();
                row.content.clone_from(&self.row);
                number_placeholders(&mut row.content, |given| {
                    given.unwrap_or_default() + index * self.width
                });
                values.rows.push(row);
            }
        }
        insert.to_string()
    }

    /// The statement with its values taken from the columns of a relation.
    fn read(&self, relation: &str) -> Option<String> {
        let mut row = self.row.clone();
        name_columns(&mut row);
        let row: Vec<String> = row.iter().map(ToString::to_string).collect();
        let select = format!("SELECT {} FROM {relation}", row.join(", "));
        let Statement::Query(query) = Parser::parse_sql(&GenericDialect {}, &select).ok()?.pop()?
        else {
            return None;
        };
        let mut statement = self.insert.clone();
        let Statement::Insert(insert) = &mut statement else { return None };
        insert.source = Some(query);
        Some(statement.to_string())
    }
}

/// Replaces every placeholder by the column of the file that holds its values.
fn name_columns(row: &mut Vec<Expr>) {
    let _: ControlFlow<()> = visit_expressions_mut(row, |expression| {
        if let Expr::Value(value) = expression
            && let Value::Placeholder(name) = &value.value
            && let Some(number) = name.strip_prefix('$').and_then(|digits| digits.parse().ok())
        {
            *expression = Expr::Identifier(Ident::with_quote('"', column(number)));
        }
        ControlFlow::Continue(())
    });
}

/// The VALUES of an INSERT that has nothing else.
fn values(statement: &mut Statement) -> Option<&mut Values> {
    let Statement::Insert(insert) = statement else { return None };
    if insert.on.is_some() || insert.returning.is_some() || !insert.assignments.is_empty() {
        return None;
    }
    match insert.source.as_mut()?.body.as_mut() {
        SetExpr::Values(values) => Some(values),
        _ => None,
    }
}

/// Renames every placeholder to `$n`, n chosen from the number it had (`?` has none). Answers the highest number, or
/// nothing when a placeholder is neither.
fn number_placeholders(
    row: &mut Vec<Expr>,
    mut choose: impl FnMut(Option<usize>) -> usize,
) -> Option<usize> {
    let mut highest = 0;
    let outcome = visit_expressions_mut(row, |expression| {
        if let Expr::Value(value) = expression
            && let Value::Placeholder(name) = &mut value.value
        {
            let given = match name.strip_prefix('$') {
                Some(digits) => match digits.parse::<usize>() {
                    Ok(number) => Some(number),
                    Err(_) => return ControlFlow::Break(()),
                },
                None if name == "?" => None,
                None => return ControlFlow::Break(()),
            };
            let number = choose(given);
            highest = highest.max(number);
            *name = format!("${number}");
        }
        ControlFlow::Continue(())
    });
    outcome.is_continue().then_some(highest)
}

fn count_placeholders(statement: &mut Statement) -> usize {
    let mut count = 0;
    let _: ControlFlow<()> = visit_expressions_mut(statement, |expression| {
        if let Expr::Value(value) = expression
            && matches!(value.value, Value::Placeholder(_))
        {
            count += 1;
        }
        ControlFlow::Continue(())
    });
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, width: usize, expected: Option<&str>) {
        let written = Template::parse(sql, width).map(|template| template.write(2));
        assert_eq!(written.as_deref(), expected, "{sql}");
    }

    #[test]
    fn one_row_of_values_is_repeated() {
        check("INSERT INTO t VALUES (?, ?)", 2, Some("INSERT INTO t VALUES ($1, $2), ($3, $4)"));
        check(
            "insert into s.t (b, a) values ($2, upper($1))",
            2,
            Some("INSERT INTO s.t (b, a) VALUES ($2, upper($1)), ($4, upper($3))"),
        );
        check(
            "INSERT INTO t VALUES (1, ? + 1, NULL)",
            1,
            Some("INSERT INTO t VALUES (1, $1 + 1, NULL), (1, $2 + 1, NULL)"),
        );
    }

    #[test]
    fn many_rows_are_read_from_a_file() {
        let template = Template::parse("INSERT INTO t (b, a) VALUES (upper(?), ? + 1)", 2).unwrap();
        assert_eq!(
            template.read("read_parquet('x')").unwrap(),
            "INSERT INTO t (b, a) SELECT upper(\"p1\"), \"p2\" + 1 FROM read_parquet('x')"
        );
    }

    #[test]
    fn everything_else_runs_row_by_row() {
        check("INSERT INTO t SELECT ?", 1, None);
        check("INSERT INTO t VALUES (?), (?)", 2, None);
        check("INSERT INTO t VALUES (?)", 2, None);
        check("INSERT INTO t VALUES ($1, $1)", 1, None);
        check("UPDATE t SET a = ?", 1, None);
        check("DELETE FROM t WHERE a = ?", 1, None);
        check("not SQL at all", 1, None);
    }
}
