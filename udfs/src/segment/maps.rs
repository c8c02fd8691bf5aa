//! Which scores carry which name.
//!
//! A map is an ordered list of rules over the three scores; the first rule that matches names the
//! customer, and a customer no rule matches is one of the `Others`. Order is data: where two rules
//! overlap, the earlier one has the cell. Score 0 stands for a customer who has not bought yet.
//!
//! These are the maps that come with the library; [`rules`](super::rules) puts them, and those that a
//! statement brings along, to use.

/// One way to name customers by their scores.
#[derive(Debug)]
pub struct Map {
    /// Name for `map => '...'`.
    pub name: &'static str,
    /// What it is for, on which scores, and where it comes from.
    pub about: &'static str,
    /// In order; the first that matches wins.
    pub rules: &'static [Rule],
}

/// One name and the cells that carry it.
#[derive(Debug)]
pub struct Rule {
    /// The segment.
    pub segment: &'static str,
    /// Its cells.
    pub cells: Cells,
}

/// A lowest and a highest score, both included.
pub type Range = (i64, i64);

/// A set of cells.
#[derive(Debug)]
pub enum Cells {
    /// Every cell within three ranges: recency, frequency, money.
    Box(Range, Range, Range),
    /// Recency in the first range, frequency and money together in the second.
    Worth(Range, Range),
    /// The cells listed, as three digits: 344 is recency 3, frequency 4, money 4.
    List(&'static [i64]),
}

impl Map {
    /// The map of that name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        MAPS.iter().find(|map| map.name == name)
    }
}

/// The names of the maps, in the order of [`MAPS`].
pub(crate) const NAMES: &[&str] = &["standard10", "pm5", "shopify11", "pyramid"];

/// The maps there are.
pub static MAPS: &[Map] = &[
    Map {
        name: "standard10",
        about: "Ten segments on scores 1 to 5, in the boxes of the README of the R package rfm \
                (rsquaredacademy).",
        rules: &[
            Rule { segment: "Champions", cells: Cells::Box((5, 5), (5, 5), (5, 5)) },
            Rule { segment: "Potential Loyalist", cells: Cells::Box((3, 5), (3, 5), (2, 5)) },
            Rule { segment: "Loyal Customers", cells: Cells::Box((2, 4), (2, 4), (2, 4)) },
            Rule { segment: "Promising", cells: Cells::Box((3, 4), (1, 3), (3, 5)) },
            Rule { segment: "New Customers", cells: Cells::Box((4, 5), (1, 3), (1, 5)) },
            Rule { segment: "Can't Lose Them", cells: Cells::Box((1, 2), (3, 4), (4, 5)) },
            Rule { segment: "At Risk", cells: Cells::Box((1, 2), (2, 5), (4, 5)) },
            Rule { segment: "Need Attention", cells: Cells::Box((1, 3), (3, 5), (3, 5)) },
            Rule { segment: "About To Sleep", cells: Cells::Box((2, 3), (1, 3), (1, 4)) },
            Rule { segment: "Lost", cells: Cells::Box((1, 1), (1, 5), (1, 5)) },
        ],
    },
    Map {
        name: "pm5",
        about: "Five segments on scores 1 to 4, the cells of the default segment configuration of \
                pymc-marketing.",
        rules: &[
            Rule {
                segment: "Premium Customer",
                cells: Cells::List(&[334, 443, 444, 344, 434, 433, 343, 333]),
            },
            Rule {
                segment: "Repeat Customer",
                cells: Cells::List(&[244, 234, 232, 332, 143, 233, 243, 242]),
            },
            Rule {
                segment: "Top Spender",
                cells: Cells::List(&[
                    424, 414, 144, 314, 324, 124, 224, 423, 413, 133, 323, 313, 134,
                ]),
            },
            Rule {
                segment: "At Risk Customer",
                cells: Cells::List(&[422, 223, 212, 122, 222, 132, 322, 312, 412, 123, 214]),
            },
            Rule {
                segment: "Inactive Customer",
                cells: Cells::List(&[411, 111, 113, 114, 112, 211, 311]),
            },
        ],
    },
    Map {
        name: "shopify11",
        about: "The eleven groups of Shopify on scores 1 to 5. Shopify publishes the names and their \
                meaning, not the boundaries; these boundaries, over recency and the sum of frequency \
                and money, are ours.",
        rules: &[
            Rule { segment: "PROSPECTS", cells: Cells::Box((0, 0), (0, 0), (0, 0)) },
            Rule { segment: "CHAMPIONS", cells: Cells::Worth((5, 5), (8, 10)) },
            Rule { segment: "LOYAL", cells: Cells::Worth((3, 4), (8, 10)) },
            Rule { segment: "ACTIVE", cells: Cells::Worth((4, 5), (5, 7)) },
            Rule { segment: "NEW", cells: Cells::Worth((5, 5), (2, 4)) },
            Rule { segment: "PROMISING", cells: Cells::Worth((4, 4), (2, 4)) },
            Rule { segment: "NEEDS_ATTENTION", cells: Cells::Worth((3, 3), (5, 7)) },
            Rule { segment: "PREVIOUSLY_LOYAL", cells: Cells::Worth((1, 2), (9, 10)) },
            Rule { segment: "AT_RISK", cells: Cells::Worth((1, 2), (6, 8)) },
            Rule { segment: "ALMOST_LOST", cells: Cells::Worth((2, 3), (2, 5)) },
            Rule { segment: "DORMANT", cells: Cells::Worth((1, 1), (2, 5)) },
        ],
    },
    Map {
        name: "pyramid",
        about: "The customer pyramid on scores 1 to 5: prospects have not bought (scores 0), inactive \
                customers not lately (recency 1), the others stand as high as their money. For tiers \
                of exactly 1, 4, 15 and 80 % use value_tier.",
        rules: &[
            Rule { segment: "prospect", cells: Cells::Box((0, 0), (0, 0), (0, 0)) },
            Rule { segment: "inactive", cells: Cells::Box((1, 1), (1, 5), (1, 5)) },
            Rule { segment: "top", cells: Cells::Box((2, 5), (5, 5), (5, 5)) },
            Rule { segment: "big", cells: Cells::Box((2, 5), (1, 4), (5, 5)) },
            Rule { segment: "medium", cells: Cells::Box((2, 5), (1, 5), (4, 4)) },
            Rule { segment: "small", cells: Cells::Box((2, 5), (1, 5), (1, 3)) },
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_list_the_maps() {
        let names: Vec<&str> = MAPS.iter().map(|map| map.name).collect();
        assert_eq!(names, NAMES);
    }
}
