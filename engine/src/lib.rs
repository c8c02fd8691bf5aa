//! How a statement becomes batches.
//!
//! The life of one statement:
//!
//! 1. [`Session::execute`] takes the newest catalog once; the whole statement sees that version (`context.rs`).
//! 2. `sql.rs` cuts the text into tokens, refuses what is too big or too deep, and asks the list in
//!    `sql/statement.rs` whose statement it is. What is nobody's goes to DataFusion's parser.
//!    A Substrait plan has no text: `substrait.rs` reads it, and step 4 is next.
//! 3. `sql/prepare.rs` rewrites the parts of the tree that DataFusion does not know: `VERSION AS OF`, `in_segment`,
//!    `read_parquet(..)`, `?` parameters, names that differ in case only.
//! 4. `relations.rs` resolves names: tables at one version, views expanded, files, `information_schema`, `system`.
//! 5. DataFusion plans and optimises, with rules of ours between its own (`rewrite.rs`); `dml.rs` and `copy.rs` turn
//!    writes into one atomic commit each.
//! 6. The caller pulls batches from a stream; dropping it cancels the query. `query_log.rs` remembers how it went.
//!
//! This package knows SQL and plans. It never knows gRPC, HTTP or a terminal; it never opens a store except through
//! the catalog; it never prints.
//!
//! ```no_run
//! # async fn example() -> pareto_engine::Result<()> {
//! use pareto_engine::{Engine, EngineOptions, Outcome};
//! let engine = Engine::open(EngineOptions { warehouse: "memory://".into(), ..Default::default() }).await?;
//! let session = engine.session();
//! session.execute("CREATE TABLE sales (customer_id BIGINT, amount DECIMAL(10, 2))").await?;
//! if let Outcome::Rows(rows) = session.execute("SELECT count(*) FROM sales").await? {
//!     drop(rows);
//! }
//! # Ok(()) }
//! ```

mod answer;
mod context;
mod copy;
mod dml;
mod engine;
mod error;
mod functions;
mod information_schema;
mod interrupt;
mod kept_rows;
mod login;
mod memory;
mod password;
mod plan_cache;
mod pool;
mod progress;
mod query_log;
mod question;
mod relations;
mod result_cache;
mod rewrite;
mod rights;
mod session;
mod settings;
mod sql;
mod state;
mod substrait;
mod system;
mod transaction;

pub use engine::{Engine, EngineOptions};
pub use error::{EngineError, ErrorKind, Position, Result};
pub use login::{Identity, Login};
pub use pareto_catalog::Check;
pub use progress::{Progress, QueryProgress};
pub use session::{Outcome, Parts, Prepared, Session};
pub use transaction::{Savepoint, Transaction};
