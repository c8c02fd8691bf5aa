//! An answer beside the one its file expects, in the way of DataFusion's runner.
//!
//! Lines are compared without the spaces at their end, and `<slt:ignore>` stands for anything. The texts of errors are
//! Pareto's own, so an error is as good as another.

use super::differences::Kind;
use super::records::{Asked, Expected, Order};
use super::sides::{Answer, is_ordered};

/// Stands for any text in what a file expects.
const ANYTHING: &str = "<slt:ignore>";

/// How an answer differs, if it does.
pub(super) fn verdict(asked: &Asked, answer: &Answer) -> Option<Kind> {
    if answer.is_defect() {
        return Some(Kind::Defect);
    }
    let is_plan = asked.sql.trim_start().to_uppercase().starts_with("EXPLAIN");
    match (&asked.expected, answer) {
        (Expected::Failure, Answer::Failed { .. }) => None,
        (Expected::Failure, Answer::Rows(_) | Answer::Changed(_)) => Some(Kind::Accepted),
        (_, Answer::Failed { message, .. }) => Some(refusal(asked, message)),
        (Expected::Success, Answer::Rows(_) | Answer::Changed(_)) => None,
        (Expected::Count(wanted), Answer::Changed(count)) => {
            (count.unwrap_or(0) != *wanted).then_some(Kind::Rows)
        }
        (Expected::Count(_), Answer::Rows(_)) => Some(Kind::Rows),
        (Expected::Rows(wanted, order), Answer::Rows(rows)) => {
            let kind = if is_plan { Kind::Plan } else { Kind::Rows };
            (!is_expected(wanted, rows, *order, is_ordered(&asked.sql))).then_some(kind)
        }
        // Their runner shows how many rows a change made as a row.
        (Expected::Rows(wanted, _), Answer::Changed(count)) => {
            let shown: Vec<String> = count.iter().map(ToString::to_string).collect();
            (*wanted != shown && !wanted.is_empty()).then_some(Kind::Rows)
        }
    }
}

fn refusal(asked: &Asked, message: &str) -> Kind {
    let sql = asked.sql.trim_start().to_uppercase();
    if sql.starts_with("EXPLAIN") {
        return Kind::Plan;
    }
    if sql.starts_with("SET") || sql.starts_with("RESET") || sql.starts_with("SHOW") {
        return Kind::Setting;
    }
    let is_missing = ["no table", "no relation", "does not exist"];
    if is_missing.iter().any(|words| message.contains(words)) {
        Kind::Missing
    } else {
        Kind::Refused
    }
}

fn is_expected(wanted: &[String], rows: &[Vec<String>], order: Order, is_ordered: bool) -> bool {
    let mut lines: Vec<String> = match order {
        Order::AsTheyCome | Order::Rows => rows.iter().map(|row| row.join(" ")).collect(),
        Order::Values => rows.iter().flatten().cloned().collect(),
    };
    if order == Order::Rows {
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        lines = sorted.iter().map(|row| row.join(" ")).collect();
    }
    if order == Order::Values {
        lines.sort_unstable();
    }
    // Of a long answer the file keeps the number of values and a hash; the number is compared.
    if let [only] = wanted
        && let Some((count, _)) = only.split_once(" values hashing to ")
    {
        return count.parse() == Ok(rows.iter().map(Vec::len).sum::<usize>());
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    let wanted: Vec<&str> = wanted.iter().map(|line| line.trim_end()).collect();
    if !wanted.iter().any(|line| line.contains(ANYTHING)) {
        return lines == wanted || !is_ordered && sorted(lines) == sorted(wanted);
    }
    has_in_order(&lines.join("\n"), &wanted.join("\n"))
}

/// Lines whose order nobody asked for.
fn sorted(mut lines: Vec<&str>) -> Vec<&str> {
    lines.sort_unstable();
    lines
}

/// Whether the parts between the marks come in a text one after another, the first at its beginning.
fn has_in_order(text: &str, wanted: &str) -> bool {
    let mut rest = text;
    for (index, part) in wanted.split(ANYTHING).enumerate() {
        match rest.find(part) {
            Some(at) if index > 0 || at == 0 => rest = &rest[at + part.len()..],
            Some(_) | None => return false,
        }
    }
    true
}

#[test]
fn the_mark_stands_for_anything() {
    assert!(has_in_order("foo bar baz", "foo <slt:ignore> baz"));
    assert!(!has_in_order("foo bar baz", "bar <slt:ignore>"));
}
