//! How unevenly the money is spread over the customers.
//!
//! Two questions of the 80/20 rule: which share do the top customers bring ([`pareto_share`]), how
//! many customers bring that share ([`pareto_customers`]). The whole curve is [`lorenz`], the curve
//! as one number [`gini`]. These aggregates look only at how often each amount occurs, so their
//! states merge and their answers never depend on row order. Row by row: [`share_of_total`],
//! [`cum_share`] and the class that follows from it, [`abc_class`].

pub(crate) mod abc_class;
pub(crate) mod cum_share;
pub(crate) mod gini;
pub(crate) mod lorenz;
pub(crate) mod pareto_customers;
pub(crate) mod pareto_share;
pub(crate) mod running;
pub(crate) mod share_of_total;

use crate::function::Function;

/// The functions of the package.
pub(crate) fn functions() -> Vec<Function> {
    vec![
        pareto_share::function(),
        pareto_customers::function(),
        gini::function(),
        lorenz::function(),
        share_of_total::function(),
        cum_share::function(),
        abc_class::function(),
    ]
}
