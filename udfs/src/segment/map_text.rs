//! A segment map as text: `Champions: r 4-5, f 4-5, m 4-5; Loyal: r 2-4, f 3-5; Rest: any`.
//!
//! ```text
//! map   = rule { ";" rule }                first match wins
//! rule  = name ":" area { "|" area }       the areas of a rule are alternatives
//! area  = "any" | bound { "," bound }      all bounds hold
//! bound = ("r" | "f" | "m" | "f+m") score [ "-" score ]
//! ```
//!
//! A dimension not mentioned takes any score. A name with a colon, semicolon, bar or quote in it stands
//! in double quotes, a double quote within it doubled. Whatever is wrong is told with the number and
//! the name of its rule.

use datafusion::common::{DataFusionError, Result};

use super::maps::{Map, NAMES, Range};
use super::rules::{Area, DIMENSIONS, Named, Rules};
use crate::args::{Arguments, did_you_mean};
use crate::function::Kind;

/// What the parameter `map` takes.
pub(crate) const MAP: Kind = Kind::Text(
    "one of 'standard10', 'pm5', 'shopify11', 'pyramid', or rules such as 'Champions: r 4-5, f 4-5; Rest: any'",
);

/// A map has no more rules than there are cells.
const MOST: usize = 1_000;

/// The map a call asks for.
pub(crate) fn chosen(arguments: &Arguments) -> Result<Rules> {
    let function = arguments.spec().name;
    // A placeholder is checked when its value is there.
    let text = arguments.text("map")?.unwrap_or_else(|| "standard10".to_owned());
    if let Some(map) = Map::find(text.trim().to_ascii_lowercase().as_str()) {
        return Ok(map.into());
    }
    if !text.contains(':') {
        let hint = did_you_mean(&text, NAMES.iter().copied());
        let accepts = MAP.accepts();
        return Err(DataFusionError::Plan(format!(
            "{function}: map must be {accepts}, not '{text}'{hint}"
        )));
    }
    read(&text).map_err(|problem| DataFusionError::Plan(format!("{function}: map: {problem}")))
}

/// Reads rules; what is wrong names the rule.
pub(crate) fn read(text: &str) -> Result<Rules, String> {
    let mut rules = vec![];
    for part in split(text, ';') {
        if part.trim().is_empty() {
            continue;
        }
        let place = rules.len() + 1;
        if place > MOST {
            return Err(format!(
                "there are more than {MOST} rules, which is more than there are cells"
            ));
        }
        rules.push(rule(part).map_err(|problem| format!("rule {place}, {problem}"))?);
    }
    if rules.is_empty() {
        return Err("there is no rule: write Name: r 4-5, f 4-5; Rest: any".to_owned());
    }
    Ok(Rules(rules))
}

fn rule(text: &str) -> Result<Named, String> {
    let mut halves = split(text, ':').into_iter();
    let name = halves.next().unwrap_or_default().trim();
    let cells: Vec<&str> = halves.collect();
    let segment = match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_owned(),
    };
    let about = |problem: String| format!("'{segment}': {problem}");
    if segment.trim().is_empty() {
        return Err(format!("'{}': it has no name: write Name: r 4-5", text.trim()));
    }
    let [cells] = cells.as_slice() else {
        return Err(about(
            "a colon stands between the name and its scores: Name: r 4-5".to_owned(),
        ));
    };
    let areas = cells.split('|').map(area).collect::<Result<_, _>>().map_err(about)?;
    Ok(Named { segment, areas })
}

fn area(text: &str) -> Result<Area, String> {
    let mut area = Area::default();
    if text.trim().eq_ignore_ascii_case("any") {
        return Ok(area);
    }
    for part in text.split(',') {
        let (dimension, range) = bound(part.trim())?;
        let free = &mut area.0[dimension];
        if free.replace(range).is_some() {
            return Err(format!("{} is bounded twice", DIMENSIONS[dimension].0));
        }
    }
    Ok(area)
}

