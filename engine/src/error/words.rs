//! Types and values as SQL writes them, in sentences of the planner, which writes them its own way.
//!
//! Example: `Cannot coerce arithmetic expression Utf8 + Int64` becomes `.. VARCHAR + BIGINT`, and `Int64(5)` becomes `5`.

use crate::sql::sql_type;
use arrow::datatypes::DataType;

/// The planner's types that are one word.
fn type_named(word: &str) -> Option<DataType> {
    let is_one = word.starts_with(|first: char| first.is_ascii_uppercase()) && word != "Null";
    is_one.then(|| word.parse().ok()).flatten()
}

/// A type of the planner, whatever it looks like; those that no table can hold by their kin.
pub(super) fn type_in_sql(written: &str) -> String {
    let written = written.trim();
    match written {
        "Numeric" | "Decimal" => return "DECIMAL".to_owned(),
        "Integer" | "UInt64" | "UInt32" | "UInt16" | "UInt8" => return "BIGINT".to_owned(),
        "Float" => return "DOUBLE".to_owned(),
        "String" => return "VARCHAR".to_owned(),
        "Date" => return "DATE".to_owned(),
        "Timestamp" => return "TIMESTAMP".to_owned(),
        "Interval" | "Duration" => return "INTERVAL".to_owned(),
        _ => {}
    }
    written.parse::<DataType>().map_or_else(|_| written.to_owned(), |known| sql_type(&known))
}

/// A sentence with its types and values as SQL writes them.
pub(super) fn in_sql(text: &str) -> String {
    let mut sentence = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_uppercase()) {
        let before = rest[..start].chars().next_back();
        sentence.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let is_whole = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"');
        match type_named(word).filter(|_| is_whole) {
            Some(_) if value(after).is_some() => {
                let (value, after) = value(after).unwrap_or_default();
                sentence.push_str(&value);
                rest = after;
            }
            Some(known) if !after.starts_with('(') => {
                sentence.push_str(&sql_type(&known));
                rest = after;
            }
            _ => {
                sentence.push_str(word);
                rest = after;
            }
        }
    }
    sentence.push_str(rest);
    sentence
}

/// The value in `(5)` or `("web")`, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('(')?;
    if let Some(quoted) = inside.strip_prefix('"') {
        let (value, after) = quoted.split_once("\")")?;
        return Some((format!("'{value}'"), after));
    }
    let (value, after) = inside.split_once(')')?;
    let is_number = !value.is_empty()
        && value.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | 'e' | '+'));
    is_number.then(|| (value.to_owned(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_values_are_those_of_sql() {
        for (theirs, ours) in [
            ("expression Utf8 + Int64 to", "expression VARCHAR + BIGINT to"),
            ("predicate 'Int64(5)' returning Int64", "predicate '5' returning BIGINT"),
            ("t.x > Utf8(\"a (b)\") AND Float64(-1.5)", "t.x > 'a (b)' AND -1.5"),
            ("column Int64s of my_Utf8", "column Int64s of my_Utf8"),
            ("Decimal128(10, 2) stays", "Decimal128(10, 2) stays"),
        ] {
            assert_eq!(in_sql(theirs), ours);
        }
    }
}
