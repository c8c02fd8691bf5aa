//! The chains `rfm_summary`, `rfm_table` and `clv_table`: a table's name in, one row per customer out.
//!
//! A call in FROM becomes the query it stands for, before anything is planned: plain functions over the named table,
//! which the planner resolves, prunes and checks like any other. The tokens of that query carry the places of the call
//! and of its arguments, so an error about a column points at the argument that names it. What a chain takes is in its
//! contract in the functions' package; nothing here knows what a score or a model is.
//!
//! Example: `FROM rfm_summary('sales', 'customer_id', 'sold_on', 'amount', DATE '2025-12-31') AS s` becomes
//! `FROM (SELECT customer_id, .. FROM (SELECT customer_id, rfm_state(sold_on, amount, ..) .. FROM sales ..)) AS s`.

mod call;
mod clv_table;
mod rfm_summary;
mod rfm_table;
mod template;

use crate::error::{EngineError, Result};
use call::Call;
use pareto_udfs::Spec;
use sqlparser::ast::{
    ObjectName, ObjectNamePart, Query, SetExpr, Statement, TableAlias, TableFactor,
    TableFunctionArgs,
};

/// What a chain stands for.
struct Meaning {
    /// The query, as a template.
    query: String,
    /// Names of columns that the query makes, which the customer's column must not have.
    columns: &'static [&'static str],
}

/// The derived table that a call stands for, when it is a call of a chain.
pub(super) fn expand(
    name: &ObjectName,
    arguments: &TableFunctionArgs,
    alias: Option<&TableAlias>,
) -> Result<Option<TableFactor>> {
    let [ObjectNamePart::Identifier(called)] = name.0.as_slice() else { return Ok(None) };
    let Some(spec) = spec(&crate::sql::reader::normalize(called)) else { return Ok(None) };
    let call = Call::read(spec, called.span, &arguments.args)?;
    let meaning = match spec.name {
        "rfm_summary" => rfm_summary::meaning(),
        "rfm_table" => rfm_table::meaning(&call)?,
        "clv_table" => clv_table::meaning(&call)?,
        other => return Err(EngineError::internal(format!("the chain {other} has no meaning"))),
    };
    call.check_customer(meaning.columns)?;
    let alias = alias.cloned().unwrap_or_else(|| super::plain_alias(spec.name));
    Ok(Some(TableFactor::Derived {
        lateral: false,
        subquery: parse(template::fill(&meaning.query, &call)?)?,
        alias: Some(alias),
        sample: None,
    }))
}

/// The contract of the chain of that name.
fn spec(name: &str) -> Option<&'static Spec> {
    pareto_udfs::chains().into_iter().find(|spec| spec.name == name)
}

/// Reads a chain's query, with the arguments of its calls in their places.
fn parse(tokens: Vec<sqlparser::tokenizer::TokenWithSpan>) -> Result<Box<Query>> {
    use datafusion::sql::parser::Statement as SqlStatement;
    let mut statement = crate::sql::sql_statement(tokens)?;
    pareto_udfs::normalize_statement(&mut statement)?;
    if let SqlStatement::Statement(inner) = statement
        && let Statement::Query(query) = *inner
        && matches!(*query.body, SetExpr::Select(_))
    {
        return Ok(query);
    }
    Err(EngineError::internal("a chain that is no query"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::prepare::visit;
    use crate::sql::tree::Tree;
    use sqlparser::ast::VisitorMut;
    use std::ops::ControlFlow;

    /// Expands the calls in FROM, as `Rewrite` does.
    struct Expand;

    impl VisitorMut for Expand {
        type Break = EngineError;

        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<EngineError> {
            let TableFactor::Table { name, alias, args: Some(args), .. } = factor else {
                return ControlFlow::Continue(());
            };
            match expand(name, args, alias.as_ref()) {
                Ok(Some(derived)) => *factor = derived,
                Ok(None) => {}
                Err(error) => return ControlFlow::Break(error),
            }
            ControlFlow::Continue(())
        }
    }

    fn expanded(sql: &str) -> Result<String> {
        let mut tree: Tree = crate::sql::sql_text(sql)?;
        visit(tree.statement_mut()?, &mut Expand)?;
        Ok(tree.statement()?.to_string())
    }

    fn check(sql: &str, expected: &str) {
        let actual = match expanded(sql) {
            Ok(text) => text,
            Err(error) => error.locate(sql).to_string(),
        };
        assert_eq!(actual, expected, "{sql}");
    }

    #[test]
    fn a_summary_is_one_aggregate() {
        check(
            "SELECT * FROM rfm_summary('shop.sales', 'customer_id', 'Sold On', amount => 'net', \
             as_of => DATE '2025-12-31', collapse => 'week') AS s",
            "SELECT * FROM (SELECT customer_id, \"$history\"['first'] AS first, \"$history\"['last'] AS last, \
             \"$history\"['events'] AS events, \"$history\"['x'] AS x, \"$history\"['t_x'] AS t_x, \
             \"$history\"['t'] AS t, \"$history\"['repeat_sum'] AS repeat_sum, \"$history\"['total'] AS total, \
             \"$history\"['m'] AS m, \"$history\"['n_refund'] AS n_refund, \"$history\"['n_null'] AS n_null, \
             \"$history\"['n_after'] AS n_after FROM (SELECT customer_id, rfm_state(\"Sold On\", net, DATE \
             '2025-12-31', NULL, 'week') AS \"$history\" FROM shop.sales WHERE customer_id IS NOT NULL GROUP BY \
             customer_id) AS \"$customers\" WHERE \"$history\"['events'] > 0) AS s",
        );
    }

    #[test]
    fn a_name_of_a_chain_in_another_schema_is_not_one() {
        check("SELECT * FROM s.rfm_table('a')", "SELECT * FROM s.rfm_table('a')");
    }

    #[test]
    fn horizons_are_counted_in_the_unit() {
        let horizon = |arguments: &str| {
            let sql = format!(
                "SELECT * FROM clv_table('s', 'c', 'd', 'a', DATE '2025-12-31'{arguments})"
            );
            let text = expanded(&sql).unwrap();
            let (_, rest) = text.split_once("expected_purchases(\"$model\", ").unwrap();
            rest.split_once(", x").unwrap().0.to_owned()
        };
        assert_eq!(horizon(""), "52");
        assert_eq!(horizon(", unit => 'month'"), "12");
        assert_eq!(horizon(", horizon => 39"), "39");
        assert_eq!(horizon(", horizon => INTERVAL '12 months', unit => 'month'"), "12");
        assert_eq!(horizon(", horizon => INTERVAL '14' DAY"), "2");
        assert_eq!(horizon(", horizon => INTERVAL '1 year', unit => 'day'"), "365.25");
    }
}
