//! Are two answers the same?
//!
//! Numbers are the same when nine digits agree, however they are written: 12, 12.0 and 1.2E1. Rows that come in no order are
//! compared in one.
//!
//! ```text
//! [["EUROPE", "0.30000000000000004"]] is [["EUROPE", "0.3"]]
//! ```

/// The cells of one row.
pub(crate) type Row = Vec<Option<String>>;

/// How far apart two numbers may be, for each of their own size.
const TOLERANCE: f64 = 1e-9;

/// The first difference, in words; None if there is none.
pub(crate) fn difference(ours: &[Row], theirs: &[Row]) -> Option<String> {
    if ours.len() != theirs.len() {
        return Some(format!("{} rows, not {}", ours.len(), theirs.len()));
    }
    let differ = |(one, other): &(&Row, &Row)| {
        one.len() != other.len() || !one.iter().zip(*other).all(|(one, other)| same(one, other))
    };
    let (place, (one, other)) =
        ours.iter().zip(theirs).enumerate().find(|(_, rows)| differ(rows))?;
    Some(format!("row {}: {}, not {}", place + 1, show(one), show(other)))
}

/// Brings rows into an order that does not depend on how numbers are written.
pub(crate) fn sort(rows: &mut [Row]) {
    let key = |cell: &Option<String>| match number(cell) {
        Some(number) => format!("{number:.8e}"),
        None => cell.clone().unwrap_or_default(),
    };
    rows.sort_by_cached_key(|row| row.iter().map(key).collect::<Vec<_>>());
}

fn number(cell: &Option<String>) -> Option<f64> {
    cell.as_ref()?.parse().ok()
}

fn same(one: &Option<String>, other: &Option<String>) -> bool {
    match (number(one), number(other)) {
        (Some(one), Some(other)) => (one - other).abs() <= TOLERANCE * one.abs().max(other.abs()),
        (None, _) | (_, None) => one == other,
    }
}

fn show(row: &Row) -> String {
    let cells: Vec<_> = row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
    cells.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Row {
        cells.iter().map(|cell| (*cell != "NULL").then(|| (*cell).to_owned())).collect()
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let check = |one, other| difference(&[row(&[one])], &[row(&[other])]);
        assert_eq!(check("0.30000000000000004", "0.3"), None);
        assert_eq!(check("12", "1.2E1"), None);
        assert_eq!(check("0", "NULL").as_deref(), Some("row 1: 0, not NULL"));
        assert_eq!(check("1.00000001", "1").as_deref(), Some("row 1: 1.00000001, not 1"));
        assert_eq!(check("web", "app").as_deref(), Some("row 1: web, not app"));
    }

    #[test]
    fn order_does_not_depend_on_writing() {
        let mut one = [row(&["10.0", "b"]), row(&["NULL", "a"]), row(&["9", "c"])];
        let mut other = [row(&["9.00", "c"]), row(&["10", "b"]), row(&["NULL", "a"])];
        sort(&mut one);
        sort(&mut other);
        assert_eq!(difference(&one, &other), None);
    }
}
