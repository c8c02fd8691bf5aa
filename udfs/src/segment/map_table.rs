//! Segment maps as rows: what `segment_map` lists, and a table of a user's own rules as text.
//!
//! A rule is one row per area, all with the same position: position, segment, and a lowest and a highest
//! score for r, f, m and for f + m together, NULL where any score will do. [`segment_map_text`] makes
//! the text of such rows, which is the way for a program that knows tables to resolve
//! `map => 'schema.table'`: it reads the table and puts the text in place of its name.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::common::{DataFusionError, Result};

use super::map_text::{checked, write};
use super::rules::{Area, DIMENSIONS, Named, Rules};
use crate::args::did_you_mean;

/// The columns of bounds, in pairs, in the order of [`DIMENSIONS`].
const BOUNDS: [(&str, &str); 4] =
    [("r_lo", "r_hi"), ("f_lo", "f_hi"), ("m_lo", "m_hi"), ("fm_lo", "fm_hi")];

/// The rows of a map.
pub(crate) fn rows(rules: &Rules) -> Result<RecordBatch> {
    let areas = || {
        let numbered = (1_i32..).zip(&rules.0);
        numbered.flat_map(|(place, rule)| rule.areas.iter().map(move |area| (place, rule, area)))
    };
    let places: Int32Array = areas().map(|(place, ..)| Some(place)).collect();
    let names: StringArray = areas().map(|(_, rule, _)| Some(rule.segment.as_str())).collect();
    let mut fields = vec![
        Field::new("position", DataType::Int32, false),
        Field::new("segment", DataType::Utf8, false),
    ];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(places), Arc::new(names)];
    for (dimension, (low, high)) in BOUNDS.into_iter().enumerate() {
        let bound = |of: fn((i64, i64)) -> i64| -> Int32Array {
            areas().map(|(.., area)| i32::try_from(of(area.0[dimension]?)).ok()).collect()
        };
        for (name, column) in [(low, bound(|range| range.0)), (high, bound(|range| range.1))] {
            fields.push(Field::new(name, DataType::Int32, true));
            columns.push(Arc::new(column));
        }
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// The text of a user's map, for `segment(r, f, m, map => ...)`, from the rows of its table.
///
/// The columns are those `segment_map` lists, in any order; numbers of any width. `position` and `segment` must
/// be there and have no NULL. A column of bounds may be missing: then any score will do, as where it is
/// NULL; with one end NULL the range is open on that side. Rows with the same position are alternatives
/// of one rule and must name the same segment. What is wrong names the position.
///
/// ```
/// # use std::sync::Arc;
/// # use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
/// # fn main() -> datafusion::error::Result<()> {
/// let rows = RecordBatch::try_from_iter([
///     ("position", Arc::new(Int64Array::from(vec![2, 1])) as ArrayRef),
///     ("segment", Arc::new(StringArray::from(vec!["Rest", "Best"]))),
///     ("r_lo", Arc::new(Int64Array::from(vec![None, Some(4)]))),
/// ])?;
/// assert_eq!(pareto_udfs::segment_map_text(&[rows])?, "Best: r 4-9; Rest: any");
/// # Ok(())
/// # }
/// ```
pub fn segment_map_text(batches: &[RecordBatch]) -> Result<String> {
    let mut areas = vec![];
    for batch in batches {
        read(batch, &mut areas)?;
    }
    areas.sort();
    areas.dedup();
    let mut rules: Vec<(i64, Named)> = vec![];
    for (place, segment, area) in areas {
        match rules.last_mut() {
            Some((last, rule)) if *last == place && rule.segment == segment => {
                rule.areas.push(area)
            }
            Some((last, rule)) if *last == place => {
                return Err(wrong(&format!(
                    "position {place} is both '{}' and '{segment}': give each segment its own",
                    rule.segment
                )));
            }
            _ => rules.push((place, Named { segment, areas: vec![area] })),
        }
    }
    if rules.is_empty() {
        return Err(wrong("the table has no rows: insert a rule"));
    }
    Ok(write(&Rules(rules.into_iter().map(|(_, rule)| rule).collect())))
}

fn read(batch: &RecordBatch, areas: &mut Vec<(i64, String, Area)>) -> Result<()> {
    let places = numbers(batch, "position")?.ok_or_else(|| missing(batch, "position"))?;
    let names = column(batch, "segment").ok_or_else(|| missing(batch, "segment"))?;
    let names = cast(names, &DataType::Utf8)?;
    let names = names.as_string::<i32>();
    let mut bounds = vec![];
    for (low, high) in BOUNDS {
        bounds.push((numbers(batch, low)?, numbers(batch, high)?));
    }
    for row in 0..batch.num_rows() {
        if places.is_null(row) || names.is_null(row) || names.value(row).trim().is_empty() {
            return Err(wrong("every row needs a position and a segment"));
        }
        let mut area = Area::default();
        for (dimension, (low, high)) in bounds.iter().enumerate() {
            let (low, high) = (at(low, row), at(high, row));
            if low.is_some() || high.is_some() {
                let range = (low.unwrap_or(0), high.unwrap_or(DIMENSIONS[dimension].1));
                let range = checked(dimension, range).map_err(|problem| {
                    let (place, name) = (places.value(row), names.value(row));
                    wrong(&format!("position {place}, '{name}': {problem}"))
                })?;
                area.0[dimension] = Some(range);
            }
        }
        areas.push((places.value(row), names.value(row).to_owned(), area));
    }
    Ok(())
}

fn at(column: &Option<Int64Array>, row: usize) -> Option<i64> {
    column.as_ref().filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    let schema = batch.schema_ref();
    let place = schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name));
    place.and_then(|place| batch.columns().get(place))
}

