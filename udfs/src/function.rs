//! What a function of the library is: its contract, and the DataFusion object that keeps it.
//!
//! Every function states its contract once, in a [`Spec`]: name, arguments, what it returns, what
//! it does with NULL and ties, its formula, its source and an example. The call checker, the type
//! coercion, the error messages, `documentation()` and `docs/functions.md` all read that one
//! statement, so they cannot disagree.
//!
//! A [`Spec`] never computes. The computing part is the DataFusion function held next to it in
//! [`Function`].

use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, DocSection, Documentation, ScalarUDF, WindowUDF};

/// One function of the library, ready to be registered.
#[derive(Debug, Clone)]
pub enum Function {
    /// One row in, one value out.
    Scalar(&'static Spec, Arc<ScalarUDF>),
    /// Many rows in, one value out; the state merges.
    Aggregate(&'static Spec, Arc<AggregateUDF>),
    /// One value per row, computed from the whole partition.
    Window(&'static Spec, Arc<WindowUDF>),
    /// Constants in, a table out.
    Table(&'static Spec, Arc<dyn TableFunctionImpl>),
}

impl Function {
    /// The contract.
    pub fn spec(&self) -> &'static Spec {
        match self {
            Self::Scalar(spec, _)
            | Self::Aggregate(spec, _)
            | Self::Window(spec, _)
            | Self::Table(spec, _) => spec,
        }
    }

    /// The SQL name.
    pub fn name(&self) -> &'static str {
        self.spec().name
    }

    /// Other names for the same function.
    pub fn aliases(&self) -> &'static [&'static str] {
        self.spec().aliases
    }

    /// `scalar`, `aggregate`, `window` or `table`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scalar(..) => "scalar",
            Self::Aggregate(..) => "aggregate",
            Self::Window(..) => "window",
            Self::Table(..) => "table",
        }
    }

    /// How the function is called, with every optional argument: `gini(value [, neg => 'error'])`.
    pub fn signature(&self) -> String {
        let call = self.spec().signature();
        match self {
            Self::Window(..) => format!("{call} OVER ([PARTITION BY ...])"),
            Self::Table(..) => format!("SELECT ... FROM {call}"),
            Self::Scalar(..) | Self::Aggregate(..) => call,
        }
    }

    /// Adds the function, under its name and aliases, to a registry. A registry has no place for table
    /// functions: see [`tables`](crate::tables).
    pub fn install(&self, registry: &mut dyn FunctionRegistry) -> Result<()> {
        match self {
            Self::Scalar(_, function) => registry.register_udf(Arc::clone(function)).map(drop),
            Self::Aggregate(_, function) => registry.register_udaf(Arc::clone(function)).map(drop),
            Self::Window(_, function) => registry.register_udwf(Arc::clone(function)).map(drop),
            Self::Table(..) => Ok(()),
        }
    }
}

/// The contract of one function.
#[derive(Debug)]
pub struct Spec {
    /// SQL name, lower case.
    pub name: &'static str,
    /// Other SQL names.
    pub aliases: &'static [&'static str],
    /// The package it belongs to, as a heading.
    pub package: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Arguments in order; the required ones first.
    pub parameters: &'static [Parameter],
    /// Result type and unit.
    pub returns: &'static str,
    /// What it does with NULL and NaN.
    pub nulls: &'static str,
    /// What it does with equal values.
    pub ties: &'static str,
    /// When it fails.
    pub errors: &'static str,
    /// The arithmetic.
    pub formula: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// A statement that runs on its own.
    pub example: &'static str,
    /// What the example prints, one row a line, cells separated by a space.
    pub answer: &'static [&'static str],
}

/// One argument.
#[derive(Debug)]
pub struct Parameter {
    /// Name for `name => value`.
    pub name: &'static str,
    /// What it accepts.
    pub kind: Kind,
    /// What holds when it is left out.
    pub otherwise: Otherwise,
    /// What it means, with its unit.
    pub about: &'static str,
}

/// What holds when an argument is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// It cannot be left out.
    Required,
    /// It has no default: leaving it out means it does not apply.
    Absent,
    /// This SQL text stands for it.
    Is(&'static str),
}

