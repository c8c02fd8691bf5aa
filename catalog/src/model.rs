//! The nouns: schema, table, key, view, segment, principal, and the catalog that holds them at one version.
//!
//! Nouns are plain data. They know names and types, and nothing of storage, plans or queries. Each serialises to the
//! JSON that the metastore keeps; a field added later has a default, so old documents stay readable.
//!
//! Example: the fact table `public.sales` is a [`Table`] with a primary key `sale_id`, a foreign key to
//! `public.customer`, and the partitioning `date_trunc('month', sold_on)`.

mod catalog;
mod constraint;
mod grants;
mod name;
mod principal;
mod right;
mod segment;
mod table;
mod view;

pub use catalog::{Catalog, Change, Entry, EntryKey};
pub use constraint::{Constraint, ConstraintKind, Validation};
pub use name::{Name, Schema};
pub use principal::{Grant, GrantTarget, Principal, PrincipalKind};
pub use right::Right;
pub use segment::Segment;
pub use table::{Column, FileFormat, PartitionTerm, SortTerm, Storage, Table};
pub use view::View;
