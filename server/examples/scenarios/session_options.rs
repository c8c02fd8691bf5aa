//! The options of the scenario `session_options`, under the names that Pareto has for options of their kind.
//!
//! The scenario sets a whole number, a real one and a list of texts, which no server has a use for. Each stands for a setting
//! of Pareto, and its value for a value of that setting:
//!
//! ```text
//! foolong: 123                 ──> datafusion.execution.batch_size: 123
//! bardouble: 456.0             ──> datafusion.execution.target_partitions: 456.0
//! big_ol_string_list: [a, ..]  ──> datafusion.explain.format: "pgjson"
//! big_ol_string_list: "a,.."   ──> datafusion.explain.format: "tree"
//! key_with_invalid_value       ──> datafusion.execution.time_zone, which refuses "lol_invalid" as a value
//! lol_invalid                  ──> the same, and Pareto refuses it as a name
//! ```
//!
//! What is set, refused, read back, unset and forgotten with its session is Pareto's doing, and so is the session itself: its
//! cookie is passed on. A setting at its default is an option that the scenario has not set, so it is not shown.

use std::collections::HashMap;

use arrow_flight::Action;
use prost::Message;

/// Names, and the settings they stand for.
const NAMES: [(&str, &str); 4] = [
    ("foolong", "datafusion.execution.batch_size"),
    ("bardouble", "datafusion.execution.target_partitions"),
    ("big_ol_string_list", "datafusion.explain.format"),
    ("key_with_invalid_value", "datafusion.execution.time_zone"),
];

/// The scenario's values, and the text that each is as a setting.
const WHOLE: (i64, &str) = (123, "123");
const REAL: (f64, &str) = (456.0, "456");
const LIST: ([&str; 8], &str) =
    (["a", "b", "sea", "dee", " ", "  ", "geee", "(づ｡◕‿‿◕｡)づ"], "pgjson");
const TEXT: (&str, &str) = ("a,b,sea,dee, ,  ,geee,(づ｡◕‿‿◕｡)づ", "tree");

/// `SetSessionOptionsRequest` and `GetSessionOptionsResult` look alike.
#[derive(Clone, PartialEq, Message)]
struct Options {
    #[prost(map = "string, message", tag = "1")]
    options: HashMap<String, OptionValue>,
}

#[derive(Clone, PartialEq, Message)]
struct OptionValue {
    #[prost(oneof = "Value", tags = "1, 3, 4, 5")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(sfixed64, tag = "3")]
    Whole(i64),
    #[prost(double, tag = "4")]
    Real(f64),
    #[prost(message, tag = "5")]
    List(List),
}

#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(string, repeated, tag = "1")]
    values: Vec<String>,
}

/// `SetSessionOptionsResult`.
#[derive(Clone, PartialEq, Message)]
struct Errors {
    #[prost(map = "string, message", tag = "1")]
    errors: HashMap<String, Refused>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Refused {
    #[prost(int32, tag = "1")]
    why: i32,
}

/// SetSessionOptions in Pareto's words.
pub(crate) fn translate_request(mut action: Action) -> Action {
    if action.r#type == "SetSessionOptions"
        && let Ok(mut request) = Options::decode(action.body.clone())
    {
        let options = request.options.into_iter();
        request.options = options
            .map(|(name, option)| {
                let ours = NAMES.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours);
                (ours.map_or(name, str::to_owned), to_setting(option))
            })
            .collect();
        action.body = request.encode_to_vec().into();
    }
    action
}

/// The answers about options in the scenario's words; any other answer as it is.
pub(crate) fn translate_result(
    name: &str,
    mut result: arrow_flight::Result,
) -> arrow_flight::Result {
    let theirs = |name: &str| {
        NAMES.iter().find(|(_, ours)| *ours == name).map(|(theirs, _)| (*theirs).to_owned())
    };
    match name {
        "SetSessionOptions" => {
            if let Ok(mut answer) = Errors::decode(result.body.clone()) {
                let errors = answer.errors.into_iter();
                answer.errors =
                    errors.map(|(name, why)| (theirs(&name).unwrap_or(name), why)).collect();
                result.body = answer.encode_to_vec().into();
            }
        }
        "GetSessionOptions" => {
            if let Ok(mut answer) = Options::decode(result.body.clone()) {
                let options = answer.options.into_iter();
                answer.options = options
                    .filter_map(|(name, option)| Some((theirs(&name)?, from_setting(option)?)))
                    .collect();
                result.body = answer.encode_to_vec().into();
            }
        }
        _ => {}
    }
    result
}

/// A value as Pareto takes it: numbers as they are, the list and its text as what they stand for.
fn to_setting(option: OptionValue) -> OptionValue {
    let text = match &option.value {
        Some(Value::List(list)) if list.values == LIST.0 => LIST.1,
        Some(Value::Text(text)) if text == TEXT.0 => TEXT.1,
        _ => return option,
    };
    OptionValue { value: Some(Value::Text(text.to_owned())) }
}

/// The value of a setting as the scenario set it; a setting that it has not set is at a value of another text.
fn from_setting(option: OptionValue) -> Option<OptionValue> {
    let Some(Value::Text(text)) = option.value else { return None };
    let value = match text.as_str() {
        text if text == WHOLE.1 => Value::Whole(WHOLE.0),
        text if text == REAL.1 => Value::Real(REAL.0),
        text if text == TEXT.1 => Value::Text(TEXT.0.to_owned()),
        text if text == LIST.1 => Value::List(List { values: LIST.0.map(str::to_owned).to_vec() }),
        _ => return None,
    };
    Some(OptionValue { value: Some(value) })
}
