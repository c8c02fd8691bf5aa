//! What happens to grants when the things they are about change: they go with what is dropped and move with what is
//! renamed.
//!
//! Without this a new table would inherit the rights that people had on a dropped one of the same name. A thing that is
//! replaced in the same change keeps its grants.
//!
//! Example: `ALTER TABLE sales RENAME TO orders` turns `SELECT ON public.sales` into `SELECT ON public.orders`.

use super::{Catalog, Change, Entry, EntryKey, Grant, GrantTarget, Name, Principal};

impl Catalog {
    /// The changes to users and roles that follow from these changes.
    pub fn grants_after(&self, changes: &[Change]) -> Vec<Change> {
        let next = self.apply(changes);
        let gone: Vec<(GrantTarget, Option<GrantTarget>)> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Drop(key) if next.entry(key).is_none() => {
                    Some((target(key)?, self.moved(key, changes).map(GrantTarget::Table)))
                }
                Change::Drop(_) | Change::Put(_) => None,
            })
            .collect();
        if gone.is_empty() {
            return Vec::new();
        }
        next.principals()
            .filter_map(|principal| without(principal, &gone))
            .map(|principal| Change::Put(Entry::Principal(principal)))
            .collect()
    }

    /// The new name of a table that is dropped under one and put under another.
    fn moved(&self, key: &EntryKey, changes: &[Change]) -> Option<Name> {
        let Some(Entry::Table(table)) = self.entry(key) else { return None };
        changes.iter().find_map(|change| match change {
            Change::Put(Entry::Table(put)) if put.id == table.id => Some(put.name.clone()),
            Change::Put(_) | Change::Drop(_) => None,
        })
    }
}

fn target(key: &EntryKey) -> Option<GrantTarget> {
    match key {
        EntryKey::Table(name) | EntryKey::View(name) => Some(GrantTarget::Table(name.clone())),
        EntryKey::Schema(name) => Some(GrantTarget::Schema(name.clone())),
        EntryKey::Segment(name) => Some(GrantTarget::Segment(name.clone())),
        EntryKey::Principal(_) => None,
    }
}

/// The principal with these targets moved or gone, when it has a grant on one.
fn without(
    principal: &Principal,
    gone: &[(GrantTarget, Option<GrantTarget>)],
) -> Option<Principal> {
    if !principal.grants.iter().any(|grant| gone.iter().any(|(target, _)| *target == grant.on)) {
        return None;
    }
    let kept = principal.grants.iter().filter_map(|grant| {
        match gone.iter().find(|(target, _)| *target == grant.on) {
            None => Some(grant.clone()),
            Some((_, to)) => to.clone().map(|on| Grant { right: grant.right, on }),
        }
    });
    Some(Principal { grants: kept.collect(), ..principal.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PrincipalKind, Right, Storage, Table};
    use std::collections::BTreeMap;
    use uuid::Uuid;

    fn table(id: u128, name: &str) -> Table {
        Table {
            id: Uuid::from_u128(id),
            name: Name::new("public", name),
            columns: Vec::new(),
            storage: Storage::Delta { location: String::new(), managed: true },
            partitioning: Vec::new(),
            order: Vec::new(),
            constraints: Vec::new(),
            options: BTreeMap::new(),
            comment: None,
            created_at_ms: 0,
        }
    }

    fn targets(changes: &[Change]) -> Vec<String> {
        let name = Name::new("public", "sales");
        let mut role = Principal::new("analyst", PrincipalKind::Role);
        role.grants.insert(Grant { right: Right::Select, on: GrantTarget::Table(name) });
        role.grants.insert(Grant { right: Right::Create, on: GrantTarget::Schema("crm".into()) });
        let catalog = Catalog::new(1, [Entry::Table(table(1, "sales")), Entry::Principal(role)]);
        let mut all = changes.to_vec();
        all.extend(catalog.grants_after(changes));
        let after = catalog.apply(&all);
        let kept = &after.principal("analyst").unwrap().grants;
        kept.iter().map(|grant| format!("{} {:?}", grant.right, grant.on)).collect()
    }

    #[test]
    fn grants_follow_what_they_are_about() {
        let dropped = Change::Drop(EntryKey::Table(Name::new("public", "sales")));
        let schema = "CREATE Schema(\"crm\")".to_owned();
        assert_eq!(targets(std::slice::from_ref(&dropped)), [schema.as_str()]);
        let renamed = [dropped.clone(), Change::Put(Entry::Table(table(1, "orders")))];
        let moved = targets(&renamed);
        assert!(moved.iter().any(|grant| grant.contains("orders")), "{moved:?}");
        assert!(!moved.iter().any(|grant| grant.contains("sales")), "{moved:?}");
        let replaced = [dropped, Change::Put(Entry::Table(table(2, "sales")))];
        assert!(targets(&replaced).iter().any(|grant| grant.contains("sales")));
        assert_eq!(targets(&[Change::Drop(EntryKey::Schema("web".into()))]).len(), 2);
    }
}
