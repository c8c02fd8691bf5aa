//! The STRUCT that carries a fitted model from an aggregate to a scalar function.
//!
//! Every fit returns the same shape, so a column of models is a column like any other: it can be
//! stored, joined and grouped. `params` are in the order the documentation of the fit gives.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray,
    StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};

use super::bgbb::Bgbb;
use super::bgnbd::Bgnbd;
use super::gammagamma::GammaGamma;
use super::pnbd::Pnbd;
use super::purchases::Purchases;
use super::sbg::Sbg;
use crate::calendar::{UNITS, unit_days};

/// What a fit has found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fitted {
    pub(crate) model: &'static str,
    /// Empty if there was too little to fit.
    pub(crate) params: Vec<f64>,
    /// Row by row; empty if the curvature is not positive.
    pub(crate) covariance: Vec<Vec<f64>>,
    pub(crate) ll: f64,
    pub(crate) n: f64,
    pub(crate) distinct: usize,
    pub(crate) nulls: u64,
    pub(crate) excluded: f64,
    pub(crate) unit: &'static str,
    pub(crate) status: &'static str,
    pub(crate) gradient: f64,
    pub(crate) steps: usize,
    /// What else there is to know, in words.
    pub(crate) note: Option<String>,
    /// Of spending models only.
    pub(crate) independence: Option<Independence>,
}

/// How far spend per purchase depends on the number of purchases, which Gamma-Gamma takes for nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Independence {
    /// Rank correlation, -1 to 1; None if all are alike.
    pub(crate) spearman: Option<f64>,
    /// The part of the variance of m that lies between different x, 0 to 1.
    pub(crate) eta2: Option<f64>,
}

/// The fields of the STRUCT.
pub(crate) fn fields() -> Fields {
    let float = |name: &str| Field::new(name, DataType::Float64, true);
    let whole = |name: &str| Field::new(name, DataType::Int64, true);
    let list = |name: &str| Field::new(name, DataType::List(item()), true);
    Fields::from(vec![
        Field::new("model", DataType::Utf8, false),
        list("params"),
        list("se"),
        list("cov"),
        float("ll"),
        float("aic"),
        float("bic"),
        float("n"),
        whole("n_triples"),
        whole("n_null"),
        float("n_excluded"),
        Field::new("unit", DataType::Utf8, true),
        Field::new("status", DataType::Utf8, false),
        float("grad_norm"),
        whole("iters"),
        Field::new("note", DataType::Utf8, true),
        float("spearman"),
        float("eta2"),
        Field::new("q_le_1", DataType::Boolean, true),
    ])
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Float64, true))
}

impl Fitted {
    /// The fit of too little.
    pub(crate) fn insufficient(mut self, problem: &str) -> Self {
        self.status = "insufficient";
        self.note = Some(problem.to_owned());
        self
    }

    /// The STRUCT value.
    pub(crate) fn to_scalar(&self) -> Result<ScalarValue> {
        let fitted = !self.params.is_empty();
        let count = self.params.len() as f64;
        let float = |value: f64| -> ArrayRef {
            Arc::new(Float64Array::from(vec![fitted.then_some(value)]))
        };
        let whole = |value: Option<i64>| -> ArrayRef { Arc::new(Int64Array::from(vec![value])) };
        let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
        let measure = |of: fn(&Independence) -> Option<f64>| -> ArrayRef {
            Arc::new(Float64Array::from(vec![self.independence.as_ref().and_then(of)]))
        };
        let heavy = self.params.get(1).filter(|_| self.independence.is_some()).map(|q| *q <= 1.0);
        let errors = self.covariance.iter().enumerate().map(|(i, row)| row[i].sqrt()).collect();
        let covariance = self.covariance.iter().flatten().copied().collect();
        let arrays = vec![
            text(self.model),
            list(self.params.clone())?,
            list(errors)?,
            list(covariance)?,
            float(self.ll),
            float(2.0 * count - 2.0 * self.ll),
            float(count * self.n.ln() - 2.0 * self.ll),
            Arc::new(Float64Array::from(vec![self.n])),
            whole(i64::try_from(self.distinct).ok()),
            whole(i64::try_from(self.nulls).ok()),
            Arc::new(Float64Array::from(vec![self.excluded])),
            text(self.unit),
            text(self.status),
            float(self.gradient),
            whole(i64::try_from(self.steps).ok()),
            Arc::new(StringArray::from(vec![self.note.as_deref()])),
            measure(|independence| independence.spearman),
            measure(|independence| independence.eta2),
            Arc::new(BooleanArray::from(vec![heavy])),
        ];
        Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(fields(), arrays, None)?)))
    }
}

/// A list of one list; NULL if it is empty.
fn list(values: Vec<f64>) -> Result<ArrayRef> {
    let nulls = values.is_empty().then(|| vec![false].into());
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let values = Arc::new(Float64Array::from(values));
    Ok(Arc::new(ListArray::try_new(item(), offsets, values, nulls)?))
}

/// A column of models, read row by row.
#[derive(Debug)]
pub(crate) struct Models<'a> {
    column: &'a StructArray,
    names: StringArray,
    params: &'a ListArray,
    units: Option<StringArray>,
}

impl<'a> Models<'a> {
    /// Reads a column; `function` names the caller in errors.
    pub(crate) fn read(column: &'a ArrayRef, function: &str) -> Result<Self> {
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
        Ok(Self { column, names, params: params.ok_or_else(wrong)?, units: text("unit") })
    }

