//! Where a query names tables in texts: the table of a chain, and a segment map that is a table.
//!
//! Looked at before the query is prepared, so arguments stand as they were written, by position or by name.
//!
//! Example: `rfm_table('sales', .., map => 'mine')` names the tables `sales` and `mine`.

use super::{named, segment_maps};
use crate::sql::reader::normalize;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, ObjectNamePart,
    TableFactor, Value, ValueWithSpan,
};

/// The argument that is a segment map, in all functions that have one.
const MAP: &str = "map";
/// The argument that is a chain's table.
const TABLE: &str = "t";

/// What a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// A table or view of the query, or what its WITH calls so.
    Table,
    /// A map: a built-in one, rules, or a table that holds rules.
    Map,
}

impl Told {
    /// The table that the text names, when it names one without a schema.
    pub(crate) fn without_schema(self, text: &str) -> Option<String> {
        if self == Self::Map && !segment_maps::is_a_table(text) {
            return None;
        }
        match named::table(text)?.as_slice() {
            [name] => Some(normalize(name)),
            _ => None,
        }
    }
}

/// Shows the texts in a call in FROM.
pub(crate) fn in_factor(factor: &mut TableFactor, see: &mut dyn FnMut(Told, &mut String)) {
    let TableFactor::Table { name, args: Some(call), .. } = factor else { return };
    let Some(called) = called(name) else { return };
    if let Some(chain) = pareto_udfs::chains().into_iter().find(|spec| spec.name == called) {
        for (place, parameter) in chain.parameters.iter().enumerate() {
            let told = match parameter.name {
                TABLE => Told::Table,
                MAP => Told::Map,
                _ => continue,
            };
            argument(&mut call.args, parameter.name, place, &mut |text| see(told, text));
        }
    } else if let Some((_, place)) = segment_maps::TABLES.iter().find(|(name, _)| *name == called) {
        argument(&mut call.args, MAP, *place, &mut |text| see(Told::Map, text));
    }
}

/// Shows the texts in an expression, its parts aside.
pub(crate) fn in_expr(expr: &mut Expr, see: &mut dyn FnMut(Told, &mut String)) {
    let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr else {
        return;
    };
    let Some(called) = called(name) else { return };
    if let Some((_, place)) = segment_maps::SCALARS.iter().find(|(name, _)| *name == called) {
        argument(&mut list.args, MAP, *place, &mut |text| see(Told::Map, text));
    }
}

/// The name of a function of ours, which has no schema.
fn called(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(called)] => Some(normalize(called)),
        _ => None,
    }
}

/// Shows the text that is given for an argument.
fn argument(
    args: &mut [FunctionArg],
    wanted: &str,
    place: usize,
    see: &mut dyn FnMut(&mut String),
) {
    for (index, argument) in args.iter_mut().enumerate() {
        let (name, value) = match argument {
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. }
            | FunctionArg::ExprNamed {
                name: Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                ..
            } => (Some(normalize(name)), value),
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (None, value),
            _ => continue,
        };
        let is_it = name.map_or(index == place, |name| name == wanted);
        if let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = value
            && is_it
        {
            see(text);
        }
    }
}
