//! `bgbb_fit(x, t_x, n)`: how a group of customers buys when there is a row of opportunities.
//!
//! 11,104 donors over six years: alpha 1.204, beta 0.750, gamma 0.657, delta 2.783, as in the paper.

use datafusion::common::Result;

use super::bgbb::{Bgbb, Record};
use super::bgnbd::index;
use super::estimate::{FEWEST, L2, MAX_ITER, Options, START, UNIT, W, check_rows};
use super::fit::{self, Rows, Search};
use super::model::Fitted;
use super::purchases::record_problem;
use crate::args::Arguments;
use crate::function::{Function, Kind, Otherwise, Parameter, Spec};

static SPEC: Spec = Spec {
    name: "bgbb_fit",
    aliases: &[],
    package: "Lifetime value",
    summary: "Fits the BG/BB model to customers who may buy at each of a row of opportunities, such as \
              yearly donations.",
    parameters: &[
        Parameter {
            name: "x",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Opportunities with a purchase, after the first purchase",
        },
        Parameter {
            name: "tx",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "The last opportunity with a purchase, 0 if there was none",
        },
        Parameter {
            name: "n",
            kind: Kind::Real,
            otherwise: Otherwise::Required,
            about: "Opportunities since the first purchase",
        },
        W,
        Parameter { otherwise: Otherwise::Is("'year'"), kind: Kind::Choice(PERIODS), ..UNIT },
        L2,
        MAX_ITER,
        START,
    ],
    returns: "STRUCT as bgnbd_fit returns it, params [alpha, beta, gamma, delta]: chances to buy are \
              beta(alpha, beta), chances to be gone before an opportunity beta(gamma, delta).",
    nulls: "Rows with NULL or NaN are skipped and counted in n_null.",
    ties: "Customers with the same history are one term with their number as weight.",
    errors: "Execution: x, t_x or n not a whole number of at least 0, x above t_x, t_x above n, t_x without \
             a purchase, a weight that is negative; the first such row in order and their number are named. \
             Planning: DISTINCT.",
    formula: "L = [B(alpha+x, beta+n-x) B(gamma, delta+n) + sum for i from t_x to n-1 of B(alpha+x, beta+i-x) \
              B(gamma+1, delta+i)] / [B(alpha, beta) B(gamma, delta)]; exact gradient, BFGS on the \
              logarithms.",
    source: "Fader, Hardie and Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual \
             Setting.",
    example: "SELECT m['model'], m['status'] FROM (SELECT bgbb_fit(x, x, 6) AS m FROM generate_series(0, 6) \
              AS t(x))",
    answer: &["bgbb insufficient"],
};

/// The units of a period, the default first.
pub(crate) const PERIODS: &[&str] = &["year", "quarter", "month", "week", "day"];

/// The function.
pub(crate) fn function() -> Function {
    fit::function(&SPEC, 3, plan)
}

fn plan(arguments: &Arguments) -> Result<Search> {
    let unit = arguments.choice("unit")?;
    let options = Options::read(arguments, &["alpha", "beta", "gamma", "delta"])?;
    Ok(Box::new(move |rows, nulls| {
        check_rows(SPEC.name, rows, |[x, tx, n]| record_problem(*x, *tx, *n))?;
        Ok(search(rows, Fitted { model: "bgbb", unit, nulls, ..Fitted::default() }, &options))
    }))
}

fn search(rows: &Rows, mut fitted: Fitted, options: &Options) -> Fitted {
    let kept = rows.iter().filter(|row| row.1 > 0.0);
    let records: Vec<Record> = kept
        .map(|([x, tx, n], weight)| Record {
            x: index(*x),
            tx: index(*tx),
            n: index(*n),
            weight: *weight,
        })
        .collect();
    fitted.distinct = records.len();
    fitted.n = records.iter().map(|record| record.weight).sum();
    if fitted.n < FEWEST {
        return fitted.insufficient("below 30 customers");
    }
    if records.iter().all(|record| record.x == 0) {
        return fitted.insufficient("no repeat purchase");
    }
    let most = records.iter().map(|record| record.n).max().unwrap_or_default();
    options.estimate(
        fitted,
        &[1.0, 1.0, 0.5, 2.0],
        &[1.0; 4],
        0.0,
        |logs| Bgbb::from_logs(logs).cost(&records, most),
        None,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope() {
        let records = [(0, 0, 6), (2, 4, 6), (6, 6, 6), (1, 3, 9)].map(|(x, tx, n)| Record {
            x,
            tx,
            n,
            weight: 1.5,
        });
        let logs = [0.2, -0.3, -0.4, 1.0];
        let cost = |logs: &[f64]| Bgbb::from_logs(logs).cost(&records, 9);
        let gradient = cost(&logs).1;
        for axis in 0..4 {
            let (mut up, mut down) = (logs, logs);
            up[axis] += 1e-6;
            down[axis] -= 1e-6;
            let slope = (cost(&up).0 - cost(&down).0) / 2e-6;
            assert!((gradient[axis] - slope).abs() < 1e-7, "{axis}: {} {slope}", gradient[axis]);
        }
    }

    #[test]
    fn the_likelihood_is_that_of_the_reference() {
        // Fader and Hardie, note 010, the log-likelihoods of the spreadsheet "Parameter estimate", as the tests of
        // pymc-marketing give them. Its parameters are those of the fit, printed there as 1.204, .750, .657, 2.783.
        let model =
            Bgbb { alpha: 1.203_520_8, beta: 0.749_714_2, gamma: 0.656_712_2, delta: 2.783_408 };
        for (x, tx, expected) in PUBLISHED {
            let ll = -model.cost(&[Record { x, tx, n: 6, weight: 1.0 }], 6).0;
            assert!((ll - expected).abs() < 1e-6, "{x} {tx}: {ll}");
        }
    }

    /// Repeat purchases, the last of them, the log-likelihood; six opportunities each.
    const PUBLISHED: [(usize, usize, f64); 22] = [
        (6, 6, -2.181_670_188_24),
        (5, 6, -4.294_850_349_29),
        (4, 6, -5.384_733_343_60),
        (3, 6, -5.809_158_816_01),
        (2, 6, -5.651_729_645_25),
        (1, 6, -4.883_701_646_95),
        (5, 5, -3.716_821_274_37),
        (4, 5, -5.095_582_273_43),
        (3, 5, -5.615_768_841_08),
        (2, 5, -5.506_368_933_46),
        (1, 5, -4.767_238_219_04),
        (4, 4, -3.848_296_251_38),
        (3, 4, -5.059_361_478_28),
        (2, 4, -5.195_621_910_19),
        (1, 4, -4.570_709_319_73),
        (3, 3, -3.527_452_578_39),
        (2, 3, -4.516_202_729_62),
        (1, 3, -4.224_659_694_53),
        (2, 2, -3.011_999_247_84),
        (1, 2, -3.588_178_809_28),
        (1, 1, -2.288_828_474_51),
        (0, 0, -1.167_516_223_67),
    ];
}
