//! The one place where a DataFusion session is built.
//!
//! Every plan, here or on a worker, is made with the same functions, rules and settings because all of them come from
//! [`base`]. A statement then clones it and puts its own names and settings in; nothing else may call the builder.
//!
//! The values that differ from DataFusion's defaults, and why:
//!
//! | Setting | Value | Why |
//! |---|---|---|
//! | perfect hash join density / small build | 0.02 / 1 M | a dimension filtered to one value in fifty keeps the dense array |
//! | single-partition build side | 128 MB, 5 M rows | dimensions are built once; the fact is never shuffled |
//! | IN list that still prunes files | 200 | join filters of up to 150 values prune; the default stops at 20 |
//! | window top-n | on | top customers per segment |
//! | spill compression | lz4 | disk is slower than lz4 |
//! | information schema of DataFusion | off | ours is complete |
//! | `TIMESTAMP` | microseconds | as tables store it; nanoseconds end in 2262 |
//! | files split by statistics | on | files of one order stay in it, each thread reading those of a range |
//! | text types | `Utf8` | what clients are sent; views are made where they pay |
//! | spans | on | errors point at the column |

use crate::error::Result;
use crate::settings::ParetoOptions;
use crate::sql::Timestamps;
use datafusion::common::config::SpillCompression;
use datafusion::execution::config::SessionConfig;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use pareto_catalog::{HotColumns, ScanCache};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// The name of the one catalog.
pub(crate) const CATALOG: &str = "pareto";
/// The schema every warehouse has.
pub(crate) const DEFAULT_SCHEMA: &str = "public";

/// A state behind one pointer.
///
/// A state holds plans, and plans are made of a thousand types. Wherever an async function holds one while it waits, the
/// compiler proves anew that all of them may move between threads, which takes seconds each time. Here the promise is made
/// once.
#[derive(Clone)]
pub(crate) struct State(Arc<dyn Held>);

trait Held: Send + Sync {
    fn state(&self) -> &SessionState;
}

impl Held for SessionState {
    fn state(&self) -> &SessionState {
        self
    }
}

impl State {
    /// A state of one's own, to be changed. It has hundreds of names to copy.
    pub(crate) fn copy(&self) -> SessionState {
        self.0.state().clone()
    }
}

impl From<SessionState> for State {
    fn from(state: SessionState) -> Self {
        Self(Arc::new(state))
    }
}

impl std::ops::Deref for State {
    type Target = SessionState;

    fn deref(&self) -> &SessionState {
        self.0.state()
    }
}

/// The state all statements start from.
pub(crate) fn base(
    runtime: Arc<RuntimeEnv>,
    threads: Option<NonZeroUsize>,
    columns: Arc<HotColumns>,
) -> Result<SessionState> {
    let builder = SessionStateBuilder::new()
        .with_config(config(threads).with_extension(Arc::new(ScanCache(Some(columns)))))
        .with_runtime_env(runtime)
        .with_type_planner(Arc::new(Timestamps))
        .with_default_features();
    let mut state = crate::rewrite::install(builder).build();
    crate::rewrite::install_numbers(&mut state)?;
    pareto_udfs::install(&mut state)?;
    for (name, function) in pareto_udfs::tables() {
        state.register_udtf(name, function);
    }
    crate::functions::install(&mut state)?;
    Ok(state)
}

fn config(threads: Option<NonZeroUsize>) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, DEFAULT_SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    if let Some(threads) = threads {
        config = config.with_target_partitions(threads.get());
    }
    let options = config.options_mut();
    options.execution.perfect_hash_join_min_key_density = 0.02;
    options.execution.perfect_hash_join_small_build_threshold = 1 << 20;
    options.execution.parquet.max_in_list_size = 200;
    options.execution.spill_compression = SpillCompression::Lz4Frame;
    options.execution.split_file_groups_by_statistics = true;
    options.optimizer.hash_join_single_partition_threshold = 128 << 20;
    options.optimizer.hash_join_single_partition_threshold_rows = 5_000_000;
    options.optimizer.enable_window_topn = true;
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.extensions.insert(ParetoOptions::default());
    config
}
