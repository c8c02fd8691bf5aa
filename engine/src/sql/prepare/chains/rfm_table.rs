//! `rfm_table`: recency, frequency, money, their scores and the segment.
//!
//! ```sql
//! SELECT customer_id, recency_days, frequency, monetary, scores['r'] AS r, .., segment(scores['r'], ..) AS segment
//! FROM (SELECT .., rfm(last, frequency, monetary, k => 5) OVER () AS scores
//!       FROM (SELECT customer_id, CAST(history['last'] AS DATE) AS last, .. FROM (..) WHERE history['events'] > 0))
//! ```

use super::Meaning;
use super::call::Call;
use super::template::HISTORY_UNTIL;
use crate::error::Result;

/// What the query names.
const COLUMNS: &[&str] = &[
    "recency_days",
    "frequency",
    "monetary",
    "r",
    "f",
    "m",
    "cell",
    "rfm_score",
    "segment",
    "last",
];

/// The one map that is made for other scores than 1 to 5.
const QUARTILES: &str = "pm5";

pub(super) fn meaning(call: &Call) -> Result<Meaning> {
    let k = scores(call)?;
    let segment = segment_of("\"$scores\"");
    let query = format!(
        "SELECT {{customer}}, recency_days, frequency, monetary, \
         \"$scores\"['r'] AS r, \"$scores\"['f'] AS f, \"$scores\"['m'] AS m, \
         \"$scores\"['cell'] AS cell, \"$scores\"['score'] AS rfm_score, {segment} AS segment \
         FROM (SELECT {{customer}}, recency_days, frequency, monetary, \
         rfm(last, frequency, monetary, k => {k}{{side=>}}) OVER () AS \"$scores\" \
         FROM (SELECT {{customer}}, CAST(\"$history\"['last'] AS DATE) AS last, \
         CAST({{as_of}} AS DATE) - CAST(\"$history\"['last'] AS DATE) AS recency_days, \
         \"$history\"['events'] AS frequency, \"$history\"['total'] AS monetary \
         FROM ({HISTORY_UNTIL}) AS \"$customers\" WHERE \"$history\"['events'] > 0) AS \"$facts\") AS \"$scored\""
    );
    Ok(Meaning { query, columns: COLUMNS })
}

/// The best score: as given, or the one that the map is made for.
pub(super) fn scores(call: &Call) -> Result<String> {
    if call.given("k").is_some() {
        return Ok("{k}".to_owned());
    }
    let quartiles = call.word("map")?.is_some_and(|map| map == QUARTILES);
    Ok(if quartiles { "4" } else { "5" }.to_owned())
}

/// The segment that the scores in a STRUCT give.
pub(super) fn segment_of(scores: &str) -> String {
    format!("segment({scores}['r'], {scores}['f'], {scores}['m']{{map=>}})")
}
