//! A column of fitted models, as the predictions read it.
//!
//! Next to always a column has one model for all customers, or one for each of a few groups: a constant, or copies
//! that a join has made. So a model is read and checked where it changes, and every other row costs a comparison. A
//! constant comes as a column of a single row.
//!
//! It never computes a prediction, and no answer depends on the rows around it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, StringArray, StructArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{DataFusionError, Result};

use super::bgbb::Bgbb;
use super::bgnbd::Bgnbd;
use super::columns::Columns;
use super::gammagamma::GammaGamma;
use super::pnbd::Pnbd;
use super::purchases::Purchases;
use super::sbg::Sbg;
use crate::calendar::{UNITS, unit_days};

/// Makes a model of its name and parameters; None if the name is that of another kind.
pub(crate) type Read<M> = fn(name: &str, params: &[f64]) -> Option<M>;

/// A kind of models: how one is read, and which fits return it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family<M> {
    read: Read<M>,
    fits: &'static str,
}

/// The models of customers who buy.
pub(crate) const PURCHASES: Family<Purchases> = Family {
    read: |name, params| match (name, params) {
        ("bgnbd", &[r, alpha, a, b]) => {
            Some(Purchases::Bgnbd(Bgnbd { r, alpha, a, b, shift: 0.0 }))
        }
        ("mbgnbd", &[r, alpha, a, b]) => {
            Some(Purchases::Bgnbd(Bgnbd { r, alpha, a, b, shift: 1.0 }))
        }
        ("pnbd", &[r, alpha, s, beta]) => Some(Purchases::Pnbd(Pnbd { r, alpha, s, beta })),
        ("bgbb", &[alpha, beta, gamma, delta]) => {
            Some(Purchases::Bgbb(Bgbb { alpha, beta, gamma, delta }))
        }
        _ => None,
    },
    fits: "bgnbd_fit, mbgnbd_fit, pnbd_fit or bgbb_fit",
};

/// The models of what customers spend.
pub(crate) const SPENDING: Family<GammaGamma> = Family {
    read: |name, params| match (name, params) {
        ("gammagamma", &[p, q, v]) => Some(GammaGamma { p, q, v }),
        _ => None,
    },
    fits: "gammagamma_fit",
};

/// The models of customers under contract.
pub(crate) const CONTRACTS: Family<Sbg> = Family {
    read: |name, params| match (name, params) {
        ("sbg", &[alpha, beta]) => Some(Sbg { alpha, beta }),
        _ => None,
    },
    fits: "sbg_fit",
};

/// A column of models, read row by row.
#[derive(Debug)]
pub(crate) struct Models<'a, M> {
    column: &'a StructArray,
    names: StringArray,
    params: &'a ListArray,
    numbers: &'a [f64],
    units: Option<StringArray>,
    family: Family<M>,
    function: &'static str,
    /// True if all rows are copies of the first, or there is one row for all.
    constant: bool,
    /// The last row that was read, and its model.
    last: Option<(usize, Option<Known<M>>)>,
}

/// A model and the unit of its times.
#[derive(Debug)]
pub(crate) struct Known<M> {
    pub(crate) model: M,
    unit: String,
    days: Option<f64>,
}

impl<'a, M> Models<'a, M> {
    /// Reads a column; `function` names the caller in errors.
    pub(crate) fn read(
        column: &'a ArrayRef,
        family: Family<M>,
        function: &'static str,
    ) -> Result<Self> {
        let wrong = || {
            DataFusionError::Execution(format!(
                "{function}: the model is not one that a fit has returned: it has no model or params"
            ))
        };
        let column = column.as_struct_opt().ok_or_else(wrong)?;
        let text = |name: &str| {
            let array = arrow::compute::cast(column.column_by_name(name)?, &DataType::Utf8).ok()?;
            Some(array.as_string::<i32>().clone())
        };
        let names = text("model").ok_or_else(wrong)?;
        let params = column.column_by_name("params").and_then(|p| p.as_list_opt::<i32>());
        let params = params.ok_or_else(wrong)?;
        let numbers = params.values().as_primitive_opt::<Float64Type>();
        let numbers = numbers.map_or(&[][..], |numbers| numbers.values());
        let units = text("unit");
        let whole = column.null_count() + params.null_count() + names.null_count() == 0;
        let alike = |texts: &StringArray| {
            texts.null_count() == 0 && copies(texts.value_offsets(), texts.value_data())
        };
        let constant = whole
            && alike(&names)
            && units.as_ref().is_none_or(alike)
            && copies(params.value_offsets(), numbers);
        let constant = constant || column.len() == 1;
        Ok(Self { column, names, params, numbers, units, family, function, constant, last: None })
    }

