//! Options of a call: how corner cases are to be decided.
//!
//! An option lists the ways that would do. One of them must be the way it is done here; otherwise the answer would not be
//! the one that was asked for, and the call is refused with the way it is done.
//!
//! Example: `overflow: [SATURATE]` is refused for `add`, whose whole numbers are an error when they outgrow their type;
//! `overflow: [SATURATE, ERROR]` is not, nor is `SILENT`, which leaves open what is answered then.

use crate::error::{EngineError, Result};
use crate::substrait::messages::functions::FunctionOption;

/// How it is done here: option, functions that differ from the rest (none: the rest), ways.
const WAYS: &[(&str, &[&str], &[&str])] = &[
    ("case_sensitivity", &["like"], &["CASE_SENSITIVE", "CASE_INSENSITIVE"]),
    ("case_sensitivity", &[], &["CASE_SENSITIVE"]),
    ("char_set", &[], &["UTF8"]),
    ("distribution", &["std_dev", "variance"], &["SAMPLE", "POPULATION"]),
    ("negative_start", &[], &["LEFT_OF_BEGINNING"]),
    ("null_handling", &["concat"], &["IGNORE_NULLS", "ACCEPT_NULLS"]),
    ("on_domain_error", &["sqrt"], &["ERROR"]),
    ("overflow", &[], &["ERROR", "SILENT"]),
    ("rounding", &["round"], &["TIE_AWAY_FROM_ZERO"]),
    ("rounding", &[], &["TIE_TO_EVEN"]),
];

/// Refuses options that ask for something else than what is done.
pub(super) fn check(function: &str, options: &[FunctionOption]) -> Result<()> {
    for option in options {
        if chosen(function, options, &option.name).is_some() || option.preferences.is_empty() {
            continue;
        }
        let asked = option.preferences.join(" or ");
        let error = EngineError::invalid(format!(
            "{function} cannot do what its option {} asks for: {asked}",
            option.name
        ));
        let ways = ways(function, &option.name);
        return Err(if ways.is_empty() {
            error.with_hint("leave the option out")
        } else {
            error.with_hint(format!("here it is {}", ways.join(" or ")))
        });
    }
    Ok(())
}

/// The first way an option asks for that is one of ours.
pub(super) fn chosen(
    function: &str,
    options: &[FunctionOption],
    name: &str,
) -> Option<&'static str> {
    let option = options.iter().find(|option| option.name.eq_ignore_ascii_case(name))?;
    let ways = ways(function, name);
    option
        .preferences
        .iter()
        .find_map(|asked| ways.iter().find(|way| way.eq_ignore_ascii_case(asked)).copied())
}

fn ways(function: &str, option: &str) -> &'static [&'static str] {
    let found = WAYS.iter().find(|(name, functions, _)| {
        name.eq_ignore_ascii_case(option) && (functions.is_empty() || functions.contains(&function))
    });
    found.map_or(&[], |(_, _, ways)| ways)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_must_allow_what_is_done() {
        let accepts = |function: &str, name: &str, preferences: &[&str], accepted: bool| {
            let option = FunctionOption {
                name: name.to_owned(),
                preferences: preferences.iter().map(|way| (*way).to_owned()).collect(),
            };
            assert_eq!(check(function, &[option]).is_ok(), accepted, "{function} {name}");
        };
        accepts("add", "overflow", &["SATURATE"], false);
        accepts("add", "overflow", &["SATURATE", "error"], true);
        accepts("add", "overflow", &[], true);
        accepts("like", "case_sensitivity", &["CASE_INSENSITIVE"], true);
        accepts("contains", "case_sensitivity", &["CASE_INSENSITIVE"], false);
        accepts("contains", "nonsense", &["X"], false);
    }
}
