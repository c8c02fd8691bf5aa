//! How people and clients reach the warehouse: the command line, Flight SQL and a small HTTP door.
//!
//! ```text
//!   terminal, scripts ──> cli ─────────────┐
//!   pareto demo ────────> demo ─> report ──┤
//!                                          ├──> pareto_engine::Session ──> rows
//!   JDBC, ADBC, ODBC ───> serve ─> flight_sql
//!   operators ──────────> serve ─> http
//!   pareto sql --connect > remote ─(Flight SQL)─> a server like this one
//! ```
//!
//! This package knows terminals, gRPC and HTTP. It never knows storage: where bytes live, what a Delta log is and how a
//! plan runs are the business of the packages below. Every front sends SQL to a [`pareto_engine::Session`] and shows
//! the same error text.

pub mod cli;
mod demo;
mod flight_sql;
mod handle;
mod http;
mod jwt;
mod reflection;
pub mod remote;
mod report;
pub mod security;
pub mod serve;
mod status;
mod tls;
mod token;