fn numbers(batch: &RecordBatch, name: &str) -> Result<Option<Int64Array>> {
    let Some(column) = column(batch, name) else { return Ok(None) };
    if !column.data_type().is_integer() && *column.data_type() != DataType::Null {
        return Err(wrong(&format!("{name} is {}, not a whole number", column.data_type())));
    }
    Ok(Some(cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().clone()))
}

fn missing(batch: &RecordBatch, name: &str) -> DataFusionError {
    let schema = batch.schema_ref();
    let hint = did_you_mean(name, schema.fields().iter().map(|field| field.name().as_str()));
    wrong(&format!("the table has no column {name}{hint}"))
}

fn wrong(problem: &str) -> DataFusionError {
    DataFusionError::Plan(format!("segment map: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::map_text;
    use crate::segment::maps::MAPS;

    #[test]
    fn the_rows_of_a_map_are_the_map() {
        for map in MAPS {
            let rules = Rules::from(map);
            let mut sorted = rules.clone();
            sorted.0.iter_mut().for_each(|rule| rule.areas.sort());
            let text = segment_map_text(&[rows(&rules).unwrap()]).unwrap();
            assert_eq!(map_text::read(&text).unwrap(), sorted, "{}", map.name);
        }
    }

    #[test]
    fn a_table_that_is_no_map_is_told_why() {
        let table = |places: Vec<Option<i64>>, names: Vec<&str>, low: Vec<i64>| {
            RecordBatch::try_from_iter([
                ("position", Arc::new(Int64Array::from(places)) as ArrayRef),
                ("segment", Arc::new(StringArray::from(names))),
                ("r_lo", Arc::new(Int64Array::from(low))),
            ])
            .unwrap()
        };
        let problem = |batch| segment_map_text(&[batch]).unwrap_err().strip_backtrace();
        let message = problem(table(vec![Some(1), Some(1)], vec!["A", "B"], vec![1, 2]));
        assert!(message.contains("position 1 is both 'A' and 'B'"), "{message}");
        let message = problem(table(vec![Some(1)], vec!["A"], vec![10]));
        assert!(message.contains("position 1, 'A': r 10-9 runs backwards"), "{message}");
        let message = problem(table(vec![None], vec!["A"], vec![1]));
        assert!(message.contains("every row needs a position and a segment"), "{message}");
        let message = problem(table(vec![], vec![], vec![]));
        assert!(message.contains("the table has no rows"), "{message}");
    }
}
