//! The few functions that speak of the warehouse and the session rather than of data.
//!
//! `version()`, `current_schema()`, `current_catalog()`, `current_database()` and `current_user()`. They read the
//! options of the statement, so they are constant within it. [`in_segment`] asks the warehouse. Everything else about
//! customers is in the udfs package.
//!
//! Example: `SELECT current_schema()` gives `public` on a new connection.

pub(crate) mod in_segment;

use crate::error::Result;
use crate::settings::ParetoOptions;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result as PlanResult;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use in_segment::InSegment;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// Adds them to a registry, in place of DataFusion's `version`.
pub(crate) fn install(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for about in &ABOUT {
        let signature = Signature::nullary(Volatility::Stable);
        registry.register_udf(Arc::new(ScalarUDF::from(Constant { about, signature })))?;
    }
    let in_segment = InSegment::new(BTreeMap::new());
    registry.register_udf(Arc::new(ScalarUDF::from(in_segment)))?;
    Ok(())
}

/// A function of the statement's options.
#[derive(Debug)]
struct About {
    name: &'static str,
    aliases: LazyLock<Vec<String>>,
    value: fn(&ConfigOptions) -> String,
    documentation: LazyLock<Documentation>,
}

macro_rules! about {
    ($name:literal, [$($alias:literal),*], $description:literal, $value:expr) => {
        About {
            name: $name,
            aliases: LazyLock::new(|| vec![$($alias.to_owned()),*]),
            value: $value,
            documentation: LazyLock::new(|| {
                Documentation::builder(datafusion::logical_expr::scalar_doc_sections::DOC_SECTION_OTHER, $description, concat!($name, "()")).build()
            }),
        }
    };
}

static ABOUT: [About; 4] = [
    about!("version", [], "The version of Pareto.", |_| format!(
        "Pareto {}",
        env!("CARGO_PKG_VERSION")
    )),
    about!(
        "current_schema",
        [],
        "The schema that names without one are looked up in.",
        |options| options.catalog.default_schema.clone()
    ),
    about!("current_catalog", ["current_database"], "The name of the database.", |options| options
        .catalog
        .default_catalog
        .clone()),
    about!("current_user", ["session_user", "user"], "Who is connected.", |options| {
        options.extensions.get::<ParetoOptions>().map(|own| own.user.clone()).unwrap_or_default()
    }),
];

#[derive(Debug)]
struct Constant {
    about: &'static About,
    signature: Signature,
}

impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        self.about.name == other.about.name
    }
}

impl Eq for Constant {}

impl std::hash::Hash for Constant {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.about.name.hash(state);
    }
}

impl ScalarUDFImpl for Constant {
    fn name(&self) -> &str {
        self.about.name
    }

    fn aliases(&self) -> &[String] {
        &self.about.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> PlanResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some((self.about.value)(&args.config_options)))))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.about.documentation)
    }
}
