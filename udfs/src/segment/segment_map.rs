//! `segment_map(map)`: the rules of a segment map in order, as a table.
//!
//! `SELECT * FROM segment_map('pyramid')` begins with `prospect` for scores 0, 0, 0 and ends with `small`
//! for money 1 to 3. A table with these columns is a map of one's own.

use super::map_table::rows;
use super::map_text::{MAP, chosen};
use crate::function::{Function, Otherwise, Parameter, Spec};
use crate::table;

static SPEC: Spec = Spec {
    name: "segment_map",
    aliases: &[],
    package: "Segments",
    summary: "The rules of a segment map, in the order in which they are tried.",
    parameters: &[PARAMETER],
    returns: "TABLE(position INT, segment TEXT, r_lo, r_hi, f_lo, f_hi, m_lo, m_hi, fm_lo, fm_hi INT), one row \
              per area; rows with the same position are alternatives of one rule. fm is frequency and money \
              together. NULL bounds mean any score.",
    nulls: "None: the map is a constant.",
    ties: "The rule with the smaller position has the cell.",
    errors: "Planning: an unknown map, a rule that cannot be read, which is named.",
    formula: "A cell belongs to the first rule with a row whose ranges hold all of its scores.",
    source: "The maps of segment, or the rules given.",
    example: "SELECT position, segment, r_lo, r_hi, f_lo, m_lo FROM segment_map('New: r 4-5, f 1; Rest: any') ORDER \
              BY position",
    answer: &["1 New 4 5 1 NULL", "2 Rest NULL NULL NULL NULL"],
};

/// The parameter `map`, without a default.
pub(crate) const PARAMETER: Parameter = Parameter {
    name: "map",
    kind: MAP,
    otherwise: Otherwise::Required,
    about: "A map of segment by its name, or rules as text",
};

/// The function.
pub(crate) fn function() -> Function {
    table::function(&SPEC, |arguments| rows(&chosen(arguments)?))
}
