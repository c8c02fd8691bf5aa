//! The scenarios' Substrait plan, which is the four bytes `plan`, and the plans in its place.
//!
//! The plans are `scenario: ..` of `testdata/substrait/messages.json`, written in the published messages by another library.
//! The scenario sends the same bytes whatever it wants: the rows of a query, or the count of an update. The call says which:
//!
//! ```text
//! GetFlightInfo, GetSchema (plan)      ──> the query
//! DoPut (plan)                         ──> the update
//! CreatePreparedSubstraitPlan(plan)    ──> both are prepared, the handle that comes back holds Pareto's two
//! GetFlightInfo, DoPut .. (handle)     ──> the one handle that the command is for
//! ClosePreparedStatement(handle)       ──> both are closed
//! ```
//!
//! Nothing is kept here: the handles of Pareto travel within the one that the client has.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use arrow_flight::sql::SubstraitPlan;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message;

/// The scenarios' plan and its version.
const THEIRS: (&[u8], &str) = (b"plan", "version");

/// What tells the handle of two statements from those of Pareto.
const MARK: &[u8] = b"query and update: ";

/// What a call wants of a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Rows,
    Count,
}

/// The plans by name.
pub(crate) struct Plans(HashMap<String, Bytes>);

impl Plans {
    /// Reads `testdata/substrait/messages.json`.
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let mut plans = HashMap::new();
        for entry in kept.as_array().into_iter().flatten() {
            let text = |key| entry.get(key).and_then(serde_json::Value::as_str);
            let name = text("name").and_then(|name| name.strip_prefix("scenario: "));
            if let (Some(name), Some(plan)) = (name, text("plan")) {
                plans.insert(name.to_owned(), STANDARD.decode(plan)?.into());
            }
        }
        if plans.is_empty() {
            return Err(format!("{} holds no plan for the scenarios", path.display()).into());
        }
        Ok(Self(plans))
    }

    /// Puts the plan that is meant in the place of the scenario's; any other plan is left as it is.
    pub(crate) fn put(
        &self,
        plan: &mut Option<SubstraitPlan>,
        wanted: Wanted,
        in_a_transaction: bool,
        prepared: bool,
    ) {
        let kind = match wanted {
            Wanted::Rows => "query",
            Wanted::Count => "update",
        };
        let place = if in_a_transaction { " in a transaction" } else { "" };
        let way = if prepared { ", prepared" } else { "" };
        let plan = plan.as_mut().filter(|plan| is_theirs(plan));
        if let (Some(plan), Some(ours)) = (plan, self.0.get(&format!("{kind}{place}{way}"))) {
            plan.plan = ours.clone();
        }
    }
}

/// Whether it is the plan of the scenarios.
pub(crate) fn is_theirs(plan: &SubstraitPlan) -> bool {
    (plan.plan.as_ref(), plan.version.as_str()) == THEIRS
}

/// The handles that Pareto gave for the two statements a prepared plan may be.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Both {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) query: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) update: Bytes,
}

impl Both {
    /// Reads a handle of two; any other is of one.
    pub(crate) fn read(handle: &[u8]) -> Option<Self> {
        handle.strip_prefix(MARK).and_then(|both| Self::decode(both).ok())
    }

    /// The handle for the client.
    pub(crate) fn handle(&self) -> Bytes {
        [MARK, &self.encode_to_vec()].concat().into()
    }
}

/// Puts the one handle that is wanted in the place of one of two.
pub(crate) fn put_one(handle: &mut Bytes, wanted: Wanted) {
    if let Some(both) = Both::read(handle) {
        *handle = match wanted {
            Wanted::Rows => both.query,
            Wanted::Count => both.update,
        };
    }
}
