//! A call that no signature of its function fits: what was given, and what it takes.
//!
//! The planner tries each signature and lists every failure in its own names of types. A person needs the function, the
//! types in SQL, and the way out.
//!
//! Example: `sum('a')` is `function "sum" does not take VARCHAR`, hint `it takes DECIMAL, BIGINT, DOUBLE or INTERVAL`.

use super::EngineError;
use super::words::type_in_sql;

/// The sentence for a call, when that is what a text is about.
pub(super) fn from_call(text: &str) -> Option<EngineError> {
    let is_call = text.contains("failed to match any signature")
        || text.contains("No function matches the given name");
    if !is_call {
        return None;
    }
    let (name, given) = match text.split_once("argument types '") {
        Some((_, call)) => {
            let (call, _) = call.split_once("'.")?;
            let (name, types) = call.split_once('(')?;
            (name, Some(types.strip_suffix(')')?))
        }
        None => (text.split_once("Function '")?.1.split_once('\'')?.0, None),
    };
    let taken = wanted(text);
    let counts = counts(text);
    let refused = all_between(text, "(DataType: ", ")").next();
    let message = match (refused, given, counts.split_last()) {
        (None, _, Some(((_, found), _))) => {
            let numbers: Vec<String> =
                unique(counts.iter().map(|(wanted, _)| (*wanted).to_owned()));
            let noun = if numbers == ["1"] { "argument" } else { "arguments" };
            format!("function \"{name}\" takes {} {noun}, not {found}", listed(&numbers))
        }
        (None, Some(""), None) => format!("function \"{name}\" needs an argument"),
        (None, Some(types), None) => {
            let types: Vec<String> = split(types).into_iter().map(type_in_sql).collect();
            format!("function \"{name}\" does not take ({})", types.join(", "))
        }
        (Some(refused), ..) => {
            format!("function \"{name}\" does not take {}", type_in_sql(refused))
        }
        (None, None, None) => format!("function \"{name}\" does not take these arguments"),
    };
    let error = EngineError::invalid(message);
    let ways = candidates(text);
    Some(if !ways.is_empty() {
        error.with_hint(format!("it is called as {}", listed(&ways)))
    } else if !taken.is_empty() {
        error.with_hint(format!("it takes {}", listed(&taken)))
    } else {
        error
    })
}

/// What a function requires in place of what it got.
fn wanted(text: &str) -> Vec<String> {
    unique(all_between(text, " requires ", ", but received").map(type_in_sql))
}

/// How many arguments the signatures expect, and how many there are.
fn counts(text: &str) -> Vec<(&str, &str)> {
    let pairs = all_between(text, " expects ", " arguments but received").zip(
        text.match_indices(" arguments but received ").map(|(place, found)| {
            let rest = &text[place + found.len()..];
            &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())]
        }),
    );
    pairs.collect()
}

/// The forms that the planner suggests, with the types of SQL.
fn candidates(text: &str) -> Vec<String> {
    let Some((_, list)) = text.split_once("Candidate functions:") else { return Vec::new() };
    let forms = list.split('\t').map(str::trim).filter(|form| !form.is_empty());
    unique(forms.filter_map(|form| {
        let (name, inside) = form.strip_suffix(')')?.split_once('(')?;
        if inside.contains("UserDefined") {
            return None;
        }
        let arguments: Vec<String> = split(inside).into_iter().map(argument).collect();
        Some(format!("{name}({})", arguments.join(", ")))
    }))
}

/// `y: Float64/Float32` as `DOUBLE or REAL`; `Numeric(1)` is one number.
fn argument(written: &str) -> String {
    let (label, types) =
        written.split_once(": ").map_or(("", written), |(label, types)| (label, types));
    let types = types.split_once('(').map_or(types, |(kind, _)| kind);
    match (types, label) {
        ("Any", "") => "value".to_owned(),
        ("Any", label) => label.to_owned(),
        (types, _) => unique(types.split('/').map(type_in_sql)).join(" or "),
    }
}

/// The parts between commas, outside of parentheses.
fn split(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (place, c) in list.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(list[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(list[start..].trim());
    parts
}

fn all_between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split_once(end).map(|(inside, _)| inside))
}

fn unique(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for word in words {
        if !seen.contains(&word) {
            seen.push(word);
        }
    }
    seen
}

/// `a, b or c`.
fn listed(words: &[String]) -> String {
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (String, Option<String>) {
        let error = from_call(text).unwrap();
        (error.message, error.hint)
    }

    #[test]
    fn a_call_is_told_in_the_words_of_sql() {
        let sum = "Function 'sum' failed to match any signature, errors: Error during planning: Function 'sum' requires \
                   Decimal, but received String (DataType: Utf8).,Error during planning: Function 'sum' requires UInt64, but \
                   received String (DataType: Utf8).,Error during planning: Function 'sum' requires Float64, but received \
                   String (DataType: Utf8)";
        let (message, hint) = told(sum);
        assert_eq!(message, "function \"sum\" does not take VARCHAR");
        assert_eq!(hint.unwrap(), "it takes DECIMAL, BIGINT or DOUBLE");
        let substr = "Function 'substr' failed to match any signature, errors: Error during planning: Function 'substr' expects \
                      2 arguments but received 5,Error during planning: Function 'substr' expects 3 arguments but received 5";
        assert_eq!(told(substr).0, "function \"substr\" takes 2 or 3 arguments, not 5");
        let ntile = "Failed to coerce arguments to satisfy a call to 'ntile' function: coercion from Utf8 to the signature \
                     Uniform(1, [UInt64, Int64]) failed. No function matches the given name and argument types \
                     'ntile(Utf8)'. You might need to add explicit type casts. \tCandidate functions: \tntile(UInt64/Int64)";
        let (message, hint) = told(ntile);
        assert_eq!(message, "function \"ntile\" does not take (VARCHAR)");
        assert_eq!(hint.unwrap(), "it is called as ntile(BIGINT)");
        let lag = "'lag' does not support zero arguments. No function matches the given name and argument types 'lag()'. You \
                   might need to add explicit type casts. \tCandidate functions: \tlag(expr: Any) \tlag(expr: Any, offset: Any)";
        let (message, hint) = told(lag);
        assert_eq!(message, "function \"lag\" needs an argument");
        assert_eq!(hint.unwrap(), "it is called as lag(expr) or lag(expr, offset)");
        assert!(from_call("column \"x\" does not exist").is_none());
    }
}
