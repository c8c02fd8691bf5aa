//! Aggregate functions: many rows in, one value out.
//!
//! A function gives a [`Gather`]: what it returns, what its state looks like, and how a group starts.
//! The state is what travels between partitions and what a rollup keeps, so it must merge, and the
//! result must not depend on how the rows were split, down to the last bit. Constants are checked
//! when the statement is planned; DISTINCT is refused, because two customers with equal values are
//! still two. Where a statement has millions of groups a function may start all of them at once
//! ([`Gather::start_many`]).

use std::sync::Arc;

use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator};

use crate::args::Arguments;
use crate::contract::{Contract, answer_from_contract};
use crate::function::{Function, Spec};
use crate::types;

/// What an aggregate does with the rows of a group.
pub(crate) trait Gather: Send + Sync + 'static {
    /// Refuses wrong constants while the statement is planned.
    fn check(&self, arguments: &Arguments) -> Result<()>;

    /// Result type for the argument types, after coercion.
    fn returns(&self, given: &[DataType]) -> DataType;

    /// Names and types of the state.
    fn state(&self, given: &[DataType]) -> Vec<(&'static str, DataType)>;

    /// A group without rows yet.
    fn start(&self, arguments: &Arguments, given: &[DataType]) -> Result<Box<dyn Accumulator>>;

    /// All groups at once, without rows yet; None, for an aggregate of few groups, keeps them apart.
    fn start_many(&self) -> Option<StartMany> {
        None
    }
}

/// Starts all groups of a call at once.
pub(crate) type StartMany = fn(&Arguments, &[DataType]) -> Result<Box<dyn GroupsAccumulator>>;

/// An aggregate of ours, as DataFusion holds it.
pub(crate) type Aggregate = Contract<Box<dyn Gather>>;

/// Makes a function of a contract and what it does with its rows.
pub(crate) fn function(spec: &'static Spec, gather: impl Gather) -> Function {
    let aggregate: Aggregate = Contract::new(spec, Box::new(gather));
    Function::Aggregate(spec, Arc::new(AggregateUDF::from(aggregate)))
}

impl AggregateUDFImpl for Aggregate {
    answer_from_contract!();

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.body.returns(arg_types))
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        let given = types::check(self.spec, arg_fields)?;
        Ok(Arc::new(Field::new(self.name(), self.body.returns(&given), true)))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return Err(no_distinct(self.spec));
        }
        let arguments = Arguments::from_physical(self.spec, args.exprs)?;
        self.body.start(&arguments, &types_of(args.expr_fields))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.body.start_many().is_some() && !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let start_many = self.body.start_many().ok_or_else(|| {
            DataFusionError::Internal(format!("{} keeps its groups apart", self.spec.name))
        })?;
        let arguments = Arguments::from_physical(self.spec, args.exprs)?;
        start_many(&arguments, &types_of(args.expr_fields))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let state = self.body.state(&types_of(args.input_fields)).into_iter();
        let field = |(name, data_type)| {
            Arc::new(Field::new(format_state_name(args.name, name), data_type, true))
        };
        Ok(state.map(field).collect())
    }
}

/// The error for `f(DISTINCT value)`.
pub(crate) fn no_distinct(spec: &Spec) -> DataFusionError {
    DataFusionError::Plan(format!(
        "{} does not take DISTINCT: every row is one customer, also when two spend the same",
        spec.name
    ))
}

/// The type of a list in a state.
pub(crate) fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, false)))
}

/// Where the lists of a state begin and end; more items than a list column can hold are an error.
pub(crate) fn offsets(lengths: impl Iterator<Item = usize>) -> Result<OffsetBuffer<i32>> {
    let mut ends = vec![0];
    let mut end = 0_usize;
    for length in lengths {
        end += length;
        ends.push(i32::try_from(end).map_err(|_| {
            DataFusionError::ResourcesExhausted(format!(
                "more than {} rows wait in one state: narrow the statement with WHERE, or run it in parts",
                i32::MAX
            ))
        })?);
    }
    Ok(OffsetBuffer::new(ends.into()))
}

fn types_of(fields: &[FieldRef]) -> Vec<DataType> {
    fields.iter().map(|field| field.data_type().clone()).collect()
}
