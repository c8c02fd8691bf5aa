//! The columns of a call as a prediction reads them: numbers and stretches of time, row by row.
//!
//! What a column holds is found out once for all rows.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, IntervalMonthDayNanoArray};
use arrow::datatypes::{Float64Type, IntervalMonthDayNanoType};
use datafusion::common::Result;

use crate::ranking::ordered::infinite;

/// The columns of a call.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    columns: Vec<Column<'a>>,
    rows: usize,
}

#[derive(Debug)]
enum Column<'a> {
    Numbers(&'a Float64Array),
    Spans(&'a IntervalMonthDayNanoArray),
    /// A column that is read in another way.
    Other,
}

impl<'a> Columns<'a> {
    pub(crate) fn read(columns: &'a [ArrayRef]) -> Self {
        let column = |array: &'a ArrayRef| {
            if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
                Column::Numbers(numbers)
            } else if let Some(spans) = array.as_primitive_opt::<IntervalMonthDayNanoType>() {
                Column::Spans(spans)
            } else {
                Column::Other
            }
        };
        let rows = columns.iter().map(|column| column.len()).max().unwrap_or_default();
        Self { columns: columns.iter().map(column).collect(), rows }
    }

    /// How many rows there are. The column of a constant model is shorter.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// A number; None if it is missing in the call or in the row.
    pub(crate) fn number(&self, place: usize, row: usize) -> Option<f64> {
        let Column::Numbers(numbers) = self.columns.get(place)? else { return None };
        numbers.is_valid(row).then(|| numbers.value(row)).filter(|number| !number.is_nan())
    }

    /// As [`Self::number`]; an infinite one is an error that names the argument.
    pub(crate) fn finite(&self, place: usize, row: usize, name: &str) -> Result<Option<f64>> {
        match self.number(place, row) {
            Some(number) if number.is_infinite() => Err(infinite(name, number)),
            number => Ok(number),
        }
    }

    /// A column of stretches of time; None if it is of another kind.
    pub(crate) fn spans(&self, place: usize) -> Option<&'a IntervalMonthDayNanoArray> {
        match self.columns.get(place)? {
            Column::Spans(spans) => Some(spans),
            Column::Numbers(_) | Column::Other => None,
        }
    }
}