/// What an argument accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A column that can be put in order: number, date, time, timestamp, duration.
    Measure,
    /// A numeric column; decimals and integers stay exact.
    Amount,
    /// A numeric column read as floating point.
    Real,
    /// A column of models as a fit returns them.
    Model,
    /// A column that identifies a row: any measure, or text.
    Key,
    /// A whole number column.
    Whole,
    /// A column of dates or timestamps.
    Moment,
    /// A constant date or timestamp.
    Instant,
    /// A constant text, described by these words.
    Text(&'static str),
    /// A BOOLEAN column.
    Flag,
    /// A column of spans of time: numbers in a unit the function names, or INTERVAL.
    Span,
    /// A constant whole number between these two.
    Count(i64, i64),
    /// A constant number between these two.
    Number(f64, f64),
    /// A constant stretch of time: a number of days or an INTERVAL.
    Days,
    /// A constant share, above 0 and at most 1, taken as the decimal it is written as.
    Share,
    /// One of these words, constant.
    Choice(&'static [&'static str]),
    /// A constant array of increasing numbers.
    Breaks,
    /// A constant array of numbers above zero, in any order.
    Positives,
    /// A constant array of shares between 0 and 1, increasing.
    Shares,
    /// A constant array of texts.
    Names,
    /// A part of the statement that a chain stands for, described by these words.
    Written(&'static str),
}

impl Kind {
    /// True if the argument is a column, evaluated row by row; false if it is a constant.
    pub(crate) fn is_column(self) -> bool {
        matches!(
            self,
            Self::Measure
                | Self::Amount
                | Self::Real
                | Self::Model
                | Self::Key
                | Self::Whole
                | Self::Moment
                | Self::Flag
                | Self::Span
        )
    }

    /// What to tell somebody who passed something else.
    pub fn accepts(self) -> String {
        match self {
            Self::Measure => "a number, date, time, timestamp or duration".into(),
            Self::Amount | Self::Real => "a number".into(),
            Self::Model => "the STRUCT that a fit function returns".into(),
            Self::Key => "a number, date, timestamp or text that identifies the row".into(),
            Self::Whole => "a whole number".into(),
            Self::Moment => "a date or timestamp".into(),
            Self::Instant => "a constant date or timestamp".into(),
            Self::Text(what) => what.into(),
            Self::Flag => "true or false".into(),
            Self::Span => "a number or an INTERVAL".into(),
            Self::Days => "a constant number of days or INTERVAL of more than nothing".into(),
            Self::Count(least, most) => format!("a constant whole number from {least} to {most}"),
            Self::Number(least, most) if most == f64::MAX => {
                format!("a constant number of at least {least}")
            }
            Self::Number(least, most) => format!("a constant number from {least} to {most}"),
            Self::Share => "a constant above 0 and at most 1".into(),
            Self::Choice(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Self::Positives => "a constant array of numbers above 0".into(),
            Self::Breaks => "a constant array of strictly increasing numbers".into(),
            Self::Shares => {
                "a constant array of strictly increasing shares above 0 and below 1".into()
            }
            Self::Names => "a constant array of texts".into(),
            Self::Written(what) => what.into(),
        }
    }
}

impl Spec {
    /// `name(required, ... [, optional => default] ...)`.
    pub fn signature(&self) -> String {
        let mut call = format!("{}(", self.name);
        for (index, parameter) in self.parameters.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match parameter.otherwise {
                Otherwise::Required => call.push_str(&format!("{comma}{}", parameter.name)),
                Otherwise::Absent => call.push_str(&format!(" [{comma}{} => ...]", parameter.name)),
                Otherwise::Is(text) => {
                    call.push_str(&format!(" [{comma}{} => {text}]", parameter.name));
                }
            }
        }
        call.push(')');
        call
    }

    /// How many arguments cannot be left out.
    pub(crate) fn required(&self) -> usize {
        self.parameters.iter().filter(|p| p.otherwise == Otherwise::Required).count()
    }

    /// The contract in DataFusion's own form, for `documentation()`.
    pub fn documentation(&self) -> Documentation {
        let section = DocSection { include: true, label: self.package, description: None };
        let description = format!(
            "{}\n\nReturns {}\n\nNULL: {}\n\nTies: {}\n\nErrors: {}\n\nFormula: {}\n\nSource: {}",
            self.summary,
            self.returns,
            self.nulls,
            self.ties,
            self.errors,
            self.formula,
            self.source
        );
        let mut documentation =
            Documentation::builder(section, description, self.signature()).with_sql_example(
                format!("```sql\n{}\n```\n```text\n{}\n```", self.example, self.answer.join("\n")),
            );
        for parameter in self.parameters {
            let about = format!("{}: {}", parameter.about, parameter.kind.accepts());
            documentation = documentation.with_argument(parameter.name, about);
        }
        documentation.build()
    }

    /// Names for `name => value`, in order.
    pub(crate) fn parameter_names(&self) -> Vec<String> {
        self.parameters.iter().map(|parameter| parameter.name.to_owned()).collect()
    }

    /// The aliases in the form DataFusion asks for.
    pub(crate) fn alias_names(&self) -> Vec<String> {
        self.aliases.iter().map(|&alias| alias.to_owned()).collect()
    }
}
