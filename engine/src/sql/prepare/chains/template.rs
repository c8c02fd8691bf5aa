//! The query of a chain as a template.
//!
//! | Written | Becomes |
//! |---|---|
//! | `{t}` | the table |
//! | `{customer}`, `{ts}`, `{amount}` | the column |
//! | `{as_of}` | the argument as it was written |
//! | `{unit=>}` | `, unit => 'day'` when `unit` is given, else nothing |
//!
//! Everything else is SQL. Its tokens stand where the chain is called, those of an argument where it is written.
//!
//! Example: `SELECT {customer} FROM {t}`.

use super::call::{Call, placed};
use crate::error::{EngineError, Result};
use crate::sql::prepare::named;
use sqlparser::tokenizer::TokenWithSpan;

/// The history of every customer, from every row of the table.
pub(super) const HISTORY: &str = "SELECT {customer}, rfm_state({ts}, {amount}, \
    {as_of}{unit=>}{collapse=>}{on_negative=>}{include_first=>}) AS \"$history\" \
    FROM {t} WHERE {customer} IS NOT NULL GROUP BY {customer}";

/// The same from the rows up to `as_of`, so that later files are not read. `rfm_state` draws the line itself, at the end
/// of the day in the time zone of the column; this one leaves a day for time zones.
pub(super) const HISTORY_UNTIL: &str = "SELECT {customer}, rfm_state({ts}, {amount}, \
    {as_of}{unit=>}{collapse=>}{on_negative=>}) AS \"$history\" \
    FROM {t} WHERE {customer} IS NOT NULL AND {ts} < CAST({as_of} AS DATE) + INTERVAL '2 days' \
    GROUP BY {customer}";

/// Puts the arguments of a call into a template.
pub(super) fn fill(template: &str, call: &Call) -> Result<Vec<TokenWithSpan>> {
    let mut tokens = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        tokens.extend(placed(before, call.place)?);
        let (hole, after) = after
            .split_once('}')
            .ok_or_else(|| EngineError::internal("a template with an open bracket"))?;
        tokens.extend(filled(hole, call)?);
        rest = after;
    }
    tokens.extend(placed(rest, call.place)?);
    Ok(tokens)
}

fn filled(hole: &str, call: &Call) -> Result<Vec<TokenWithSpan>> {
    match hole {
        "t" => call.table(),
        "customer" | "ts" | "amount" => Ok(vec![named::token(&call.column(hole)?)]),
        _ => match hole.strip_suffix("=>") {
            None => call.value(hole),
            Some(name) if call.given(name).is_none() => Ok(Vec::new()),
            Some(name) => {
                let mut tokens = placed(&format!(", {name} => "), call.place)?;
                tokens.extend(call.value(name)?);
                Ok(tokens)
            }
        },
    }
}
