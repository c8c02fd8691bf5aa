//! `in_segment(customer_id, 's')`: is this customer a member of the segment?
//!
//! It has no way to look: what the planner sees is a call that knows the plans of the members' tables, and
//! `rewrite/join_memberships.rs` turns it into a join with the right one. Members are those of the last CREATE or REFRESH.
//!
//! Example: `SELECT in_segment(customer_id, 'vip') AS vip, sum(net_amount) FROM sales GROUP BY vip`.

use crate::sql::sql_type;
use arrow::datatypes::DataType;
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::scalar_doc_sections::DOC_SECTION_OTHER;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

/// The function, with the segments that a statement names.
#[derive(Debug)]
pub(crate) struct InSegment {
    members: BTreeMap<String, LogicalPlan>,
    signature: Signature,
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DOC_SECTION_OTHER,
        "TRUE if the customer was a member of the segment when it was created or last refreshed; NULL for NULL.",
        "in_segment(customer_id, 'segment')",
    )
    .with_argument("customer_id", "the customer: a value of the type that the segment's query returns")
    .with_argument("segment", "the name of a segment, constant")
    .build()
});

impl InSegment {
    /// Knows the members of these segments by the names the statement uses.
    pub(crate) fn new(members: BTreeMap<String, LogicalPlan>) -> Self {
        Self { members, signature: Signature::any(2, Volatility::Stable) }
    }

    /// The plan of the members of a segment, and the type in which they are compared with a value of type `value`.
    pub(crate) fn members(&self, name: &Expr, value: &DataType) -> Result<(LogicalPlan, DataType)> {
        let Expr::Literal(name, _) = name else { return plan_err!("{WRONG}") };
        let name = name.try_as_str().flatten().unwrap_or_default();
        let Some(members) = self.members.get(name) else { return plan_err!("{WRONG}") };
        let member = members.schema().field(0).data_type();
        match comparison_coercion(value, member) {
            Some(common) => Ok((members.clone(), common)),
            None => plan_err!(
                "in_segment: the members of \"{name}\" are of type {}, not of type {}",
                sql_type(member),
                sql_type(value)
            ),
        }
    }
}

const WRONG: &str = "in_segment takes a value and the name of a segment, a constant";

impl PartialEq for InSegment {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

impl Eq for InSegment {}

impl Hash for InSegment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.members.keys().for_each(|name| name.hash(state));
    }
}

impl ScalarUDFImpl for InSegment {
    fn name(&self) -> &'static str {
        "in_segment"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(ColumnarValue::Scalar(ScalarValue::Null)) = args.args.first() {
            return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(None)));
        }
        Err(DataFusionError::Plan(
            "in_segment cannot be used here: use it in WHERE, a select list, GROUP BY, an aggregate or ORDER BY"
                .to_owned(),
        ))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}
