//! Who may do what: rights held, checked on plans and on changes to the catalog.
//!
//! Nothing is checked on SQL text. A statement runs in a catalog that holds only what its user may see
//! ([`visible`]), so what one may not see does not exist: not for names, lists, hints or metadata. What is left is
//! checked where it cannot be walked around:
//!
//! * reading, by the relations a plan was made from, and writing, by its `INSERT`, `UPDATE`, .. nodes ([`plan`]);
//! * everything defined, altered or dropped, by the changes it makes to the catalog ([`change`]);
//! * a query that runs on while rights are revoked, by newer catalogs ([`standing`]).
//!
//! A view is read with the rights of the statement that made it: `SELECT` on the view is enough, and its tables stay
//! invisible. Two roles carry rights of their own: [`ADMINISTRATORS`] may do everything, [`FILES`] may read and write
//! files by URL. There is no owner: who makes a thing is granted `ALL` on it.
//!
//! Example: ada, with `GRANT INSERT ON sales TO ada`, asks `SELECT * FROM sales`: permission denied, hint
//! `GRANT SELECT ON public.sales TO ada`. With no grant on it: table "sales" does not exist.

pub(crate) mod change;
pub(crate) mod plan;
pub(crate) mod standing;
pub(crate) mod visible;

use crate::context::quote;
use crate::error::Result;
use crate::login::{Identity, holds};
use crate::relations::HIDDEN_SCHEMA;
use crate::state::DEFAULT_SCHEMA;
use pareto_catalog::{
    Catalog, CatalogError, CatalogErrorKind, Entry, EntryKey, Grant, GrantTarget, Name, Principal,
    PrincipalKind, Right,
};
use std::collections::BTreeSet;

/// The role whose members may do everything.
pub(crate) const ADMINISTRATORS: &str = "admin";
/// The role whose members may read and write files by URL.
pub(crate) const FILES: &str = "files";

/// On whose rights a name is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behalf {
    /// Those of who runs the statement.
    Caller,
    /// Those of who made the view that is being expanded.
    Definer,
}

/// What the user of a statement may do, as the catalog stood when it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rights {
    user: Option<String>,
    held: Held,
    /// Temporary tables, which their session may do everything with.
    temporary: BTreeSet<Name>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Everything,
    Granted {
        /// The user and every role it has, directly or through another.
        names: BTreeSet<String>,
        grants: BTreeSet<Grant>,
    },
}

impl Rights {
    /// The rights of an identity; an administrator may take on somebody else's, to see what they see.
    ///
    /// # Errors
    /// `Unauthenticated` when the identity no longer holds.
    pub(crate) fn of(
        catalog: &Catalog,
        identity: &Identity,
        acting_as: Option<&str>,
    ) -> Result<Self> {
        holds(identity, catalog)?;
        let own = match identity {
            Identity::Owner | Identity::Anybody => Self::new(None, Held::Everything),
            Identity::User(login) => Self::of_user(catalog, &login.user)?,
        };
        match acting_as {
            Some(user) if own.everything() => Ok(Self::of_user(catalog, user)?),
            Some(_) | None => Ok(own),
        }
    }

    fn new(user: Option<String>, held: Held) -> Self {
        Self { user, held, temporary: BTreeSet::new() }
    }

    /// The same, and everything on these temporary tables.
    #[must_use]
    pub(crate) fn with_temporary(self, temporary: BTreeSet<Name>) -> Self {
        Self { temporary, ..self }
    }

    fn of_user(catalog: &Catalog, user: &str) -> Result<Self, CatalogError> {
        let principal = catalog.principal(user)?;
        let (names, grants) = held_by(catalog, principal);
        let held = if names.contains(ADMINISTRATORS) {
            Held::Everything
        } else {
            Held::Granted { names, grants }
        };
        Ok(Self::new(Some(principal.name.clone()), held))
    }

    /// Who runs the statement, when it is a user.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether there is nothing to check.
    pub(crate) fn everything(&self) -> bool {
        self.held == Held::Everything
    }

    /// Whether this is the user or a role of theirs.
    pub(crate) fn is(&self, name: &str) -> bool {
        match &self.held {
            Held::Everything => true,
            Held::Granted { names, .. } => names.contains(name),
        }
    }

