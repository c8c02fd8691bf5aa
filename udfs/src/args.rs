//! Reads the arguments of a call once, against the [`Spec`] that declares them.
//!
//! A call is seen three times: as SQL expressions when it is planned, as physical expressions when
//! it is about to run, and as literal values when a scalar function asks for its type. All three
//! become the same [`Arguments`], so a function reads `arguments.count("k")` and never looks at an
//! expression. Wrong constants are refused here, in one wording: the function, the argument, what
//! it accepts, what it got and the nearest known word. It never evaluates a column.
//!
//! `rfm_score(total, 5, side => 'lo')` fails with
//! `rfm_score: side must be one of 'low', 'mid', 'high', not 'lo' (did you mean 'low'?)`.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit, Schema};
use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::utils::collect_columns;

use crate::function::{Kind, Otherwise, Parameter, Spec};

/// The arguments of one call.
#[derive(Debug)]
pub(crate) struct Arguments {
    spec: &'static Spec,
    given: Vec<Given>,
    labels: Vec<String>,
    settled: bool,
}

#[derive(Debug)]
enum Given {
    /// Left out, or written as NULL.
    Absent,
    /// NULL of a type: left out, or an expression that came to NULL.
    Null,
    Constant(ScalarValue),
    Column,
    /// Constant, but not known before the call runs: a placeholder or an unfolded expression.
    Later,
}

impl Arguments {
    /// Reads a call as SQL planning sees it, and refuses wrong constants.
    pub(crate) fn from_exprs(spec: &'static Spec, exprs: &[Expr]) -> Result<Self> {
        let given = exprs.iter().map(given_by_expr).collect();
        let labels = exprs.iter().map(ToString::to_string).collect();
        Self { spec, given, labels, settled: true }.checked()
    }

    /// Reads a call as execution sees it, and refuses wrong constants.
    pub(crate) fn from_physical(
        spec: &'static Spec,
        exprs: &[Arc<dyn PhysicalExpr>],
    ) -> Result<Self> {
        let given = exprs.iter().map(given_by_physical).collect::<Result<_>>()?;
        let labels = exprs.iter().map(label_of).collect();
        Self { spec, given, labels, settled: true }.checked()
    }

    /// Reads a call as a scalar function sees it. While it is `planned` a constant that is not
    /// there yet may be a placeholder; when it runs it is a column.
    pub(crate) fn from_scalars(
        spec: &'static Spec,
        scalars: &[Option<&ScalarValue>],
        planned: bool,
    ) -> Result<Self> {
        let given = scalars
            .iter()
            .enumerate()
            .map(|(index, scalar)| match scalar {
                Some(value) => given_by_value((*value).clone()),
                None if planned
                    && spec.parameters.get(index).is_some_and(|p| !p.kind.is_column()) =>
                {
                    Given::Later
                }
                None => Given::Column,
            })
            .collect();
        let labels = spec.parameters.iter().map(|p| p.name.to_owned()).collect();
        Self { spec, given, labels, settled: !planned }.checked()
    }

    /// The contract the call was read against.
    pub(crate) fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// How many arguments were written.
    pub(crate) fn len(&self) -> usize {
        self.given.len()
    }

    /// How the caller wrote the argument, for messages about its data: `total` or `a + b`.
    pub(crate) fn label(&self, name: &str) -> String {
        self.position(name)
            .and_then(|index| self.labels.get(index))
            .cloned()
            .unwrap_or_else(|| name.to_owned())
    }

    /// True if the argument was given and is not the constant NULL.
    pub(crate) fn has(&self, name: &str) -> bool {
        !matches!(self.find(name), None | Some(Given::Absent | Given::Null))
    }

    /// False if the argument was certainly not written; an expression that is NULL was.
    pub(crate) fn written(&self, name: &str) -> bool {
        !matches!(self.find(name), None | Some(Given::Absent))
    }

