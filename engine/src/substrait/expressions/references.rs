//! References: a column by its place, and the way into structs, lists and maps.
//!
//! Example: `#2`, field 0 of its struct, element 1 of that list is `get_field(c2, 'a')[2]`, for SQL counts from one.

use crate::error::{EngineError, Result};
use crate::substrait::messages::references::{FieldReference, Outer, Path, Root, Segment, Step};
use crate::substrait::reader::{Reader, Scope, incomplete, unsupported};
use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, ExprSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable};
use std::sync::Arc;

impl Reader<'_> {
    pub(in crate::substrait) fn reference(
        &mut self,
        reference: &FieldReference,
        scope: &Scope,
    ) -> Result<Expr> {
        let path = match &reference.path {
            Some(Path::Direct(path)) => path,
            Some(Path::Masked(_)) => {
                return Err(unsupported("FieldReference.masked_reference", "direct_reference is"));
            }
            None => return Err(incomplete("FieldReference", "a reference")),
        };
        match &reference.root {
            None | Some(Root::Input(_)) => {
                let (column, rest) = column(path, scope)?;
                self.inside(Expr::Column(column), rest, &scope.schema)
            }
            Some(Root::Outer(outer)) => {
                let scope = self.outer_scope(outer)?.clone();
                let (column, rest) = column(path, &scope)?;
                let field = Arc::clone(scope.schema.field_from_column(&column)?);
                self.inside(Expr::OuterReferenceColumn(field, column), rest, &scope.schema)
            }
            Some(Root::Expression(bytes)) => {
                let base = self.row_expression(bytes, scope)?;
                self.inside(base, Some(path), &scope.schema)
            }
            Some(Root::LambdaParameter(_)) => {
                Err(unsupported("Expression.Lambda", "functions of values are"))
            }
        }
    }

    fn outer_scope(&self, outer: &Outer) -> Result<&Scope> {
        let steps = usize::try_from(outer.steps_out).unwrap_or(usize::MAX);
        let place = self.outer.len().checked_sub(steps).filter(|_| steps > 0);
        place.and_then(|place| self.outer.get(place)).ok_or_else(|| {
            EngineError::invalid(format!(
                "a reference goes {} queries out, and there are {} around it",
                outer.steps_out,
                self.outer.len()
            ))
        })
    }

    /// Follows a path into a value.
    fn inside(&mut self, base: Expr, path: Option<&Segment>, schema: &DFSchema) -> Result<Expr> {
        let (mut value, mut path) = (base, path);
        while let Some(segment) = path {
            match segment.step.as_ref().ok_or_else(|| incomplete("ReferenceSegment", "a step"))? {
                Step::StructField(place) => {
                    let name = field_name(&value.get_type(schema)?, place.place)?;
                    let name = Expr::Literal(ScalarValue::Utf8(Some(name)), None);
                    value = self.function("get_field", vec![value, name])?;
                    path = place.child.as_deref();
                }
                Step::ListElement(place) => {
                    let number = i64::from(place.place) + 1;
                    if number < 1 {
                        return Err(EngineError::invalid("elements of a list are counted from 0"));
                    }
                    let number = datafusion::logical_expr::lit(number);
                    value = self.function("array_element", vec![value, number])?;
                    path = place.child.as_deref();
                }
                Step::MapKey(step) => {
                    let key = step.key.as_ref().ok_or_else(|| incomplete("MapKey", "a literal"))?;
                    let key = self.literal(key)?;
                    value = self.function("get_field", vec![value, key])?;
                    path = step.child.as_deref();
                }
            }
        }
        Ok(value)
    }
}

/// The column at the start of a path, and the way on.
pub(in crate::substrait) fn column<'p>(
    path: &'p Segment,
    scope: &Scope,
) -> Result<(Column, Option<&'p Segment>)> {
    let Some(Step::StructField(place)) = &path.step else {
        return Err(EngineError::invalid("a reference begins with the place of a column")
            .with_hint("{ struct_field: { field: 0 } }"));
    };
    let column = usize::try_from(place.place).ok().and_then(|place| scope.fields.get(place));
    let column = column.ok_or_else(|| no_column(place.place, scope.fields.len()))?;
    Ok((column.clone(), place.child.as_deref()))
}

/// Why there is no column at a place.
pub(in crate::substrait) fn no_column(place: i32, columns: usize) -> EngineError {
    EngineError::invalid(format!(
        "the plan refers to column {place}, and there are {columns}, counted from 0"
    ))
}

fn field_name(of: &DataType, place: i32) -> Result<String> {
    let DataType::Struct(fields) = of else {
        return Err(EngineError::invalid(format!(
            "a reference goes into a struct, but {of} is none"
        )));
    };
    let field = usize::try_from(place).ok().and_then(|place| fields.get(place));
    field.map(|field| field.name().clone()).ok_or_else(|| no_column(place, fields.len()))
}
