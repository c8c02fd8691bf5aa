//! A segment map ready for use: ordered rules over the cells of the three scores.
//!
//! Whatever a map comes from, one of [`MAPS`](super::maps::MAPS), the text of a call or the rows of a
//! table, it becomes [`Rules`]: a name and the areas that carry it, in order. An area bounds recency,
//! frequency, money and the sum of the last two, each or none; `any` bounds nothing.
//!
//! By hand: of `A: r 4-5` and `B: f 3-5`, cell 4-3-1 is A's, for A comes first; B has 1-3-1; nobody has
//! 1-1-1, which is one of the `Others`.

use super::maps::{Cells, Map, Range};

/// A customer no rule matches.
pub(crate) const OTHERS: &str = "Others";

/// Scores above this belong to no rule.
pub(crate) const HIGHEST: i64 = 9;

/// The dimensions an area can bound, as they are written, with their highest value.
pub(crate) const DIMENSIONS: [(&str, i64); 4] =
    [("r", HIGHEST), ("f", HIGHEST), ("m", HIGHEST), ("f+m", 2 * HIGHEST)];

/// A set of cells: a range, or none, for recency, frequency, money, frequency and money together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Area(pub(crate) [Option<Range>; 4]);

impl Area {
    fn contains(&self, [r, f, m]: [i64; 3]) -> bool {
        let scores = [r, f, m, f + m];
        let within = |(range, score): (&Option<Range>, i64)| {
            range.is_none_or(|(low, high)| (low..=high).contains(&score))
        };
        self.0.iter().zip(scores).all(within)
    }
}

/// One name and the areas that carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) segment: String,
    pub(crate) areas: Vec<Area>,
}

impl Named {
    pub(crate) fn contains(&self, cell: [i64; 3]) -> bool {
        self.areas.iter().any(|area| area.contains(cell))
    }
}

/// A map; the first rule that matches wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules(pub(crate) Vec<Named>);

impl From<&Map> for Rules {
    fn from(map: &Map) -> Self {
        let areas = |cells: &Cells| match cells {
            Cells::Box(r, f, m) => vec![Area([Some(*r), Some(*f), Some(*m), None])],
            Cells::Worth(r, fm) => vec![Area([Some(*r), None, None, Some(*fm)])],
            Cells::List(cells) => {
                let one = |cell: i64| Some((cell, cell));
                let area =
                    |cell: &i64| Area([one(cell / 100), one(cell / 10 % 10), one(cell % 10), None]);
                cells.iter().map(area).collect()
            }
        };
        let named = map.rules.iter();
        Self(
            named
                .map(|r| Named { segment: r.segment.to_owned(), areas: areas(&r.cells) })
                .collect(),
        )
    }
}

impl Rules {
    /// The name of a rule.
    pub(crate) fn name(&self, rule: usize) -> &str {
        self.0.get(rule).map_or(OTHERS, |rule| &rule.segment)
    }

    /// The first rule that has the cell.
    pub(crate) fn rule(&self, cell: [i64; 3]) -> Option<usize> {
        self.0.iter().position(|rule| rule.contains(cell))
    }

    /// The rule of every cell, for scores 0 to 9, at place `100 r + 10 f + m`.
    pub(crate) fn table(&self) -> Vec<Option<usize>> {
        cells(0, HIGHEST).map(|cell| self.rule(cell)).collect()
    }

    /// The best score the rules speak of; 5 if they name none.
    pub(crate) fn best(&self) -> i64 {
        let areas = self.0.iter().flat_map(|rule| &rule.areas);
        let ranges = areas.flat_map(|area| &area.0[..3]).flatten();
        // A range up to the highest score there is means no more than "and above".
        let ends =
            ranges.flat_map(|(low, high)| [*low, if *high < HIGHEST { *high } else { *low }]);
        ends.max().filter(|best| *best > 0).unwrap_or(5)
    }
}

/// The cells of these scores, in order.
pub(crate) fn cells(low: i64, high: i64) -> impl Iterator<Item = [i64; 3]> {
    let scores = low..=high;
    scores.clone().flat_map(move |r| {
        let scores = scores.clone();
        scores.clone().flat_map(move |f| scores.clone().map(move |m| [r, f, m]))
    })
}

/// The place of a cell in [`Rules::table`]; None for scores outside 0 to 9.
pub(crate) fn cell(r: i64, f: i64, m: i64) -> Option<usize> {
    let within = [r, f, m].iter().all(|score| (0..=HIGHEST).contains(score));
    within.then(|| usize::try_from(100 * r + 10 * f + m).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::maps::MAPS;

    fn rules(name: &str) -> Rules {
        Map::find(name).unwrap().into()
    }

    #[test]
    fn standard10_names_the_customers_of_the_readme() {
        let rules = rules("standard10");
        let named = [[3, 4, 3], [4, 1, 2], [3, 2, 3], [5, 4, 4], [4, 3, 3]]
            .map(|cell| rules.name(rules.rule(cell).unwrap()));
        let expected = [
            "Potential Loyalist",
            "New Customers",
            "Loyal Customers",
            "Potential Loyalist",
            "Potential Loyalist",
        ];
        assert_eq!(named, expected);
    }

    #[test]
    fn every_cell_of_shopify11_and_pyramid_has_a_name() {
        for name in ["shopify11", "pyramid"] {
            assert!(cells(1, 5).all(|cell| rules(name).rule(cell).is_some()), "{name}");
        }
    }

    #[test]
    fn the_table_agrees_with_the_rules() {
        for map in MAPS {
            let rules = Rules::from(map);
            let table = rules.table();
            assert_eq!(table.len(), 1_000);
            assert_eq!(table[cell(3, 4, 4).unwrap()], rules.rule([3, 4, 4]));
        }
        assert_eq!(cell(10, 1, 1), None);
        assert_eq!(cell(1, -1, 1), None);
    }

    #[test]
    fn the_best_score_is_the_one_spoken_of() {
        let best = ["standard10", "pm5", "shopify11", "pyramid"].map(|name| rules(name).best());
        assert_eq!(best, [5, 4, 5, 5]);
    }
}
