//! What may come next: keywords, tables, columns and functions, by what stands before the cursor.
//!
//! ```text
//! SELECT * FROM sa|          tables and schemas, because a table name follows FROM
//! SELECT s.| FROM sales s    the columns of sales, because s is its alias (looked for on both sides of the cursor)
//! SELECT am| FROM sales      columns of the tables named, functions, keywords
//! \d sa|                     tables
//! ```
//!
//! Keywords come in the case the word was begun in. Nothing is offered inside a string or a comment.

use super::command;
use super::keywords::KEYWORDS;
use super::names::{Names, Relation};
use super::scan::{Piece, pieces};

/// More candidates than this help nobody.
const MOST: usize = 500;

/// Words after which a table's name follows.
const BEFORE_TABLES: &[&str] = &[
    "from",
    "join",
    "into",
    "update",
    "table",
    "describe",
    "copy",
    "optimize",
    "vacuum",
    "analyze",
    "truncate",
    "references",
    "overwrite",
    "history",
    "view",
];

/// Where the word at the cursor starts, and what it may become.
pub(super) fn complete(line: &str, position: usize, names: &Names) -> (usize, Vec<String>) {
    let before = &line[..position];
    if before.trim_start().starts_with('\\') {
        return complete_command(before, names);
    }
    let found = pieces(before);
    if found.last() == Some(&Piece::Open) {
        return (position, Vec::new());
    }
    let word = word_at_end(before);
    let start = position - word.len();
    // What stands before the word being written.
    let context =
        if word.is_empty() { &found[..] } else { &found[..found.len().saturating_sub(1)] };
    let mut candidates = match context {
        [.., Piece::Word(qualifier, _), Piece::Sign('.')] => after_dot(qualifier, line, names),
        [.., Piece::Word(last, _)]
            if BEFORE_TABLES.iter().any(|known| last.eq_ignore_ascii_case(known)) =>
        {
            tables(names)
        }
        [.., Piece::Sign(',')] if word.is_empty() => columns(line, names),
        _ if word.is_empty() => Vec::new(),
        _ => anywhere(line, word, names),
    };
    candidates.retain(|candidate| starts_with(candidate, word));
    candidates.sort_by_key(|candidate| candidate.to_lowercase());
    candidates.dedup();
    candidates.truncate(MOST);
    (start, candidates)
}

/// Commands, and the tables that they take.
fn complete_command(before: &str, names: &Names) -> (usize, Vec<String>) {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or(before);
    let mut candidates = if word.starts_with('\\') {
        command::NAMES.iter().map(|name| (*name).to_owned()).collect()
    } else if before.trim_start().starts_with("\\d") {
        tables(names)
    } else {
        Vec::new()
    };
    candidates.retain(|candidate| starts_with(candidate, word));
    candidates.sort();
    (before.len() - word.len(), candidates)
}

/// The bare word that the text ends with.
fn word_at_end(text: &str) -> &str {
    let start = text.rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
    start.map_or(text, |at| {
        text.get(at + text[at..].chars().next().map_or(0, char::len_utf8)..).unwrap_or("")
    })
}

/// Whether a candidate begins with the word, case aside.
fn starts_with(candidate: &str, word: &str) -> bool {
    let bare = candidate.strip_prefix('"').unwrap_or(candidate);
    bare.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        || bare.to_lowercase().starts_with(&word.to_lowercase())
}

/// Tables, and the schemas that they are in.
fn tables(names: &Names) -> Vec<String> {
    let system = |schema: &str| schema == "information_schema" || schema == "system";
    let relations = names.relations.iter().filter(|relation| !system(&relation.schema));
    let schemas = names.relations.iter().map(|relation| format!("{}.", quote(&relation.schema)));
    relations.map(|relation| quote(&relation.name)).chain(schemas).collect()
}

/// What follows `qualifier.`: the columns of a table or alias, or the tables of a schema.
fn after_dot(qualifier: &str, line: &str, names: &Names) -> Vec<String> {
    let columns: Vec<String> = mentioned(line, names)
        .into_iter()
        .filter(|(alias, _)| alias.eq_ignore_ascii_case(qualifier))
        .flat_map(|(_, relation)| relation.columns.iter().map(|column| quote(column)))
        .collect();
    if !columns.is_empty() {
        return columns;
    }
    let inside =
        names.relations.iter().filter(|relation| relation.schema.eq_ignore_ascii_case(qualifier));
    inside.map(|relation| quote(&relation.name)).collect()
}

