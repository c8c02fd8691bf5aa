//! Many rows bound to one `INSERT .. VALUES (?, ?)`: one statement, one commit.
//!
//! Drivers bind a batch of rows to an INSERT of one row. Run row by row that would be a commit each; instead the one
//! row of placeholders is written out once per bound row and the whole is run as a single statement:
//!
//! ```text
//! INSERT INTO t VALUES (?, upper(?))   with 3 rows
//! INSERT INTO t VALUES ($1, upper($2)), ($3, upper($4)), ($5, upper($6))
//! ```
//!
//! It never touches a statement it does not fully understand: those run row by row, with the same result.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use datafusion::sql::sqlparser::ast::{
    Expr, SetExpr, Statement, Value, Values, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use tonic::Status;

use super::sessions::Caller;
use super::{statement, upload};
use crate::status::{from_engine, internal};

/// So many placeholders are planned at once; more rows than fit are several statements.
const MAX_PLACEHOLDERS: usize = 16_384;

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
    let mut total = 0;
    let mut waiting = Vec::new();
    for batch in parameters {
        for index in 0..batch.num_rows() {
            waiting.push(upload::row(batch, index)?);
            if (waiting.len() + 1) * width > MAX_PLACEHOLDERS {
                total += run_rows(caller, &template, std::mem::take(&mut waiting)).await?;
            }
        }
    }
    if !waiting.is_empty() {
        total += run_rows(caller, &template, waiting).await?;
    }
    Ok(Some(total))
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