    /// The first argument whose value is not known yet.
    pub(crate) fn unknown(&self) -> Option<&'static str> {
        let arguments = self.spec.parameters.iter().zip(&self.given);
        let later = |(_, given): &(_, &Given)| matches!(given, Given::Later);
        arguments.into_iter().find(later).map(|(parameter, _)| parameter.name)
    }

    /// False while an optional column that looks given may still turn out to be the constant NULL.
    pub(crate) fn settled(&self) -> bool {
        self.settled
    }

    /// Which column arguments the function will receive as arrays, as positions in the call.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let given = |index: usize| {
            !matches!(self.given.get(index), None | Some(Given::Absent | Given::Null))
        };
        let parameters = self.spec.parameters.iter().enumerate();
        parameters
            .filter(|(index, p)| {
                p.kind.is_column() && (p.otherwise == Otherwise::Required || given(*index))
            })
            .map(|(index, _)| index)
            .collect()
    }

    /// A whole number.
    pub(crate) fn count(&self, name: &str) -> Result<u64> {
        let parameter = self.parameter(name)?;
        let Kind::Count(least, most) = parameter.kind else { return misread(self.spec, name) };
        let Some(value) = self.constant(parameter)? else {
            return Ok(u64::try_from(least).unwrap_or_default());
        };
        let whole = value
            .cast_to(&DataType::Int64)
            .ok()
            .filter(|_| value.data_type().is_numeric() && is_whole(&value));
        match whole {
            Some(ScalarValue::Int64(Some(count))) if (least..=most).contains(&count) => {
                u64::try_from(count).or_else(|_| misread(self.spec, name))
            }
            _ => Err(self.refuse(parameter, &value)),
        }
    }

    /// One of the words the parameter declares.
    pub(crate) fn choice(&self, name: &str) -> Result<&'static str> {
        let parameter = self.parameter(name)?;
        let Kind::Choice(words) = parameter.kind else { return misread(self.spec, name) };
        let Some(value) = self.constant(parameter)? else {
            return words.first().copied().map_or_else(|| misread(self.spec, name), Ok);
        };
        let given = match &value {
            ScalarValue::Boolean(Some(flag)) => flag.to_string(),
            _ => value.try_as_str().flatten().unwrap_or_default().to_ascii_lowercase(),
        };
        words
            .iter()
            .copied()
            .find(|word| *word == given)
            .ok_or_else(|| self.refuse(parameter, &value))
    }

    /// A date or timestamp; None while it is not known yet.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<ScalarValue>> {
        let parameter = self.parameter(name)?;
        let Some(value) = self.constant(parameter)? else { return Ok(None) };
        match value {
            ScalarValue::Date32(_)
            | ScalarValue::Date64(_)
            | ScalarValue::TimestampSecond(..)
            | ScalarValue::TimestampMillisecond(..)
            | ScalarValue::TimestampMicrosecond(..)
            | ScalarValue::TimestampNanosecond(..) => Ok(Some(value)),
            other => Err(self.refuse(parameter, &other)),
        }
    }

    /// A text; None if it was left out without a default or is not known yet.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        let parameter = self.parameter(name)?;
        let Some(value) = self.constant(parameter)? else { return Ok(None) };
        match value.try_as_str() {
            Some(Some(text)) => Ok(Some(text.to_owned())),
            _ => Err(self.refuse(parameter, &value)),
        }
    }

    /// A plain number.
    pub(crate) fn number(&self, name: &str) -> Result<f64> {
        let parameter = self.parameter(name)?;
        let Kind::Number(least, most) = parameter.kind else { return misread(self.spec, name) };
        let Some(value) = self.constant(parameter)? else { return Ok(least) };
        match to_float(&value) {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(self.refuse(parameter, &value)),
        }
    }

    /// A stretch of time, positive in every part. None if it was left out.
    pub(crate) fn days(&self, name: &str) -> Result<Option<IntervalMonthDayNano>> {
        let parameter = self.parameter(name)?;
        let Some(value) = self.constant(parameter)? else { return Ok(None) };
        span_of(&value)
            .filter(|span| span.months >= 0 && span.days >= 0 && span.nanoseconds >= 0)
            .filter(|span| *span != IntervalMonthDayNano::ZERO)
            .map_or_else(|| Err(self.refuse(parameter, &value)), |span| Ok(Some(span)))
    }

    /// A share above 0 and at most 1.
    pub(crate) fn share(&self, name: &str) -> Result<Fraction> {
        let parameter = self.parameter(name)?;
        let Some(value) = self.constant(parameter)? else { return Ok(Fraction::ONE) };
        Fraction::read(&value)
            .filter(|share| share.numerator > 0 && share.numerator <= share.denominator)
            .ok_or_else(|| self.refuse(parameter, &value))
    }

    /// Increasing shares above 0 and below 1.
    pub(crate) fn shares(&self, name: &str) -> Result<Vec<Fraction>> {
        let parameter = self.parameter(name)?;
        let Some(value) = self.constant(parameter)? else { return Ok(vec![]) };
        let shares: Option<Vec<Fraction>> =
            list_items(&value).map(|items| items.iter().filter_map(Fraction::read).collect());
        shares
            .filter(|shares| Some(shares.len()) == list_items(&value).map(|items| items.len()))
            .filter(|shares| {
                !shares.is_empty()
                    && shares.iter().all(|s| s.numerator > 0 && s.numerator < s.denominator)
                    && shares.is_sorted_by(|a, b| a.as_f64() < b.as_f64())
            })
            .ok_or_else(|| self.refuse(parameter, &value))
    }

    /// Strictly increasing finite numbers.
    pub(crate) fn breaks(&self, name: &str) -> Result<Vec<ScalarValue>> {
        let parameter = self.parameter(name)?;
        let Some(value) = self.constant(parameter)? else { return Ok(vec![]) };
        let items = list_items(&value).unwrap_or_default();
        let good = finite(&items).is_some_and(|numbers| numbers.is_sorted_by(|a, b| a < b));
        if good { Ok(items) } else { Err(self.refuse(parameter, &value)) }
    }

    /// Finite numbers above zero.
    pub(crate) fn positives(&self, name: &str) -> Result<Vec<f64>> {
        let parameter = self.parameter(name)?;
        let Some(value) = self.constant(parameter)? else { return Ok(vec![]) };
        finite(&list_items(&value).unwrap_or_default())
            .filter(|numbers| numbers.iter().all(|number| *number > 0.0))
            .ok_or_else(|| self.refuse(parameter, &value))
    }

    /// Texts.
    pub(crate) fn names(&self, name: &str) -> Result<Vec<String>> {
        let parameter = self.parameter(name)?;
        let Some(value) = self.constant(parameter)? else { return Ok(vec![]) };
        let items = list_items(&value).ok_or_else(|| self.refuse(parameter, &value))?;
        let texts = items.iter().map(|item| item.try_as_str().flatten().map(str::to_owned));
        texts.collect::<Option<_>>().ok_or_else(|| self.refuse(parameter, &value))
    }

    /// Checks the number of arguments and every constant.
    fn checked(self) -> Result<Self> {
        let spec = self.spec;
        if self.given.len() > spec.parameters.len() || self.given.len() < spec.required() {
            return Err(wrong_count(spec, self.given.len()));
        }
        for (parameter, given) in spec.parameters.iter().zip(&self.given) {
            let name = parameter.name;
            if !parameter.kind.is_column() && matches!(given, Given::Column) {
                return Err(DataFusionError::Plan(format!(
                    "{}: {name} must be {}, not an expression that changes from row to row",
                    spec.name,
                    parameter.kind.accepts()
                )));
            }
            match parameter.kind {
                Kind::Measure
                | Kind::Amount
                | Kind::Real
                | Kind::Model
                | Kind::Key
                | Kind::Whole
                | Kind::Moment
                | Kind::Span
                | Kind::Written(_)
                | Kind::Flag => {}
                Kind::Instant => self.instant(name).map(drop)?,
                Kind::Text(_) => self.text(name).map(drop)?,
                Kind::Count(..) => self.count(name).map(drop)?,
                Kind::Number(..) => self.number(name).map(drop)?,
                Kind::Days => self.days(name).map(drop)?,
                Kind::Share => self.share(name).map(drop)?,
                Kind::Choice(_) => self.choice(name).map(drop)?,
                Kind::Breaks => self.breaks(name).map(drop)?,
                Kind::Positives => self.positives(name).map(drop)?,
                Kind::Shares => self.shares(name).map(drop)?,
                Kind::Names => self.names(name).map(drop)?,
            }
        }
        Ok(self)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.spec.parameters.iter().position(|parameter| parameter.name == name)
    }

    fn find(&self, name: &str) -> Option<&Given> {
        self.position(name).and_then(|index| self.given.get(index))
    }

    fn parameter(&self, name: &str) -> Result<&'static Parameter> {
        let parameter = self.spec.parameters.iter().find(|parameter| parameter.name == name);
        parameter.map_or_else(|| misread(self.spec, name), Ok)
    }

    /// The constant given, or the default. None only when it is not known yet or does not apply.
    fn constant(&self, parameter: &Parameter) -> Result<Option<ScalarValue>> {
        match (self.find(parameter.name), parameter.otherwise) {
            (Some(Given::Constant(value)), _) => Ok(Some(value.clone())),
            (Some(Given::Later | Given::Column), _) => Ok(None),
            (None | Some(Given::Absent | Given::Null), Otherwise::Absent) => Ok(None),
            (None | Some(Given::Absent | Given::Null), Otherwise::Is(text)) => {
                Ok(Some(default_value(text)))
            }
            (None | Some(Given::Absent | Given::Null), Otherwise::Required) => {
                Err(self.refuse(parameter, &ScalarValue::Null))
            }
        }
    }

    fn refuse(&self, parameter: &Parameter, value: &ScalarValue) -> DataFusionError {
        let shown = match value.try_as_str() {
            Some(Some(text)) => format!("'{text}'"),
            _ => value.to_string(),
        };
        let hint = match (parameter.kind, value.try_as_str()) {
            (Kind::Choice(words), Some(Some(text))) => did_you_mean(text, words.iter().copied()),
            _ => String::new(),
        };
        DataFusionError::Plan(format!(
            "{}: {} must be {}, not {shown}{hint}",
            self.spec.name,
            parameter.name,
            parameter.kind.accepts()
        ))
    }
}

