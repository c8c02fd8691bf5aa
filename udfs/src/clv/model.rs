//! The STRUCT that carries a fitted model from an aggregate to a scalar function.
//!
//! Every fit returns the same shape, so a column of models is a column like any other: it can be
//! stored, joined and grouped. `params` are in the order the documentation of the fit gives.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, ScalarValue};

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