fn bound(text: &str) -> Result<(usize, Range), String> {
    let lower = text.to_ascii_lowercase();
    let split = lower.find(|letter: char| letter.is_ascii_digit()).unwrap_or(lower.len());
    let (word, scores) = lower.split_at(split);
    let known = DIMENSIONS.iter().position(|(known, _)| *known == word.replace(' ', ""));
    let Some(dimension) = known else {
        return Err(format!(
            "'{text}' is no bound: write r, f, m or f+m with a score or two, as in r 4-5, or any"
        ));
    };
    let (low, high) = scores.split_once('-').unwrap_or((scores, scores));
    match (low.trim().parse(), high.trim().parse()) {
        (Ok(low), Ok(high)) => checked(dimension, (low, high)).map(|range| (dimension, range)),
        _ => Err(format!("'{text}' needs a score or two, as in {word}4-5")),
    }
}

/// Refuses a range that no score can be in.
pub(crate) fn checked(dimension: usize, (low, high): Range) -> Result<Range, String> {
    let (name, highest) = DIMENSIONS[dimension];
    if low > high {
        return Err(format!("{name} {low}-{high} runs backwards: the lower score comes first"));
    }
    if low < 0 || high > highest {
        return Err(format!("{name} {low}-{high} is outside 0-{highest}"));
    }
    Ok((low, high))
}

/// Writes rules, so that [`read`] gives them back.
pub(crate) fn write(rules: &Rules) -> String {
    let bound = |(range, (name, _)): (&Option<Range>, (&str, i64))| {
        let (low, high) = (*range)?;
        Some(if low == high { format!("{name} {low}") } else { format!("{name} {low}-{high}") })
    };
    let area = |area: &Area| {
        let bounds: Vec<String> = area.0.iter().zip(DIMENSIONS).filter_map(bound).collect();
        if bounds.is_empty() { "any".to_owned() } else { bounds.join(", ") }
    };
    let rule = |rule: &Named| {
        let areas: Vec<String> = rule.areas.iter().map(area).collect();
        format!("{}: {}", quoted(&rule.segment), areas.join(" | "))
    };
    rules.0.iter().map(rule).collect::<Vec<_>>().join("; ")
}

fn quoted(name: &str) -> String {
    let plain = name.trim() == name && !name.contains([':', ';', '|', '"']);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The parts between a sign, where it stands outside double quotes.
fn split(text: &str, sign: char) -> Vec<&str> {
    let mut inside = false;
    text.split(|letter: char| {
        inside ^= letter == '"';
        letter == sign && !inside
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::maps::MAPS;

    fn problem(text: &str) -> String {
        read(text).unwrap_err()
    }

    #[test]
    fn every_map_of_ours_is_a_text() {
        for map in MAPS {
            let rules = Rules::from(map);
            assert_eq!(read(&write(&rules)).unwrap(), rules, "{}", map.name);
            assert!(MAP.accepts().contains(&format!("'{}'", map.name)));
        }
    }

    #[test]
    fn a_text_may_be_written_with_air_and_in_any_case() {
        let rules = read(" Best :R 4 - 5,F+M8-10 | m 5 ;\n \"a: \"\"b\"\"; c\": ANY; ").unwrap();
        let area = |r, m, fm| Area([r, None, m, fm]);
        let best = vec![area(Some((4, 5)), None, Some((8, 10))), area(None, Some((5, 5)), None)];
        assert_eq!(rules.0[0], Named { segment: "Best".into(), areas: best });
        assert_eq!(rules.0[1].segment, "a: \"b\"; c");
        assert_eq!(write(&rules), "Best: r 4-5, f+m 8-10 | m 5; \"a: \"\"b\"\"; c\": any");
    }

    #[test]
    fn what_is_wrong_names_its_rule() {
        let cases = [
            ("A: any; B: r 5-3", "rule 2, 'B': r 5-3 runs backwards: the lower score comes first"),
            (
                "A: q 4",
                "rule 1, 'A': 'q 4' is no bound: write r, f, m or f+m with a score or two, as in r 4-5, or any",
            ),
            ("A: r 4, r 5", "rule 1, 'A': r is bounded twice"),
            ("A: r 4-12", "rule 1, 'A': r 4-12 is outside 0-9"),
            ("A: r", "rule 1, 'A': 'r' needs a score or two, as in r4-5"),
            (": r 4", "rule 1, ': r 4': it has no name: write Name: r 4-5"),
            (
                "A: r 4: f 5",
                "rule 1, 'A': a colon stands between the name and its scores: Name: r 4-5",
            ),
            (";;", "there is no rule: write Name: r 4-5, f 4-5; Rest: any"),
        ];
        for (text, expected) in cases {
            assert_eq!(problem(text), expected, "{text}");
        }
    }
}
