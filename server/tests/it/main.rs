//! The wire: a real server on a free port, real clients, one test binary.
//!
//! Every test starts its own server on its own warehouse, so tests never see each other. What SQL means is specified
//! elsewhere; here it is specified what clients see of it: schemas, tickets, codes, counts, and that nothing runs
//! twice or keeps running for nobody.

#[cfg(test)]
mod actions;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod health;
#[cfg(test)]
mod http;
#[cfg(test)]
mod ingest;
#[cfg(test)]
mod metadata;
#[cfg(test)]
mod parallel;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod polls;
#[cfg(test)]
mod prepared;
#[cfg(test)]
mod reflection;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod substrait;
#[cfg(test)]
mod tickets;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod transactions;