    /// Whether some grant fits.
    fn any(&self, fits: impl Fn(&Grant) -> bool) -> bool {
        match &self.held {
            Held::Everything => true,
            Held::Granted { grants, .. } => grants.iter().any(fits),
        }
    }

    /// Whether a right is held on a table or view, or on its schema.
    pub(crate) fn may(&self, right: Right, on: &Name) -> bool {
        self.temporary.contains(on)
            || self.any(|grant| grant.right.covers(right) && reaches(&grant.on, on))
    }

    /// Whether a right is held on a whole schema.
    pub(crate) fn may_in(&self, right: Right, schema: &str) -> bool {
        self.any(|grant| {
            grant.right.covers(right)
                && matches!(&grant.on, GrantTarget::Schema(name) if name == schema)
        })
    }

    /// Whether any right is held on a table, view or its schema.
    pub(crate) fn sees(&self, name: &Name) -> bool {
        self.any(|grant| reaches(&grant.on, name))
    }

    /// Whether any right is held on a whole schema.
    pub(crate) fn sees_schema(&self, schema: &str) -> bool {
        self.any(|grant| matches!(&grant.on, GrantTarget::Schema(name) if name == schema))
    }

    /// A right on a table or view, or the refusal that names it.
    pub(crate) fn require(&self, right: Right, on: &Name) -> Result<(), CatalogError> {
        if self.may(right, on) {
            return Ok(());
        }
        let (what, target) = if on.schema == HIDDEN_SCHEMA {
            (format!("segment \"{}\"", on.name), format!("SEGMENT {}", quote(&on.name)))
        } else {
            (format!("\"{on}\""), written(on))
        };
        Err(self.denied(&format!("{right} on {what}"), &format!("{right} ON {target}")))
    }

    /// A right on a whole schema, or the refusal that names it.
    pub(crate) fn require_in(&self, right: Right, schema: &str) -> Result<(), CatalogError> {
        if self.may_in(right, schema) {
            return Ok(());
        }
        let target = format!("{right} ON SCHEMA {}", quote(schema));
        Err(self.denied(&format!("{right} on schema \"{schema}\""), &target))
    }

    /// The right to make or replace a thing of this name. `exists` tells which.
    pub(crate) fn require_make(&self, name: &Name, exists: bool) -> Result<(), CatalogError> {
        match (name.schema.as_str(), exists) {
            (_, true) => self.require(Right::Create, name),
            // Segments belong to the warehouse, and so to the schema that every warehouse has.
            (HIDDEN_SCHEMA, false) => self.require_in(Right::Create, DEFAULT_SCHEMA),
            (schema, false) => self.require_in(Right::Create, schema),
        }
    }

    /// Everything, or the refusal that names the role.
    pub(crate) fn require_administrator(&self, what: &str) -> Result<(), CatalogError> {
        if self.everything() {
            return Ok(());
        }
        Err(self.denied(
            &format!("the role \"{ADMINISTRATORS}\", which alone may {what}"),
            ADMINISTRATORS,
        ))
    }

    /// The role that reaches files by URL, or the refusal that names it.
    pub(crate) fn require_files(&self) -> Result<(), CatalogError> {
        if self.is(FILES) {
            return Ok(());
        }
        Err(self.denied(
            &format!("the role \"{FILES}\", which alone may read and write files by URL"),
            FILES,
        ))
    }

    /// "ada" lacks this; this GRANT would give it.
    fn denied(&self, lacks: &str, grant: &str) -> CatalogError {
        let user = self.user.as_deref().unwrap_or_default();
        CatalogError::new(
            CatalogErrorKind::Denied,
            format!("permission denied: user \"{user}\" lacks {lacks}"),
        )
        .with_hint(format!("an administrator may run: GRANT {grant} TO {}", quote(user)))
    }
}

/// A full name as the statement that grants would write it: `public` needs no quotes there.
fn written(name: &Name) -> String {
    let schema = match name.schema.as_str() {
        DEFAULT_SCHEMA => DEFAULT_SCHEMA.to_owned(),
        schema => quote(schema),
    };
    format!("{schema}.{}", quote(&name.name))
}

/// Whether a grant on a target is about a table or view. The members of a segment are a table of their own.
fn reaches(target: &GrantTarget, name: &Name) -> bool {
    match target {
        GrantTarget::Table(table) => table == name,
        GrantTarget::Schema(schema) => *schema == name.schema,
        GrantTarget::Segment(segment) => name.schema == HIDDEN_SCHEMA && *segment == name.name,
    }
}

