//! Where the demo lives: a directory that is empty, or that an earlier demo made.
//!
//! The demo replaces its tables when it loads, so it must not find itself in somebody's warehouse. It leaves a note,
//! `pareto-demo.toml`, that says what it is making; the note says `complete = true` only after the last table is in. A
//! directory with files and without the note is refused.
//!
//! ```toml
//! customers = 20000
//! sales = 1000000
//! complete = true
//! ```

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use pareto_testdata::star::Spec;
use serde::Deserialize;

use crate::cli::error::{CliError, Result};

/// The note's file name.
const NOTE: &str = "pareto-demo.toml";
/// Where Parquet files wait to be copied in.
const STAGING: &str = "_staging";

/// The demo's directory.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
}

/// What is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing.
    New,
    /// A demo that did not end its load, or one of another size.
    Unfinished,
    /// A demo of this size.
    Complete,
}

/// What the note says.
#[derive(Debug, Deserialize)]
struct Note {
    customers: u64,
    sales: u64,
    complete: bool,
}

impl Place {
    /// Makes the directory if need be.
    pub(super) fn at(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|source| {
            CliError::io(format!("making the directory {}", dir.display()), source)
        })?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// What is in it; refuses a directory that is not the demo's.
    pub(super) fn state(&self, wanted: &Spec) -> Result<State> {
        let shown = self.dir.display();
        let text = match std::fs::read_to_string(self.dir.join(NOTE)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return self.state_without_note(),
            Err(source) => return Err(CliError::io(format!("reading {shown}/{NOTE}"), source)),
        };
        // A note that was being written when the machine stopped is that of an unfinished demo.
        Ok(match toml::from_str::<Note>(&text) {
            Ok(note)
                if note.complete
                    && note.customers == wanted.customers
                    && note.sales == wanted.sales =>
            {
                State::Complete
            }
            Ok(_) | Err(_) => State::Unfinished,
        })
    }

    fn state_without_note(&self) -> Result<State> {
        let shown = self.dir.display();
        let mut entries = std::fs::read_dir(&self.dir)
            .map_err(|source| CliError::io(format!("reading {shown}"), source))?;
        if entries.next().is_none() {
            return Ok(State::New);
        }
        Err(CliError::usage(
            format!("{shown} is not empty, and no demo made it"),
            "choose another directory with --dir; to query a warehouse of your own use pareto sql --warehouse",
        ))
    }

    /// The warehouse's address.
    pub(super) fn warehouse(&self) -> Result<String> {
        match self.dir.to_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(CliError::usage(
                format!("the directory name {} is not UTF-8", self.dir.display()),
                "choose another with --dir",
            )),
        }
    }

    /// Notes what is being made, or that it is made.
    pub(super) fn note(&self, spec: &Spec, complete: bool) -> Result<()> {
        let text = format!(
            "# Made by pareto demo, which may replace the tables it made. Delete the directory to be rid of it.\n\
             customers = {}\nsales = {}\ncomplete = {complete}\n",
            spec.customers, spec.sales
        );
        let path = self.dir.join(NOTE);
        std::fs::write(&path, text)
            .map_err(|source| CliError::io(format!("writing {}", path.display()), source))
    }

    /// An empty directory for files that wait to be copied in.
    pub(super) fn staging(&self) -> Result<Staging> {
        let dir = self.dir.join(STAGING);
        let failed =
            |source| CliError::io(format!("making the directory {}", dir.display()), source);
        match std::fs::remove_dir_all(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        std::fs::create_dir(&dir).map_err(failed)?;
        Ok(Staging { dir })
    }
}

/// Files that wait to be copied in; gone when the load is over, however it ended.
#[derive(Debug)]
pub(super) struct Staging {
    dir: PathBuf,
}

impl Staging {
    /// The file for one table, absolute.
    pub(super) fn file(&self, table: &str) -> Result<PathBuf> {
        let dir = std::path::absolute(&self.dir)
            .map_err(|source| CliError::io(format!("finding {}", self.dir.display()), source))?;
        Ok(dir.join(format!("{table}.parquet")))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next demo.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_is_reused_only_when_complete_and_of_the_size_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::at(&dir.path().join("demo")).unwrap();
        let spec = Spec { customers: 10, sales: 500, ..Spec::default() };
        assert_eq!(place.state(&spec).unwrap(), State::New);
        place.note(&spec, false).unwrap();
        assert_eq!(place.state(&spec).unwrap(), State::Unfinished);
        place.note(&spec, true).unwrap();
        assert_eq!(place.state(&spec).unwrap(), State::Complete);
        let other = Spec { customers: 11, ..spec };
        assert_eq!(place.state(&other).unwrap(), State::Unfinished);
    }

    #[test]
    fn the_directory_of_somebody_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("letter.txt"), "dear").unwrap();
        let error = Place::at(dir.path()).unwrap().state(&Spec::default()).unwrap_err();
        assert!(error.to_string().contains("is not empty"), "{error}");
    }

    #[test]
    fn staging_cleans_up_after_itself() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::at(dir.path()).unwrap();
        let staging = place.staging().unwrap();
        let file = staging.file("sales").unwrap();
        std::fs::write(&file, "x").unwrap();
        drop(staging);
        assert!(!file.exists());
    }
}
