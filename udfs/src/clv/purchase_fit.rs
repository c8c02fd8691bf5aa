//! What the fits of purchase models in continuous time share: their arguments, the histories they read and
//! the time in which they search.
//!
//! BG/NBD, MBG/NBD and Pareto/NBD differ in the likelihood of a history and in nothing else.

use datafusion::common::Result;

use super::bgnbd::{History, index};
use super::estimate::{FEWEST, L2, MAX_ITER, Options, START, Sample, UNIT, W, check_rows};
use super::fit::{Rows, Search};
use super::minimize::Look;
use super::model::{Fitted, history_problem};
use crate::args::Arguments;
use crate::function::{Kind, Otherwise, Parameter};

/// The arguments of the purchase models.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "x",
        kind: Kind::Real,
        otherwise: Otherwise::Required,
        about: "Repeat purchases: purchase days after the first",
    },
    Parameter {
        name: "tx",
        kind: Kind::Real,
        otherwise: Otherwise::Required,
        about: "Time of the last purchase since the first, 0 without a repeat purchase",
    },
    Parameter {
        name: "t",
        kind: Kind::Real,
        otherwise: Otherwise::Required,
        about: "Time observed since the first purchase",
    },
    W,
    UNIT,
    L2,
    MAX_ITER,
    START,
];

/// A purchase model to fit.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [&'static str],
    /// Where the search starts, of a time as long as the longest observation. The second is the scale of
    /// the purchase rates and is divided by the purchases to expect in that time.
    pub(crate) start: [f64; 4],
    /// Which of the parameters are times.
    pub(crate) times: [bool; 4],
    /// What to know about every model of this kind.
    pub(crate) note: Option<&'static str>,
    /// Minus the log-likelihood and its derivatives, by logarithms, histories in order, and the largest x.
    pub(crate) cost: fn(&[f64], &[History], usize) -> Look,
}

/// Reads the constants of a call.
pub(crate) fn plan(arguments: &Arguments, candidate: Candidate) -> Result<Search> {
    let function = arguments.spec().name;
    let unit = arguments.choice("unit")?;
    let options = Options::read(arguments, candidate.params)?;
    Ok(Box::new(move |rows, nulls| {
        check_rows(function, rows, |[x, tx, t]| history_problem(*x, *tx, *t))?;
        let histories = histories(rows);
        let note = candidate.note.map(str::to_owned);
        let model = candidate.name;
        let distinct = histories.len();
        let fitted = Fitted { model, unit, nulls, distinct, note, ..Fitted::default() };
        Ok(candidate.fit(histories, fitted, &options))
    }))
}

fn histories(rows: &Rows) -> Vec<History> {
    let kept = rows.iter().filter(|row| row.1 > 0.0);
    kept.map(|([x, tx, t], weight)| History { x: *x, tx: *tx, t: *t, weight: *weight }).collect()
}

impl Candidate {
    fn fit(&self, mut histories: Vec<History>, mut fitted: Fitted, options: &Options) -> Fitted {
        let total =
            |of: fn(&History) -> f64| histories.iter().map(|h| h.weight * of(h)).sum::<f64>();
        fitted.n = total(|_| 1.0);
        let (purchases, observed) = (total(|history| history.x), total(|history| history.t));
        let longest = histories.iter().map(|history| history.t).fold(0.0, f64::max);
        let problem = if fitted.n < FEWEST {
            Some("below 30 customers")
        } else if purchases == 0.0 || longest == 0.0 {
            Some("no repeat purchase")
        } else {
            None
        };
        if let Some(problem) = problem {
            return fitted.insufficient(problem);
        }
        // In units of the longest observation every parameter is of the order of one.
        for history in &mut histories {
            history.tx /= longest;
            history.t /= longest;
        }
        let most = index(histories.iter().map(|history| history.x).fold(0.0, f64::max));
        let units = self.times.map(|time| if time { longest } else { 1.0 });
        let mut start = self.start;
        start[1] *= observed / (purchases * longest);
        let offset = -purchases * longest.ln();
        let some: Vec<History> = match histories.len() {
            ..MANY => vec![],
            many => {
                let step = (many / ENOUGH).min(SPARSEST);
                histories.iter().step_by(step).copied().collect()
            }
        };
        let of_some = |logs: &[f64]| (self.cost)(logs, &some, most);
        let customers = some.iter().map(|history| history.weight).sum();
        let sample = (!some.is_empty()).then_some(Sample { customers, cost: &of_some });
        let cost = |logs: &[f64]| (self.cost)(logs, &histories, most);
        options.estimate(fitted, &start, &units, offset, cost, sample.as_ref())
    }
}

/// From so many histories on, the search begins with a sample of them: at least so many, and one in so many of very
/// many.
const MANY: usize = 4 * ENOUGH;
const ENOUGH: usize = 4_096;
const SPARSEST: usize = 16;
