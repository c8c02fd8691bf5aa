//! `table_constraints`, `key_column_usage` and `referential_constraints`: the declared keys.
//!
//! A key here is declared, not enforced; `enforced` says `NO`, `rely` whether the planner may build on it, and the last
//! two columns when `VALIDATE CONSTRAINT` counted its violations and how many there were.
//!
//! Example: joining the three on the constraint name gives the star that a BI tool draws.

use super::is_listed;
use crate::answer::{Answer, Cell, Kind, Shape, int, text, yes_no};
use crate::error::Result;
use crate::relations::Relations;
use crate::state::CATALOG;
use futures::FutureExt;
use futures::future::BoxFuture;
use pareto_catalog::{Constraint, ConstraintKind, Name, Table};

/// Every constraint with its table.
fn constraints(relations: &Relations) -> impl Iterator<Item = (&Table, &Constraint)> {
    let tables = relations.catalog().tables().filter(|table| is_listed(&table.name.schema));
    tables.flat_map(|table| table.constraints.iter().map(move |constraint| (table, constraint)))
}

fn three(name: &Name, last: &str) -> [Cell; 3] {
    [text(CATALOG), text(name.schema.clone()), text(last)]
}

pub(super) const TABLE_CONSTRAINTS: Shape = &[
    ("constraint_catalog", Kind::Text),
    ("constraint_schema", Kind::Text),
    ("constraint_name", Kind::Text),
    ("table_catalog", Kind::Text),
    ("table_schema", Kind::Text),
    ("table_name", Kind::Text),
    ("constraint_type", Kind::Text),
    ("is_deferrable", Kind::Text),
    ("initially_deferred", Kind::Text),
    ("enforced", Kind::Text),
    ("rely", Kind::Text),
    ("validated_at_version", Kind::Int),
    ("violations", Kind::Int),
];

pub(super) fn table_constraints(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(TABLE_CONSTRAINTS);
    for (table, constraint) in constraints(relations) {
        let kind = match constraint.kind {
            ConstraintKind::PrimaryKey => "PRIMARY KEY",
            ConstraintKind::Unique => "UNIQUE",
            ConstraintKind::ForeignKey { .. } => "FOREIGN KEY",
        };
        let validated = constraint.validated.as_ref();
        let rest = [
            text(kind),
            yes_no(false),
            yes_no(false),
            yes_no(false),
            yes_no(constraint.rely),
            validated.map_or(Cell::Null, |validation| int(validation.at_version)),
            validated.map_or(Cell::Null, |validation| int(validation.violations)),
        ];
        let names = three(&table.name, &constraint.name)
            .into_iter()
            .chain(three(&table.name, &table.name.name));
        answer.push(names.chain(rest));
    }
    async move { Ok(answer) }.boxed()
}

pub(super) const KEY_COLUMN_USAGE: Shape = &[
    ("constraint_catalog", Kind::Text),
    ("constraint_schema", Kind::Text),
    ("constraint_name", Kind::Text),
    ("table_catalog", Kind::Text),
    ("table_schema", Kind::Text),
    ("table_name", Kind::Text),
    ("column_name", Kind::Text),
    ("ordinal_position", Kind::Int),
    ("position_in_unique_constraint", Kind::Int),
    ("referenced_table_schema", Kind::Text),
    ("referenced_table_name", Kind::Text),
    ("referenced_column_name", Kind::Text),
];

pub(super) fn key_column_usage(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(KEY_COLUMN_USAGE);
    for (table, constraint) in constraints(relations) {
        for (index, column) in constraint.columns.iter().enumerate() {
            let referenced = match &constraint.kind {
                ConstraintKind::ForeignKey { table, columns } => {
                    let column = columns.get(index).cloned();
                    [
                        int(index + 1),
                        text(table.schema.clone()),
                        text(table.name.clone()),
                        column.into(),
                    ]
                }
                ConstraintKind::PrimaryKey | ConstraintKind::Unique => {
                    [Cell::Null, Cell::Null, Cell::Null, Cell::Null]
                }
            };
            let names = three(&table.name, &constraint.name)
                .into_iter()
                .chain(three(&table.name, &table.name.name));
            answer.push(names.chain([text(column.clone()), int(index + 1)]).chain(referenced));
        }
    }
    async move { Ok(answer) }.boxed()
}

pub(super) const REFERENTIAL_CONSTRAINTS: Shape = &[
    ("constraint_catalog", Kind::Text),
    ("constraint_schema", Kind::Text),
    ("constraint_name", Kind::Text),
    ("unique_constraint_catalog", Kind::Text),
    ("unique_constraint_schema", Kind::Text),
    ("unique_constraint_name", Kind::Text),
    ("match_option", Kind::Text),
    ("update_rule", Kind::Text),
    ("delete_rule", Kind::Text),
];

pub(super) fn referential_constraints(relations: &Relations) -> BoxFuture<'_, Result<Answer>> {
    let mut answer = Answer::new(REFERENTIAL_CONSTRAINTS);
    for (table, constraint) in constraints(relations) {
        let ConstraintKind::ForeignKey { table: target, columns } = &constraint.kind else {
            continue;
        };
        let key =
            relations.catalog().table(target).ok().and_then(|target| unique_over(target, columns));
        let names = three(&table.name, &constraint.name).into_iter();
        let unique =
            [text(CATALOG), text(target.schema.clone()), key.map(|key| key.name.clone()).into()];
        answer.push(names.chain(unique).chain([
            text("SIMPLE"),
            text("NO ACTION"),
            text("NO ACTION"),
        ]));
    }
    async move { Ok(answer) }.boxed()
}

/// The primary or unique key over exactly these columns.
fn unique_over<'a>(table: &'a Table, columns: &[String]) -> Option<&'a Constraint> {
    table.constraints.iter().find(|constraint| {
        !matches!(constraint.kind, ConstraintKind::ForeignKey { .. })
            && constraint.columns == columns
    })
}
