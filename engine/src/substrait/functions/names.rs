//! What the functions of Substrait's standard are called here.
//!
//! Only names that differ, or that are operators, are listed; `upper`, `abs`, `coalesce` and the like have the same name on
//! both sides. Operators that engines built on DataFusion write by names of their own are listed too.
//!
//! Example: `lte` is `<=`, `char_length` is the session's `character_length`.

use super::special;
use super::{Call, Reader};
use crate::error::Result;
use datafusion::logical_expr::{Expr, Operator};

/// What a name stands for.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// An operator between two values.
    Operator(Operator),
    /// A question about one value, or a change of it.
    Test(fn(Expr) -> Expr),
    /// A function of the session with the same arguments.
    Function(&'static str),
    /// Something built from several parts.
    Special(fn(&Reader<'_>, Call) -> Result<Expr>),
}

use Meaning::{Function, Operator as Op, Special, Test};

const NAMES: &[(&str, Meaning)] = &[
    // Arithmetic, of dates too.
    ("add", Op(Operator::Plus)),
    ("add_intervals", Op(Operator::Plus)),
    ("subtract", Op(Operator::Minus)),
    ("multiply", Op(Operator::Multiply)),
    ("divide", Op(Operator::Divide)),
    ("integer_divide", Op(Operator::IntegerDivide)),
    ("modulus", Op(Operator::Modulo)),
    ("mod", Op(Operator::Modulo)),
    ("negate", Test(special::negative)),
    ("sign", Function("signum")),
    ("bitwise_and", Op(Operator::BitwiseAnd)),
    ("bitwise_or", Op(Operator::BitwiseOr)),
    ("bitwise_xor", Op(Operator::BitwiseXor)),
    ("bitwise_not", Test(special::bitwise_not)),
    ("shift_left", Op(Operator::BitwiseShiftLeft)),
    ("shift_right", Op(Operator::BitwiseShiftRight)),
    ("bitwise_shift_left", Op(Operator::BitwiseShiftLeft)),
    ("bitwise_shift_right", Op(Operator::BitwiseShiftRight)),
    ("log1p", Special(special::log1p)),
    ("logb", Special(special::logb)),
    // Comparison.
    ("equal", Op(Operator::Eq)),
    ("not_equal", Op(Operator::NotEq)),
    ("lt", Op(Operator::Lt)),
    ("lte", Op(Operator::LtEq)),
    ("gt", Op(Operator::Gt)),
    ("gte", Op(Operator::GtEq)),
    ("is_distinct_from", Op(Operator::IsDistinctFrom)),
    ("is_not_distinct_from", Op(Operator::IsNotDistinctFrom)),
    ("between", Special(special::between)),
    ("is_null", Test(Expr::is_null)),
    ("is_not_null", Test(Expr::is_not_null)),
    ("is_nan", Function("isnan")),
    ("is_finite", Special(special::is_finite)),
    ("is_infinite", Special(special::is_infinite)),
    ("least", Special(special::least)),
    ("greatest", Special(special::greatest)),
    ("least_skip_null", Function("least")),
    ("greatest_skip_null", Function("greatest")),
    // Truth.
    ("not", Test(special::not)),
    ("and_not", Special(special::and_not)),
    ("xor", Op(Operator::NotEq)),
    ("is_true", Test(Expr::is_true)),
    ("is_false", Test(Expr::is_false)),
    ("is_not_true", Test(Expr::is_not_true)),
    ("is_not_false", Test(Expr::is_not_false)),
    ("is_unknown", Test(Expr::is_unknown)),
    ("is_not_unknown", Test(Expr::is_not_unknown)),
    // Text.
    ("like", Special(special::like)),
    ("ilike", Special(special::ilike)),
    ("concat", Special(special::concat)),
    ("str_concat", Op(Operator::StringConcat)),
    ("substring", Function("substr")),
    ("char_length", Function("character_length")),
    ("string_split", Function("string_to_array")),
    ("regex_match", Op(Operator::RegexMatch)),
    ("regex_imatch", Op(Operator::RegexIMatch)),
    ("regex_not_match", Op(Operator::RegexNotMatch)),
    ("regex_not_imatch", Op(Operator::RegexNotIMatch)),
    // Dates and times.
    ("extract", Special(special::extract)),
    ("strptime_date", Function("to_date")),
    ("strptime_timestamp", Function("to_timestamp")),
    ("strftime", Function("to_char")),
    // Lists.
    ("at_arrow", Op(Operator::AtArrow)),
    ("arrow_at", Op(Operator::ArrowAt)),
];

/// What a name stands for in the standard.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

/// AND and OR, which take any number of arguments.
pub(super) fn chain(name: &str) -> Option<Operator> {
    match name {
        "and" => Some(Operator::And),
        "or" => Some(Operator::Or),
        _ => None,
    }
}

/// All names that are listed, for "did you mean".
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| *name).chain(["and", "or"]).chain(super::aggregates::NAMES)
}
