//! The small HTTP door for operators: is it alive, and how busy is it.
//!
//! ```text
//! GET /health   ──> 200 "ok"
//! GET /metrics  ──> 200, a few numbers in the text form that Prometheus reads
//! ```
//!
//! It never answers questions about data: those go to Flight SQL.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::flight_sql::Counters;

/// The routes, ready for `axum::serve`.
pub(crate) fn routes(counters: Arc<dyn Fn() -> Counters + Send + Sync>) -> Router {
    Router::new().route("/health", get(health)).route("/metrics", get(metrics)).with_state(counters)
}

async fn health() -> &'static str {
    "ok\n"
}

async fn metrics(
    State(counters): State<Arc<dyn Fn() -> Counters + Send + Sync>>,
) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], render(&counters()))
}

/// The numbers as text: name, kind, value.
fn render(counters: &Counters) -> String {
    let rows = [
        (
            "pareto_flight_sessions",
            "Sessions opened by a handshake and still known.",
            counters.sessions,
        ),
        (
            "pareto_flight_prepared_statements",
            "Prepared statements that are open.",
            counters.prepared,
        ),
        ("pareto_flight_tickets", "Queries that are planned and may be fetched.", counters.tickets),
        ("pareto_flight_streams", "Results that are being sent now.", counters.streams),
    ];
    let mut text = String::new();
    for (name, help, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_prometheus_text() {
        let text = render(&Counters { sessions: 1, prepared: 2, tickets: 3, streams: 4 });
        assert!(text.contains("# TYPE pareto_flight_streams gauge\npareto_flight_streams 4\n"));
        assert_eq!(text.lines().count(), 12);
    }
}
