//! `pareto serve`: opens the warehouse, binds the addresses, says where it listens, serves until SIGTERM or Ctrl-C.
//!
//! ```text
//! serving ./pareto-warehouse on grpc://127.0.0.1:31337, health on http://127.0.0.1:8080/health
//! ```
//!
//! This says where and when; how is the business of [`crate::serve`]. A name such as `localhost:31337` is looked up,
//! port 0 takes a free port, and the line above tells which.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use pareto_engine::Engine;

use super::error::{CliError, Result};
use super::interrupt::Interrupt;
use super::settings::{Listen, Settings, Target};
use crate::serve::{ServeError, ServeOptions, Server};

/// What to say when the addresses are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// One line, on standard error.
    Addresses,
    /// Lines to paste into other programs, on standard output: they belong to the report.
    Demo,
}

/// Opens the warehouse of the settings and serves it.
pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let Target::Warehouse(url) = &settings.target else {
        return Err(CliError::usage(
            "pareto serve serves a warehouse, not a server",
            "give it --warehouse",
        ));
    };
    let mut stop = Interrupt::listen_for_stop()?;
    let opening = Engine::open(settings.resources.engine_options(url)?);
    let engine = tokio::select! {
        () = stop.requested() => return Ok(()),
        engine = opening => engine?,
    };
    Box::pin(serve(engine, &settings.listen, Greeting::Addresses, stop)).await
}

/// Serves an open warehouse until SIGTERM or Ctrl-C.
pub(crate) async fn serve(
    engine: Arc<Engine>,
    listen: &Listen,
    greeting: Greeting,
    mut stop: Interrupt,
) -> Result<()> {
    let options = ServeOptions {
        flight: resolve(&listen.flight, "flight").await?,
        http: match &listen.http {
            Some(address) => Some(resolve(address, "http").await?),
            None => None,
        },
        security: listen.security.clone(),
    };
    let flight = options.flight;
    let url = engine.warehouse().url().to_owned();
    let server = match Box::pin(Server::bind(Arc::clone(&engine), options.clone())).await {
        // Nobody asked for this very port, so a second demo takes another.
        Err(ServeError::Listen { flag: "flight", .. })
            if greeting == Greeting::Demo && listen.flight_is_default =>
        {
            let flight = SocketAddr::new(flight.ip(), 0);
            Box::pin(Server::bind(Arc::clone(&engine), ServeOptions { flight, ..options })).await
        }
        bound => bound,
    };
    let server = server.map_err(|error| refused(&error))?;
    let (flight, http) = (server.flight_addr(), server.http_addr());
    match greeting {
        Greeting::Addresses => {
            let _ = write!(std::io::stderr(), "{}", addresses(&url, scheme(listen), flight, http));
        }
        Greeting::Demo => {
            let mut out = std::io::stdout();
            out.write_all(connection_lines(scheme(listen), flight).as_bytes())
                .and_then(|()| out.flush())
                .map_err(CliError::output)?;
        }
    }
    let served = Box::pin(server.run(stop.requested())).await;
    engine.close().await;
    served.map_err(|error| refused(&error))
}

/// Looks an address up.
async fn resolve(address: &str, flag: &str) -> Result<SocketAddr> {
    let wrong = |reason: String| {
        CliError::usage(
            format!("--{flag} {address} is no address to listen on{reason}"),
            "write HOST:PORT, such as 127.0.0.1:31337 for this machine alone or 0.0.0.0:31337 for everybody",
        )
    };
    let mut found =
        tokio::net::lookup_host(address).await.map_err(|error| wrong(format!(": {error}")))?;
    found.next().ok_or_else(|| wrong(String::new()))
}

/// A server that did not start or had to stop.
fn refused(error: &ServeError) -> CliError {
    // Its text is complete, with hint.
    CliError::Statement { text: error.to_string() }
}

/// The address as somebody on this machine reaches it: a server on all addresses is reached on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let loopback = if address.is_ipv4() {
        [127, 0, 0, 1].into()
    } else {
        std::net::Ipv6Addr::LOCALHOST.into()
    };
    SocketAddr::new(loopback, address.port())
}

/// How clients write the address.
fn scheme(listen: &Listen) -> &'static str {
    if listen.security.tls.is_some() { "grpc+tls" } else { "grpc" }
}

/// One line with every address.
fn addresses(url: &str, scheme: &str, flight: SocketAddr, http: Option<SocketAddr>) -> String {
    let mut text = format!("serving {url} on {scheme}://{flight}");
    if let Some(http) = http {
        text.push_str(&format!(", health on http://{http}/health"));
    }
    text.push('\n');
    text
}

/// Lines to paste into other programs.
fn connection_lines(scheme: &str, flight: SocketAddr) -> String {
    let (flight, encrypted) = (reachable(flight), scheme != "grpc");
    format!(
        "
Serving Flight SQL on {scheme}://{flight} until Ctrl-C. Paste one of these elsewhere:

SQL prompt
    pareto sql --connect {scheme}://{flight}

Python (pip install adbc-driver-flightsql adbc-driver-manager pyarrow)
    import adbc_driver_flightsql.dbapi as flight_sql
    with flight_sql.connect(\"{scheme}://{flight}\") as connection, connection.cursor() as cursor:
        cursor.execute(\"SELECT region, count(*) FROM customer GROUP BY region\")
        print(cursor.fetch_arrow_table())

JDBC (org.apache.arrow:flight-sql-jdbc-driver)
    jdbc:arrow-flight-sql://{flight}/?useEncryption={encrypted}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_an_address_that_can_be_reached() {
        let lines = connection_lines("grpc", "0.0.0.0:31337".parse().unwrap());
        assert!(lines.contains("pareto sql --connect grpc://127.0.0.1:31337\n"), "{lines}");
        assert!(
            lines.contains("jdbc:arrow-flight-sql://127.0.0.1:31337/?useEncryption=false"),
            "{lines}"
        );
    }

    #[test]
    fn the_greeting_is_one_line() {
        let text = addresses(
            "./w",
            "grpc",
            "127.0.0.1:1".parse().unwrap(),
            Some("127.0.0.1:2".parse().unwrap()),
        );
        assert_eq!(
            text,
            "serving ./w on grpc://127.0.0.1:1, health on http://127.0.0.1:2/health\n"
        );
    }
}
