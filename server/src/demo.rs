//! `pareto demo`: from nothing to a served warehouse with the customer-value report on the screen.
//!
//! ```text
//! place   an empty directory, or one that an earlier demo made
//! load    CDNOW (69,659 real purchases) and a generated star (20,000 customers, 1,000,000 sales)
//! report  the customer-value report, each part with the SQL that made it
//! serve   Flight SQL on loopback, with lines to paste into Python, JDBC and a second terminal
//! ```
//!
//! Everything is public SQL on the tables that any user can make; the demo has no way in of its own. A demo that was
//! interrupted while loading starts its load again; one that is complete is reused as it stands.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use pareto_engine::Engine;

use crate::cli::connection::Connection;
use crate::cli::error::{CliError, Result};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{Format, Printer};
use crate::cli::serve;
use crate::cli::settings::Settings;
use crate::report;

mod load;
mod place;

use load::Load;
use place::{Place, State};

/// Makes or reuses the warehouse, prints the report, serves.
pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let mut interrupt = Interrupt::listen()?;
    let wanted = load::spec(settings.demo.customers)?;
    let place = Place::at(&settings.demo.dir)?;
    let state = place.state(&wanted)?;
    let warehouse = place.warehouse()?;
    let engine = Engine::open(settings.resources.engine_options(&warehouse)?).await?;
    let connection = Arc::new(Connection::Session(engine.session()));
    match state {
        State::Complete => say(&format!("reusing the warehouse in {warehouse}")),
        State::New | State::Unfinished => {
            let started = Instant::now();
            let load = Load { connection: &connection, spec: &wanted, place: &place };
            tokio::select! {
                () = interrupt.requested() => return Err(CliError::Interrupted),
                loaded = load.run() => loaded?,
            }
            say(&format!(
                "made the warehouse in {warehouse} in {:.1} s",
                started.elapsed().as_secs_f64()
            ));
        }
    }
    let mut printer = Printer::new(std::io::stdout(), Format::Table);
    report::print(&connection, &mut printer, &mut interrupt).await?;
    if settings.demo.exit {
        printer.text(&format!("\nAsk more:  pareto sql --warehouse {warehouse}\n"))?;
        engine.close().await;
        return printer.flush();
    }
    drop(printer);
    let stop = Interrupt::listen_for_stop()?;
    Box::pin(serve::serve(engine, &settings.listen, serve::Greeting::Demo, stop)).await
}

/// Talk goes to standard error; a closed one is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