/// A share written as a decimal, kept as a fraction: 0.1 is one tenth, not the nearest binary
/// number, so `ceil(0.1 * 30)` is 3 and never 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fraction {
    pub(crate) numerator: u64,
    pub(crate) denominator: u64,
}

impl Fraction {
    pub(crate) const ONE: Self = Self { numerator: 1, denominator: 1 };

    fn read(value: &ScalarValue) -> Option<Self> {
        let text = match value {
            ScalarValue::Decimal128(Some(digits), _, scale) if *scale >= 0 => {
                let denominator = 10_u64.checked_pow(u32::try_from(*scale).ok()?)?;
                return Some(Self { numerator: u64::try_from(*digits).ok()?, denominator });
            }
            ScalarValue::Float32(Some(number)) => number.to_string(),
            ScalarValue::Float64(Some(number)) => number.to_string(),
            other if other.data_type().is_integer() => other.to_string(),
            _ => return None,
        };
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let denominator = 10_u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
        let numerator = format!("{whole}{decimals}").parse().ok()?;
        Some(Self { numerator, denominator })
    }

    pub(crate) fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// So much of a whole number, rounded up.
    pub(crate) fn of_rounded_up(self, whole: u64) -> u64 {
        let part = u128::from(self.numerator) * u128::from(whole);
        u64::try_from(part.div_ceil(u128::from(self.denominator))).unwrap_or(whole)
    }

