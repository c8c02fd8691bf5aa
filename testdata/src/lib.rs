//! What is true: the data that Pareto is demonstrated, tested and measured with.
//!
//! Three data sets, from the smallest to the largest:
//!
//! * [`tiny`], a star of twelve customers kept as CSV, whose every answer fits on paper;
//! * [`cdnow`], 69,659 real purchases, the data the customer-value literature checks itself with;
//! * [`star`], a seeded generator of a star of any size, the same rows for the same [`star::Spec`]
//!   on every machine.
//!
//! Beside them stands [`s3`], a real S3 server on loopback for tests of object storage, and the
//! folders `slt/` (statements with the answers they must give), `golden/` (numbers from
//! independent calculations) and `tests/` (the rules of the house, checked by reading the tree).
//!
//! This package never plans or runs a query and never names another package of the workspace, so
//! that whatever it claims is claimed independently of the code under test.
//!
//! ```
//! use pareto_testdata::star::{self, Spec};
//!
//! let spec = Spec { customers: 100, sales: 1_000, ..Spec::default() };
//! let rows: usize = star::batches("sales", &spec).map(|batch| batch.num_rows()).sum();
//! assert_eq!(rows, 1_000);
//! ```

pub mod cdnow;
pub mod s3;
pub mod star;
pub mod tiny;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The folder of this package in the source tree: `star/*.csv`, `cdnow.parquet`, `slt/`, `golden/`.
///
/// For tests only: a binary that has left the source tree has no such folder. Under cargo it is the tree whose tests
/// run; two checkouts that share build output must not read each other's files.
#[must_use]
pub fn folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let running = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let beside = running.and_then(|package| Some(package.parent()?.join("testdata")));
        let compiled = || PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        beside.filter(|folder| folder.is_dir()).unwrap_or_else(compiled)
    });
    &FOLDER
}
