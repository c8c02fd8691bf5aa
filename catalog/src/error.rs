//! The one error of this package: a kind that says what the caller can do, and a sentence a person can act on.
//!
//! The kind decides (retry, fix the request, call the operator); the message says what was tried, on what, and what
//! went wrong. An error never carries a Rust debug dump. Foreign errors are translated once, at the door they enter by.
//!
//! Example: a lost race for a version is `Conflict` "table retail.sales changed while this statement ran ...".

use std::fmt;

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CatalogErrorKind {
    /// The named thing does not exist: check the name.
    NotFound,
    /// The name is taken: choose another, or use `IF NOT EXISTS` / `OR REPLACE`.
    AlreadyExists,
    /// The request cannot be carried out as it stands: change it.
    Invalid,
    /// Someone else changed the same thing first: run the statement again.
    Conflict,
    /// The storage does not answer, or answers that it is busy: try again later.
    Unavailable,
    /// Nobody knows whether it was done: look before it is run again.
    InDoubt,
    /// The storage refuses these credentials or permissions: ask the operator.
    Denied,
    /// A bound was reached (memory, disk, quota): free some or ask for less.
    Exhausted,
    /// Bytes are not what they claim to be: a damaged or foreign file.
    Corrupt,
    /// The format is newer or older than this program reads: use the program that wrote it.
    Unsupported,
    /// A defect of Pareto itself: report it.
    Internal,
}

/// An error of the catalog, the stores and the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogError {
    /// What the caller can do.
    pub kind: CatalogErrorKind,
    /// What was tried, on what, and what went wrong.
    pub message: String,
    /// The next step, or the nearest known name.
    pub hint: Option<String>,
}

/// The result of everything in this package.
pub type Result<T, E = CatalogError> = std::result::Result<T, E>;

impl CatalogError {
    /// An error of `kind` with a message.
    pub fn new(kind: CatalogErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The same error with a next step.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with the operation it happened in, put before the message.
    #[must_use]
    pub fn during(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The named thing does not exist; `known` gives the nearest name for the hint.
    pub fn not_found<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let error =
            Self::new(CatalogErrorKind::NotFound, format!("{what} {name:?} does not exist"));
        match crate::nearest::nearest(name, known) {
            Some(near) => error.with_hint(format!("did you mean {near:?}?")),
            None => error,
        }
    }

    /// The request cannot be carried out.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(CatalogErrorKind::Invalid, message)
    }

    /// A defect of Pareto itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(CatalogErrorKind::Internal, message)
    }

    /// True when the same request may succeed if it is simply sent again.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, CatalogErrorKind::Conflict | CatalogErrorKind::Unavailable)
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CatalogError {}

impl From<object_store::Error> for CatalogError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error as E;
        let text = innermost(&error);
        match error {
            E::NotFound { path, .. } => {
                Self::new(CatalogErrorKind::NotFound, format!("{path} does not exist in the store"))
            }
            E::AlreadyExists { path, .. } => {
                Self::new(CatalogErrorKind::Conflict, format!("{path} exists already"))
            }
            E::Precondition { path, .. } => {
                Self::new(CatalogErrorKind::Conflict, format!("{path} was changed by someone else"))
            }
            E::PermissionDenied { path, .. } => Self::new(
                CatalogErrorKind::Denied,
                format!("the store refuses access to {path}: {text}"),
            )
            .with_hint("check the credentials and the rights they carry"),
            E::Unauthenticated { path, .. } => Self::new(
                CatalogErrorKind::Denied,
                format!("the store does not accept the credentials for {path}: {text}"),
            )
            .with_hint(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or check that they are current",
            ),
            E::NotSupported { .. } | E::NotImplemented { .. } => Self::new(
                CatalogErrorKind::Unsupported,
                format!("the store cannot do this: {text}"),
            ),
            E::InvalidPath { .. } | E::UnknownConfigurationKey { .. } => Self::invalid(text),
            E::Generic { store, .. } => Self::new(kind_of_text(&text), format!("{store}: {text}")),
            _ => Self::new(kind_of_text(&text), text),
        }
    }
}

/// The innermost cause is the one a person can act on ("No space left on device"), so it leads the message.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    let (inner, outer) = (current.to_string(), error.to_string());
    if outer.contains(&inner) { outer } else { format!("{outer}: {inner}") }
}

/// Stores wrap operating-system and network failures in text; these few phrases decide what the caller can do.
pub(crate) fn kind_of_text(text: &str) -> CatalogErrorKind {
    let lower = text.to_lowercase();
    let any = |needles: &[&str]| needles.iter().any(|needle| lower.contains(needle));
    if any(&["no space left", "os error 28", "quota exceeded", "disk quota", "resources exhausted"])
    {
        CatalogErrorKind::Exhausted
    } else if any(&[
        "permission denied",
        "os error 13",
        "403 forbidden",
        "access denied",
        "read-only file system",
        "os error 30",
    ]) {
        CatalogErrorKind::Denied
    } else if any(&[
        "connect",
        "timed out",
        "timeout",
        "503",
        "slow down",
        "dns error",
        "error sending request",
        "500 internal",
    ]) {
        CatalogErrorKind::Unavailable
    } else if any(&["no such file", "os error 2)", "404 not found", "nosuchbucket"]) {
        CatalogErrorKind::NotFound
    } else {
        CatalogErrorKind::Internal
    }
}