    /// What is left of 1.
    pub(crate) fn rest(self) -> Self {
        Self { numerator: self.denominator - self.numerator, denominator: self.denominator }
    }
}

/// ` (did you mean 'low'?)` if a known word is close, nothing otherwise.
pub(crate) fn did_you_mean<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    let given = given.to_ascii_lowercase();
    let nearest = known.map(|word| (levenshtein(&given, word), word)).min();
    match nearest {
        Some((distance, word)) if distance <= 3 && distance < word.len() => {
            format!(" (did you mean '{word}'?)")
        }
        _ => String::new(),
    }
}

/// The error for a call with too few or too many arguments.
pub(crate) fn wrong_count(spec: &Spec, given: usize) -> DataFusionError {
    let missing: Vec<&str> =
        spec.parameters.iter().take(spec.required()).skip(given).map(|p| p.name).collect();
    let problem = if missing.is_empty() {
        format!("takes at most {} arguments, not {given}", spec.parameters.len())
    } else {
        format!("needs {}", missing.join(" and "))
    };
    DataFusionError::Plan(format!("{} {problem}: {}", spec.name, spec.signature()))
}

fn given_by_value(value: ScalarValue) -> Given {
    match value {
        ScalarValue::Null => Given::Absent,
        value if value.is_null() => Given::Null,
        value => Given::Constant(value),
    }
}

fn given_by_expr(expr: &Expr) -> Given {
    match constant_of(expr) {
        Some(value) => given_by_value(value),
        None if expr.any_column_refs() => Given::Column,
        None => Given::Later,
    }
}

