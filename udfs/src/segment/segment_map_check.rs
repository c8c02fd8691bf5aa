//! `segment_map_check(map)`: where the rules of a map get into each other's way.
//!
//! An overlap is no mistake by itself, for the first rule wins: it becomes one when somebody expects
//! the later rule to have the cell. A rule that has no cell left, and cells that no rule has, mostly are
//! mistakes.
//!
//! By hand, for scores 1 to 2: `A: r 2; B: f 2; C: r 2, f 2` has A take 2-2-1 and 2-2-2 from B, and all
//! of C; 1-1-1 and 1-1-2 are nobody's.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::Result;

use super::map_text::chosen;
use super::rules::{OTHERS, Rules, cells};
use super::segment_map::PARAMETER;
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};
use crate::table;

static SPEC: Spec = Spec {
    name: "segment_map_check",
    aliases: &[],
    package: "Segments",
    summary: "The cells of a segment map that several rules claim or none has.",
    parameters: &[
        PARAMETER,
        Parameter {
            name: "k",
            kind: Kind::Count(1, 9),
            otherwise: Otherwise::Absent,
            about: "The best score; left out, the best one that the rules speak of",
        },
    ],
    returns: "TABLE(position INT, segment TEXT, finding TEXT, n INT, shadowed_by TEXT, cells TEXT). 'overlap': n \
              cells of the rule belong to the earlier rule shadowed_by; 'unreachable': the rule has no cell \
              of its own; 'unmatched': n cells are the 'Others', without a position. cells lists them as \
              r-f-m. No row means nothing to find.",
    nulls: "None: the map is a constant.",
    ties: "None: the order of the rules decides.",
    errors: "Planning: an unknown map, a rule that cannot be read, which is named, k out of range.",
    formula: "Over all cells of scores 1 to k, and 0-0-0 where a rule speaks of score 0.",
    source: "The R package rfm asks for it (#67): a later rule took 'Champions' from cell 5-5-5.",
    example: "SELECT position, segment, finding, n, shadowed_by, cells FROM segment_map_check('A: r 2; B: f 2; C: r 2, \
              f 2', k => 2)",
    answer: &[
        "2 B overlap 2 A 2-2-1 2-2-2",
        "3 C overlap 2 A 2-2-1 2-2-2",
        "3 C unreachable 2 NULL 2-2-1 2-2-2",
        "NULL Others unmatched 2 NULL 1-1-1 1-1-2",
    ],
};

/// The function.
pub(crate) fn function() -> Function {
    table::function(&SPEC, plan)
}

/// A row of the report.
struct Finding<'a> {
    rule: Option<usize>,
    finding: &'static str,
    shadowed_by: Option<&'a str>,
    cells: Vec<[i64; 3]>,
}

fn plan(arguments: &Arguments) -> Result<RecordBatch> {
    let rules = chosen(arguments)?;
    let best = if arguments.has("k") {
        i64::try_from(arguments.count("k")?).unwrap_or(i64::MAX)
    } else {
        rules.best()
    };
    let findings = findings(&rules, best);
    let position = |finding: &Finding| i32::try_from(finding.rule? + 1).ok();
    let segment =
        |finding: &Finding| Some(finding.rule.map_or(OTHERS, |rule| rules.name(rule)).to_owned());
    let list = |finding: &Finding| {
        let cells = finding.cells.iter().map(|[r, f, m]| format!("{r}-{f}-{m}"));
        Some(cells.collect::<Vec<_>>().join(" "))
    };
    let count = |finding: &Finding| i32::try_from(finding.cells.len()).ok();
    let text = |name: &str, null| Field::new(name, DataType::Utf8, null);
    let whole = |name: &str, null| Field::new(name, DataType::Int32, null);
    let schema = Schema::new(vec![
        whole("position", true),
        text("segment", false),
        text("finding", false),
        whole("n", false),
        text("shadowed_by", true),
        text("cells", false),
    ]);
    Ok(RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(findings.iter().map(position).collect::<Int32Array>()),
            Arc::new(findings.iter().map(segment).collect::<StringArray>()),
            Arc::new(findings.iter().map(|finding| Some(finding.finding)).collect::<StringArray>()),
            Arc::new(findings.iter().map(count).collect::<Int32Array>()),
            Arc::new(findings.iter().map(|finding| finding.shadowed_by).collect::<StringArray>()),
            Arc::new(findings.iter().map(list).collect::<StringArray>()),
        ],
    )?)
}

fn findings(rules: &Rules, best: i64) -> Vec<Finding<'_>> {
    let bounds = rules.0.iter().flat_map(|rule| &rule.areas).flat_map(|area| area.0).flatten();
    let zero = bounds.into_iter().any(|(low, _)| low == 0).then_some([0, 0, 0]);
    let all: Vec<[i64; 3]> = zero.into_iter().chain(cells(1, best)).collect();
    let owners: Vec<Option<usize>> = all.iter().map(|cell| rules.rule(*cell)).collect();
    let mut findings = vec![];
    for (place, rule) in rules.0.iter().enumerate() {
        let mut taken: BTreeMap<usize, Vec<[i64; 3]>> = BTreeMap::new();
        for (cell, owner) in all.iter().zip(&owners).filter(|(cell, _)| rule.contains(**cell)) {
            taken.entry(owner.unwrap_or(place)).or_default().push(*cell);
        }
        let own = taken.remove(&place).is_some();
        let claimed = taken.values().flatten().copied().collect();
        findings.extend(taken.into_iter().map(|(earlier, cells)| Finding {
            rule: Some(place),
            finding: "overlap",
            shadowed_by: Some(rules.name(earlier)),
            cells,
        }));
        if !own {
            findings.push(Finding {
                rule: Some(place),
                finding: "unreachable",
                shadowed_by: None,
                cells: claimed,
            });
        }
    }
    let nobodys = all.iter().zip(&owners).filter(|(_, owner)| owner.is_none());
    let unmatched: Vec<[i64; 3]> = nobodys.map(|(cell, _)| *cell).collect();
    if !unmatched.is_empty() {
        findings.push(Finding {
            rule: None,
            finding: "unmatched",
            shadowed_by: None,
            cells: unmatched,
        });
    }
    findings
}
