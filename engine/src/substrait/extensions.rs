//! The functions that a plan declares: a number for each name, and where the name is published.
//!
//! A name may carry the types of its arguments (`add:i64_i64`); they are cut off, because types are known from the
//! arguments. A name published by Substrait means what Substrait says. One without a place, or published elsewhere, means
//! the session's function first, because its producer is likely an engine that knows this one's functions.
//!
//! Example: anchor 7, `"extract:req_date"` of `extension:io.substrait:functions_datetime` is the standard's `extract`.

use super::messages::plan::{Declared, Named, Plan};
use crate::error::{EngineError, Result};
use std::collections::HashMap;

/// A declared function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declaration {
    /// Its name, without types, in lower case.
    pub(super) name: String,
    /// Whether it is published by Substrait.
    pub(super) standard: bool,
}

/// All functions that a plan declares.
#[derive(Debug)]
pub(super) struct Extensions {
    functions: HashMap<u32, Declaration>,
    /// Whether the plan's producer counts columns of its own making in its aggregates.
    pub(super) datafusion: bool,
}

impl Extensions {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut functions = HashMap::new();
        for extension in &plan.extensions {
            if let Some(Declared::Function(named)) = &extension.declared {
                let name = named.name.split(':').next().unwrap_or_default().to_lowercase();
                let standard = is_standard(plan, named);
                functions.insert(named.anchor, Declaration { name, standard });
            }
        }
        let producer = plan.version.as_ref().map(|version| version.producer.as_str());
        Self { functions, datafusion: producer == Some("datafusion") }
    }

    /// The function behind an anchor.
    pub(super) fn function(&self, anchor: u32) -> Result<Declaration> {
        self.functions.get(&anchor).cloned().ok_or_else(|| {
            EngineError::invalid(format!(
                "the plan uses function {anchor} and declares no function under that anchor"
            ))
        })
    }
}

fn is_standard(plan: &Plan, named: &Named) -> bool {
    let at = |places: &[super::messages::plan::Place], reference: u32| {
        places.iter().any(|place| {
            let name = place.name.to_lowercase();
            place.anchor == reference && (name.contains("substrait") || name.contains("functions_"))
        })
    };
    at(&plan.extension_urns, named.urn_reference) || at(&plan.extension_uris, named.uri_reference)
}

#[cfg(test)]
mod tests {
    use super::super::messages::plan::{Declaration as Message, Place};
    use super::*;

    #[test]
    fn names_are_found_by_anchor_with_uri_and_urn() {
        let function = |anchor, name: &str, uri_reference, urn_reference| Message {
            declared: Some(Declared::Function(Named {
                uri_reference,
                anchor,
                name: name.to_owned(),
                urn_reference,
            })),
        };
        let plan = Plan {
            extension_uris: vec![Place { anchor: 1, name: "/functions_arithmetic.yaml".into() }],
            extension_urns: vec![Place {
                anchor: 2,
                name: "extension:io.substrait:functions_string".into(),
            }],
            extensions: vec![
                function(0, "add:i64_i64", 1, 0),
                function(1, "Upper:str", 0, 2),
                function(2, "rfm_score", 0, 0),
            ],
            ..Plan::default()
        };
        let extensions = Extensions::new(&plan);
        let check = |anchor, name: &str, standard| {
            let expected = Declaration { name: name.to_owned(), standard };
            assert_eq!(extensions.function(anchor).unwrap(), expected);
        };
        check(0, "add", true);
        check(1, "upper", true);
        check(2, "rfm_score", false);
        assert!(extensions.function(9).unwrap_err().message.contains("function 9"));
    }
}