/// The columns of the tables that the statement names, or of all tables when it names none yet.
fn columns(line: &str, names: &Names) -> Vec<String> {
    let mentioned = mentioned(line, names);
    let named: Vec<&Relation> = mentioned.into_iter().map(|(_, relation)| relation).collect();
    let system = |relation: &&Relation| {
        relation.schema != "information_schema" && relation.schema != "system"
    };
    let of = if named.is_empty() { names.relations.iter().filter(system).collect() } else { named };
    of.into_iter()
        .flat_map(|relation| relation.columns.iter().map(|column| quote(column)))
        .collect()
}

/// Columns, functions, keywords and table names.
fn anywhere(line: &str, word: &str, names: &Names) -> Vec<String> {
    let upper = word.chars().any(char::is_uppercase);
    let cased = |keyword: &&str| if upper { (*keyword).to_owned() } else { keyword.to_lowercase() };
    let mut candidates = columns(line, names);
    candidates.extend(names.functions.iter().map(|name| format!("{name}(")));
    candidates.extend(KEYWORDS.iter().map(cased));
    // The word that is being written may itself look like an alias.
    let aliases = mentioned(line, names).into_iter().map(|(alias, _)| alias);
    candidates.extend(aliases.filter(|alias| alias != word));
    candidates
}

/// The tables that the line names after FROM, JOIN and the like, each under its own name and its alias.
fn mentioned<'names>(line: &str, names: &'names Names) -> Vec<(String, &'names Relation)> {
    let pieces = pieces(line);
    let mut found = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let Piece::Word(name, _) = piece else { continue };
        let Some(relation) =
            names.relations.iter().find(|relation| relation.name.eq_ignore_ascii_case(name))
        else {
            continue;
        };
        found.push((relation.name.clone(), relation));
        let alias = match pieces.get(index + 1..) {
            Some([Piece::Word(word, _), Piece::Word(alias, _), ..])
                if word.eq_ignore_ascii_case("as") =>
            {
                alias
            }
            Some([Piece::Word(alias, _), ..]) => alias,
            Some(_) | None => continue,
        };
        found.push((alias.clone(), relation));
    }
    found
}

/// The name as SQL takes it: quoted when it is no plain word.
fn quote(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let relation = |schema: &str, name: &str, columns: &[&str]| Relation {
            schema: schema.into(),
            name: name.into(),
            columns: columns.iter().map(|column| (*column).into()).collect(),
        };
        Names {
            relations: vec![
                relation("information_schema", "tables", &["table_name"]),
                relation("public", "customer", &["customer_id", "name", "Home Town"]),
                relation("public", "sales", &["customer_id", "amount"]),
            ],
            functions: vec!["sum".into(), "segment".into()],
        }
    }

    /// The cursor is at the bar.
    fn check(line: &str, expected: &[&str]) {
        let position = line.find('|').unwrap();
        let line = line.replace('|', "");
        assert_eq!(complete(&line, position, &names()).1, expected, "{line}");
    }

    #[test]
    fn a_table_follows_from() {
        check("SELECT * FROM |", &["customer", "information_schema.", "public.", "sales"]);
        check("SELECT * FROM sa|", &["sales"]);
        check("select * from information_schema.|", &["tables"]);
    }

    #[test]
    fn columns_follow_a_table_or_its_alias() {
        check("SELECT s.| FROM sales s", &["amount", "customer_id"]);
        check("SELECT c.h| FROM sales s JOIN customer AS c", &["\"Home Town\""]);
        check("SELECT sales.a|", &["amount"]);
    }

    #[test]
    fn words_anywhere() {
        check("SELECT am| FROM sales", &["amount"]);
        check("SELECT na| FROM sales", &[]);
        check("SELECT se|", &["segment", "segment(", "select", "set"]);
        check("SELECT amount FROM sales WH|", &["WHEN", "WHERE"]);
        check("SELECT amount, | FROM sales", &["amount", "customer_id"]);
    }

    #[test]
    fn nothing_inside_a_string() {
        check("SELECT 'sa|", &[]);
        check("SELECT 1 -- sa|", &[]);
        check("|", &[]);
    }

    #[test]
    fn commands() {
        check("\\t|", &["\\timing"]);
        check("\\d cu|", &["customer"]);
    }

    #[test]
    fn ten_thousand_columns_are_quick() {
        let columns = (0..10_000).map(|n| format!("column_{n}")).collect();
        let wide = Relation { schema: "public".into(), name: "wide".into(), columns };
        let names = Names { relations: vec![wide], functions: vec![] };
        let started = std::time::Instant::now();
        assert_eq!(complete("SELECT column_99", 16, &names).1.len(), 111);
        assert!(started.elapsed().as_millis() < 50);
    }
}