    /// The model of a row; None where there is none or it could not be fitted.
    pub(crate) fn at(&mut self, row: usize) -> Result<Option<&Known<M>>> {
        let row = if self.constant { 0 } else { row };
        if !self.last.as_ref().is_some_and(|(last, _)| self.same(*last, row)) {
            self.last = Some((row, self.known(row)?));
        }
        Ok(self.last.as_ref().and_then(|(_, known)| known.as_ref()))
    }

    /// True if two rows certainly have the same model.
    fn same(&self, one: usize, other: usize) -> bool {
        one == other
            || (!self.is_missing(one)
                && !self.is_missing(other)
                && self.numbers(one) == self.numbers(other)
                && self.names.value(one) == self.names.value(other)
                && self.unit(one) == self.unit(other))
    }

    fn is_missing(&self, row: usize) -> bool {
        self.column.is_null(row) || self.params.is_null(row)
    }

    fn known(&self, row: usize) -> Result<Option<Known<M>>> {
        if self.is_missing(row) {
            return Ok(None);
        }
        let function = self.function;
        let params = self.numbers(row).filter(|p| p.iter().all(|p| *p > 0.0 && p.is_finite()));
        let Some(params) = params else {
            return Err(DataFusionError::Execution(format!(
                "{function}: the params of a model are DOUBLE numbers above 0, not {:?}",
                self.params.value(row)
            )));
        };
        let name = self.names.value(row);
        let Some(model) = (self.family.read)(name, params) else {
            return Err(DataFusionError::Execution(format!(
                "{function} takes a model of {}, not one of {name}",
                self.family.fits
            )));
        };
        let unit = self.unit(row).to_owned();
        let days = UNITS.contains(&unit.as_str()).then(|| unit_days(&unit));
        Ok(Some(Known { model, unit, days }))
    }

    /// The time unit of the model of a row; weeks if it does not say.
    fn unit(&self, row: usize) -> &str {
        let units = self.units.as_ref().filter(|units| units.is_valid(row));
        units.map(|units| units.value(row)).filter(|unit| !unit.is_empty()).unwrap_or("week")
    }

    fn numbers(&self, row: usize) -> Option<&[f64]> {
        let offsets = self.params.value_offsets();
        let place = |offset: i32| usize::try_from(offset).ok();
        self.numbers.get(place(offsets[row])?..place(offsets[row + 1])?)
    }
}

impl<M> Known<M> {
    /// Days in the time unit of the model.
    pub(crate) fn unit_days(&self) -> Result<f64> {
        self.days.ok_or_else(|| {
            DataFusionError::Execution(format!(
                "the unit of the model is {}: a fit writes one of {}",
                self.unit,
                UNITS.join(", ")
            ))
        })
    }

    /// Refuses times in another unit than that of the model.
    pub(crate) fn check_unit(&self, given: Option<&str>, function: &str) -> Result<()> {
        match given.filter(|given| *given != self.unit) {
            None => Ok(()),
            Some(given) => Err(DataFusionError::Execution(format!(
                "{function}: the times are in units of a {given}, the model counts in units of a {}: \
                 convert them, or fit with unit => '{given}'",
                self.unit
            ))),
        }
    }
}

/// True if all items of a list are copies of the first: one comparison of the list with itself, an item further on.
fn copies<T: PartialEq>(offsets: &[i32], values: &[T]) -> bool {
    let &[first, second, .., last] = offsets else { return true };
    let step = second - first;
    let place = |offset: i32| usize::try_from(offset).unwrap_or(usize::MAX);
    offsets.windows(2).all(|pair| pair[1] - pair[0] == step)
        && values.get(place(first)..place(last - step)).is_some_and(|items| {
            values.get(place(second)..place(last)).is_some_and(|next| next == items)
        })
}

/// Asks the model of every row; the models are the first column. `function` names the caller in errors.
pub(crate) fn predict<M>(
    columns: &[ArrayRef],
    family: Family<M>,
    function: &'static str,
    answer: impl Fn(&Known<M>, &Columns<'_>, usize) -> Result<Option<f64>>,
) -> Result<ArrayRef> {
    let Some(column) = columns.first() else { return Ok(Arc::new(Float64Array::new_null(0))) };
    let mut models = Models::read(column, family, function)?;
    let columns = Columns::read(columns);
    let answers = (0..columns.rows())
        .map(|row| models.at(row)?.map_or(Ok(None), |known| answer(known, &columns, row)));
    Ok(Arc::new(answers.collect::<Result<Float64Array>>()?))
}