/// The names of a principal and its roles, however deep, and all their grants.
pub(crate) fn held_by(
    catalog: &Catalog,
    principal: &Principal,
) -> (BTreeSet<String>, BTreeSet<Grant>) {
    let (mut names, mut grants) = (BTreeSet::new(), BTreeSet::new());
    let mut open = vec![principal];
    while let Some(next) = open.pop() {
        // Roles may have been granted in a circle.
        if !names.insert(next.name.clone()) {
            continue;
        }
        grants.extend(next.grants.iter().cloned());
        for role in &next.roles {
            if let Some(Entry::Principal(role)) = catalog.entry(&EntryKey::Principal(role.clone()))
                && role.kind == PrincipalKind::Role
            {
                open.push(role);
            }
        }
    }
    (names, grants)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::login::Login;

    fn catalog(grants: &[(Right, GrantTarget)], roles: &[&str]) -> Catalog {
        let mut ada = Principal::new("ada", PrincipalKind::User);
        ada.roles.insert("analyst".to_owned());
        let mut analyst = Principal::new("analyst", PrincipalKind::Role);
        analyst.roles.extend(roles.iter().map(|role| (*role).to_owned()));
        analyst.roles.insert("analyst".to_owned());
        analyst
            .grants
            .extend(grants.iter().map(|(right, on)| Grant { right: *right, on: on.clone() }));
        let more = roles.iter().map(|role| Principal::new(*role, PrincipalKind::Role));
        Catalog::new(1, more.chain([ada, analyst]).map(Entry::Principal))
    }

    fn ada(catalog: &Catalog) -> Rights {
        let stamp = catalog.principal("ada").unwrap().stamp;
        let identity = Identity::User(Login { user: "ada".to_owned(), stamp });
        Rights::of(catalog, &identity, None).unwrap()
    }

    #[test]
    fn rights_come_through_roles_and_schemas() {
        let (sales, other) = (Name::new("crm", "sales"), Name::new("web", "visits"));
        let rights = ada(&catalog(&[(Right::Select, GrantTarget::Schema("crm".into()))], &[]));
        assert!(rights.may(Right::Select, &sales) && rights.sees(&sales));
        assert!(!rights.may(Right::Insert, &sales) && !rights.sees(&other));
        let refused = rights.require(Right::Insert, &sales).unwrap_err();
        assert_eq!(
            refused.message,
            "permission denied: user \"ada\" lacks INSERT on \"crm.sales\""
        );
        assert!(refused.hint.unwrap().ends_with("GRANT INSERT ON crm.sales TO ada"));
        assert!(rights.require_make(&sales, false).is_err());
        assert!(!rights.everything() && rights.require_files().is_err());
    }

    #[test]
    fn two_roles_carry_rights_of_their_own() {
        assert!(ada(&catalog(&[], &[ADMINISTRATORS])).everything());
        let rights = ada(&catalog(&[], &[FILES]));
        assert!(rights.require_files().is_ok() && !rights.everything());
    }

    #[test]
    fn a_login_is_over_when_the_stamp_changes() {
        let catalog = catalog(&[], &[]);
        let login = |stamp| Identity::User(Login { user: "ada".to_owned(), stamp });
        let other = Rights::of(&catalog, &login(uuid::Uuid::new_v4()), None).unwrap_err();
        assert_eq!(other.kind, ErrorKind::Unauthenticated);
        let role = Identity::User(Login {
            user: "analyst".to_owned(),
            ..match login(uuid::Uuid::nil()) {
                Identity::User(login) => login,
                Identity::Owner | Identity::Anybody => unreachable!("made above"),
            }
        });
        assert_eq!(Rights::of(&catalog, &role, None).unwrap_err().kind, ErrorKind::Unauthenticated);
        let anybody = Rights::of(&catalog, &Identity::Anybody, None).unwrap_err();
        assert_eq!(anybody.kind, ErrorKind::Unauthenticated);
        assert!(Rights::of(&catalog, &Identity::Owner, None).unwrap().everything());
        // An administrator sees what somebody else sees; nobody else does.
        let acting = Rights::of(&catalog, &Identity::Owner, Some("ada")).unwrap();
        assert_eq!(acting.user(), Some("ada"));
    }
}
