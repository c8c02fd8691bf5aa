//! What every function answers from its [`Spec`] alone, whatever its shape.
//!
//! DataFusion asks scalar, aggregate and window functions the same questions through three traits:
//! name, other names, argument names, types to cast to, documentation; and compares functions, which
//! for us is comparing names. The answers are kept here, once, next to the part that computes.
//! [`answer_from_contract`] repeats the questions inside each of the three traits.
//!
//! It never computes anything and never checks an argument.

use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};

use datafusion::logical_expr::{Documentation, Signature, TypeSignature, Volatility};

use crate::function::Spec;

/// A contract in the form DataFusion asks for, and the part of the function that computes.
pub(crate) struct Contract<Body> {
    pub(crate) spec: &'static Spec,
    pub(crate) signature: Signature,
    pub(crate) aliases: Vec<String>,
    pub(crate) documentation: Documentation,
    pub(crate) body: Body,
}

impl<Body> Contract<Body> {
    pub(crate) fn new(spec: &'static Spec, body: Body) -> Self {
        let signature = Signature {
            parameter_names: Some(spec.parameter_names()),
            ..Signature::new(TypeSignature::UserDefined, Volatility::Immutable)
        };
        let aliases = spec.alias_names();
        let documentation = spec.documentation();
        Self { spec, signature, aliases, documentation, body }
    }
}

impl<Body> Debug for Contract<Body> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

impl<Body> PartialEq for Contract<Body> {
    fn eq(&self, other: &Self) -> bool {
        self.spec.name == other.spec.name
    }
}

impl<Body> Eq for Contract<Body> {}

impl<Body> Hash for Contract<Body> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spec.name.hash(state);
    }
}

/// The methods that DataFusion's three function traits have in common.
macro_rules! answer_from_contract {
    () => {
        fn name(&self) -> &str {
            self.spec.name
        }

        fn aliases(&self) -> &[String] {
            &self.aliases
        }

        fn signature(&self) -> &datafusion::logical_expr::Signature {
            &self.signature
        }

        fn coerce_types(
            &self,
            arg_types: &[arrow::datatypes::DataType],
        ) -> datafusion::common::Result<Vec<arrow::datatypes::DataType>> {
            Ok(crate::types::coerce(self.spec, arg_types))
        }

        fn documentation(&self) -> Option<&datafusion::logical_expr::Documentation> {
            Some(&self.documentation)
        }
    };
}

pub(crate) use answer_from_contract;