    /// The purchase model of a row; None where there is none or it could not be fitted.
    pub(crate) fn purchases(&self, row: usize, function: &str) -> Result<Option<Purchases>> {
        let Some(params) = self.params(row, function)? else { return Ok(None) };
        let model = match (self.names.value(row), params) {
            ("bgnbd", &[r, alpha, a, b]) => Purchases::Bgnbd(Bgnbd { r, alpha, a, b, shift: 0.0 }),
            ("mbgnbd", &[r, alpha, a, b]) => Purchases::Bgnbd(Bgnbd { r, alpha, a, b, shift: 1.0 }),
            ("pnbd", &[r, alpha, s, beta]) => Purchases::Pnbd(Pnbd { r, alpha, s, beta }),
            ("bgbb", &[alpha, beta, gamma, delta]) => {
                Purchases::Bgbb(Bgbb { alpha, beta, gamma, delta })
            }
            (name, _) => {
                return Err(not_one_of(
                    "bgnbd_fit, mbgnbd_fit, pnbd_fit or bgbb_fit",
                    name,
                    function,
                ));
            }
        };
        Ok(Some(model))
    }

    /// The spending model of a row; None where there is none or it could not be fitted.
    pub(crate) fn spending(&self, row: usize, function: &str) -> Result<Option<GammaGamma>> {
        let Some(params) = self.params(row, function)? else { return Ok(None) };
        match (self.names.value(row), params) {
            ("gammagamma", &[p, q, v]) => Ok(Some(GammaGamma { p, q, v })),
            (name, _) => Err(not_one_of("gammagamma_fit", name, function)),
        }
    }

    /// The contract model of a row; None where there is none or it could not be fitted.
    pub(crate) fn contracts(&self, row: usize, function: &str) -> Result<Option<Sbg>> {
        let Some(params) = self.params(row, function)? else { return Ok(None) };
        match (self.names.value(row), params) {
            ("sbg", &[alpha, beta]) => Ok(Some(Sbg { alpha, beta })),
            (name, _) => Err(not_one_of("sbg_fit", name, function)),
        }
    }

    /// The time unit of the model of a row; weeks if it does not say.
    fn unit(&self, row: usize) -> &str {
        let units = self.units.as_ref().filter(|units| units.is_valid(row));
        units.map(|units| units.value(row)).filter(|unit| !unit.is_empty()).unwrap_or("week")
    }

    /// Days in the time unit of the model of a row.
    pub(crate) fn unit_days(&self, row: usize) -> Result<f64> {
        let unit = self.unit(row);
        if UNITS.contains(&unit) {
            return Ok(unit_days(unit));
        }
        Err(DataFusionError::Execution(format!(
            "the unit of the model is {unit}: a fit writes one of {}",
            UNITS.join(", ")
        )))
    }

    /// Refuses times in another unit than that of the model of a row.
    pub(crate) fn check_unit(&self, row: usize, given: Option<&str>, function: &str) -> Result<()> {
        match given.filter(|given| *given != self.unit(row)) {
            None => Ok(()),
            Some(given) => Err(DataFusionError::Execution(format!(
                "{function}: the times are in units of a {given}, the model counts in units of a {}: \
                 convert them, or fit with unit => '{given}'",
                self.unit(row)
            ))),
        }
    }

    fn params(&self, row: usize, function: &str) -> Result<Option<&[f64]>> {
        if self.column.is_null(row) || self.params.is_null(row) {
            return Ok(None);
        }
        let offsets = self.params.value_offsets();
        let place = |offset: i32| usize::try_from(offset).ok();
        let params =
            self.params.values().as_primitive_opt::<Float64Type>().and_then(|values| {
                values.values().get(place(offsets[row])?..place(offsets[row + 1])?)
            });
        match params {
            Some(params) if params.iter().all(|p| *p > 0.0 && p.is_finite()) => Ok(Some(params)),
            _ => Err(DataFusionError::Execution(format!(
                "{function}: the params of a model are DOUBLE numbers above 0, not {:?}",
                self.params.value(row)
            ))),
        }
    }
}

fn not_one_of(fits: &str, name: &str, function: &str) -> DataFusionError {
    DataFusionError::Execution(format!("{function} takes a model of {fits}, not one of {name}"))
}

/// Asks the model of every row; the models are the first column. `function` names the caller in errors.
pub(crate) fn predict(
    columns: &[ArrayRef],
    function: &str,
    answer: impl Fn(&Models, usize) -> Result<Option<f64>>,
) -> Result<ArrayRef> {
    let Some(column) = columns.first() else { return Ok(Arc::new(Float64Array::new_null(0))) };
    let models = Models::read(column, function)?;
    let answers = (0..column.len()).map(|row| answer(&models, row));
    Ok(Arc::new(answers.collect::<Result<Float64Array>>()?))
}

/// A column of numbers that may be missing in the call or in a row.
pub(crate) fn number(columns: &[ArrayRef], place: usize, row: usize) -> Option<f64> {
    let column = columns.get(place)?.as_primitive_opt::<Float64Type>()?;
    column.is_valid(row).then(|| column.value(row)).filter(|value| !value.is_nan())
}

/// The most repeat purchases of a customer: the fits keep a table of that length.
const MOST_PURCHASES: f64 = 1e6;

/// What is wrong with a history, if anything is.
pub(crate) fn history_problem(x: f64, tx: f64, t: f64) -> Option<String> {
    let problem = if x < 0.0 || x.fract() != 0.0 {
        "x counts repeat purchases: a whole number of at least 0"
    } else if x > MOST_PURCHASES {
        "x is at most a million"
    } else if !(0.0..=t).contains(&tx) || !t.is_finite() {
        "t_x lies between 0 and t"
    } else if x == 0.0 && tx != 0.0 {
        "without a repeat purchase t_x is 0"
    } else {
        return None;
    };
    Some(format!("x = {x}, t_x = {tx}, t = {t} is no purchase history: {problem}"))
}
