//! The purchase models behind one door: what a prediction may ask of any of them.
//!
//! Every prediction is the chance that the customer is still there, and what a customer who is does from
//! now on. The second is a new customer of a model with other parameters, so a model answers for new
//! customers only, and [`Purchases::now`] brings the history in.
//!
//! To add a model: its arithmetic in a file of its own, a variant here, a line in `models.rs`.

use datafusion::common::{DataFusionError, Result};

use super::bgbb::Bgbb;
use super::bgnbd::Bgnbd;
use super::model::history_problem;
use super::pnbd::Pnbd;

/// A fitted purchase model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Purchases {
    Bgnbd(Bgnbd),
    Pnbd(Pnbd),
    Bgbb(Bgbb),
}

/// x, t_x and t.
pub(crate) type Past = [f64; 3];

/// The most opportunities of BG/BB: it walks over them one by one.
const MOST_OPPORTUNITIES: f64 = 1e6;

impl Purchases {
    /// Refuses a history or a horizon that the model does not know.
    pub(crate) fn check(
        &self,
        function: &str,
        past: Option<Past>,
        horizon: Option<f64>,
    ) -> Result<()> {
        let discrete = matches!(self, Self::Bgbb(_));
        let past = past.and_then(|[x, tx, t]| {
            if discrete { record_problem(x, tx, t) } else { history_problem(x, tx, t) }
        });
        let ahead = horizon.and_then(|horizon| {
            let whole = horizon.fract() == 0.0 && horizon <= MOST_OPPORTUNITIES;
            (discrete && !whole).then(|| {
                format!("a bgbb model looks ahead by whole opportunities, up to a million, not {horizon}")
            })
        });
        match past.or(ahead) {
            None => Ok(()),
            Some(problem) => Err(DataFusionError::Execution(format!("{function}: {problem}"))),
        }
    }

    /// The chance that a customer is there now, and the model of what he then does; without a past, of a
    /// new one.
    pub(crate) fn now(&self, past: Option<Past>) -> (f64, Self) {
        match (self, past) {
            (Self::Bgnbd(model), past) => {
                // At age zero only the first purchase has happened; under MBG/NBD it may have been the last.
                let [x, tx, t] = past.unwrap_or_default();
                (model.p_alive(x, tx, t), Self::Bgnbd(model.later(x, t)))
            }
            (Self::Pnbd(model), Some([x, tx, t])) => {
                (model.p_alive(x, tx, t), Self::Pnbd(model.later(x, t)))
            }
            (Self::Bgbb(model), Some([x, tx, n])) => {
                (model.p_alive(x, tx, n), Self::Bgbb(model.later(x, n)))
            }
            (Self::Pnbd(_) | Self::Bgbb(_), None) => (1.0, *self),
        }
    }

    /// The purchases to expect of a new customer who is there.
    pub(crate) fn expected(&self, horizon: f64) -> f64 {
        match self {
            Self::Bgnbd(model) => model.expected(horizon),
            Self::Pnbd(model) => model.expected(horizon),
            Self::Bgbb(model) => model.expected(horizon),
        }
    }

    /// The chance of n purchases of a new customer who is there.
    pub(crate) fn pmf(&self, n: f64, horizon: f64) -> f64 {
        match self {
            Self::Bgnbd(model) => model.pmf(n, horizon),
            Self::Pnbd(model) => model.pmf(n, horizon),
            Self::Bgbb(model) => model.pmf(n, horizon),
        }
    }

    /// The chance that a new customer who is there now still is later. BG/BB counts from the next
    /// opportunity: there is no telling before.
    pub(crate) fn stays(&self, ahead: f64) -> f64 {
        match self {
            Self::Bgnbd(model) => model.stays(ahead),
            Self::Pnbd(model) => model.stays(ahead),
            Self::Bgbb(model) => model.stays(1.0 + ahead),
        }
    }

    /// The least time within which a new customer who is there buys with this chance; None if never.
    pub(crate) fn wait(&self, chance: f64) -> Option<f64> {
        let time = match self {
            Self::Bgnbd(model) => model.wait(chance),
            Self::Pnbd(model) => model.wait(chance),
            Self::Bgbb(model) => model.wait(chance),
        };
        time.filter(|time| time.is_finite())
    }
}

/// What is wrong with a history in opportunities, if anything is.
pub(crate) fn record_problem(x: f64, tx: f64, n: f64) -> Option<String> {
    let whole = |number: f64| number >= 0.0 && number.fract() == 0.0;
    let problem = if !(whole(x) && whole(tx) && whole(n)) || n > MOST_OPPORTUNITIES {
        "all three count opportunities: whole numbers from 0 to a million"
    } else if x > tx || tx > n {
        "x is at most t_x, t_x at most n"
    } else if x == 0.0 && tx != 0.0 {
        "without a repeat purchase t_x is 0"
    } else {
        return None;
    };
    Some(format!("x = {x}, t_x = {tx}, n = {n} is no purchase history: {problem}"))
}