/// The value of a literal, of a negated literal and of an array of literals.
fn constant_of(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Negative(inner) => constant_of(inner)?.arithmetic_negate().ok(),
        Expr::ScalarFunction(call) if call.name() == "make_array" => {
            let items: Option<Vec<ScalarValue>> = call.args.iter().map(constant_of).collect();
            let items = items?;
            let texts = items.iter().all(|item| item.data_type().is_string());
            let target = if texts { DataType::Utf8 } else { DataType::Float64 };
            let items: Option<Vec<ScalarValue>> =
                items.iter().map(|item| item.cast_to(&target).ok()).collect();
            Some(ScalarValue::List(ScalarValue::new_list_nullable(&items?, &target)))
        }
        _ => None,
    }
}

fn given_by_physical(expr: &Arc<dyn PhysicalExpr>) -> Result<Given> {
    let value = if let Some(literal) = expr.downcast_ref::<Literal>() {
        literal.value().clone()
    } else if collect_columns(expr).is_empty() {
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let nothing =
            RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
        let array = expr.evaluate(&nothing)?.into_array(1)?;
        ScalarValue::try_from_array(&array, 0)?
    } else {
        return Ok(Given::Column);
    };
    Ok(given_by_value(value))
}

fn label_of(expr: &Arc<dyn PhysicalExpr>) -> String {
    expr.downcast_ref::<Column>()
        .map_or_else(|| expr.to_string(), |column| column.name().to_owned())
}

/// A default is SQL text: `5`, `0.2`, `'low'` or `ARRAY[0.01, 0.05]`.
fn default_value(text: &str) -> ScalarValue {
    if let Some(items) = text.strip_prefix("ARRAY[").and_then(|rest| rest.strip_suffix(']')) {
        let items: Vec<ScalarValue> = items.split(", ").map(default_value).collect();
        let item_type = items.first().map_or(DataType::Float64, ScalarValue::data_type);
        return ScalarValue::List(ScalarValue::new_list_nullable(&items, &item_type));
    }
    if let Some(word) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return ScalarValue::from(word);
    }
    if let Ok(flag) = text.parse::<bool>() {
        return ScalarValue::from(flag);
    }
    if let Ok(whole) = text.parse::<i64>() {
        return ScalarValue::from(whole);
    }
    text.parse::<f64>().map_or(ScalarValue::Null, ScalarValue::from)
}

/// The items as numbers, if there is one and all of them are finite.
fn finite(items: &[ScalarValue]) -> Option<Vec<f64>> {
    let numbers = items.iter().map(|item| to_float(item).filter(|number| number.is_finite()));
    numbers.collect::<Option<Vec<f64>>>().filter(|numbers| !numbers.is_empty())
}

fn to_float(value: &ScalarValue) -> Option<f64> {
    if !value.data_type().is_numeric() {
        return None;
    }
    match value.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(number)) => number,
        _ => None,
    }
}

/// A number counts days, an INTERVAL is one.
fn span_of(value: &ScalarValue) -> Option<IntervalMonthDayNano> {
    if let Some(days) = to_float(value) {
        let time = Duration::try_from_secs_f64(days * DAY.as_secs_f64()).ok()?;
        let days = i32::try_from(time.as_secs() / DAY.as_secs()).ok()?;
        let rest = i64::try_from(time.as_nanos() % DAY.as_nanos()).ok()?;
        return Some(IntervalMonthDayNano::new(0, days, rest));
    }
    match value.cast_to(&DataType::Interval(IntervalUnit::MonthDayNano)) {
        Ok(ScalarValue::IntervalMonthDayNano(span)) if is_interval(value) => span,
        _ => None,
    }
}

fn is_interval(value: &ScalarValue) -> bool {
    matches!(value.data_type(), DataType::Interval(_) | DataType::Duration(_))
}

const DAY: Duration = Duration::from_secs(86_400);

fn is_whole(value: &ScalarValue) -> bool {
    to_float(value).is_some_and(|number| number.fract() == 0.0)
}

fn list_items(value: &ScalarValue) -> Option<Vec<ScalarValue>> {
    let values = match value {
        ScalarValue::List(list) => list.values().slice(
            usize::try_from(*list.value_offsets().first()?).ok()?,
            usize::try_from(list.value_length(0)).ok()?,
        ),
        ScalarValue::LargeList(list) => list.value(0),
        ScalarValue::FixedSizeList(list) => list.value(0),
        _ => return None,
    };
    (0..values.len()).map(|row| ScalarValue::try_from_array(&values, row).ok()).collect()
}

/// A function asked for an argument it does not declare, or as the wrong kind: our mistake.
fn misread<T>(spec: &Spec, name: &str) -> Result<T> {
    Err(DataFusionError::Internal(format!("{} reads {name} as something it is not", spec.name)))
}
