//! Predictions of the purchase models: against an independent calculation, and that they are possible.
//!
//! The table has random parameters, histories and horizons, answered by mpmath with 60 digits from the
//! textbook forms (testdata/golden/clv_models.py).

use proptest::prelude::*;

use super::bgbb::Bgbb;
use super::bgnbd::Bgnbd;
use super::pnbd::Pnbd;
use super::purchases::{Past, Purchases};

const TABLE: &str = include_str!("../../../testdata/golden/clv_models.csv");

fn model(name: &str, [p1, p2, p3, p4]: [f64; 4]) -> Purchases {
    let bgnbd = |shift| Purchases::Bgnbd(Bgnbd { r: p1, alpha: p2, a: p3, b: p4, shift });
    match name {
        "bgnbd" => bgnbd(0.0),
        "mbgnbd" => bgnbd(1.0),
        "pnbd" => Purchases::Pnbd(Pnbd { r: p1, alpha: p2, s: p3, beta: p4 }),
        _ => Purchases::Bgbb(Bgbb { alpha: p1, beta: p2, gamma: p3, delta: p4 }),
    }
}

#[test]
fn predictions_are_those_of_mpmath() {
    let mut wrong = vec![];
    for line in TABLE.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |place: usize| cells[place].parse::<f64>().unwrap();
        let model = model(cells[0], [1, 2, 3, 4].map(number));
        let (past, h, n) = ([5, 6, 7].map(number), number(8), number(9));
        let (alive, then) = model.now(Some(past));
        let mut given = vec![
            alive * then.stays(0.0),
            alive * then.stays(h),
            alive * then.expected(h),
            alive * then.pmf(n, h) + if n == 0.0 { 1.0 - alive } else { 0.0 },
        ];
        if let Purchases::Pnbd(then) = then {
            given.push(alive * then.discounted(1.15_f64.ln() * 7.0 / 365.25).unwrap());
        }
        for (place, given) in given.into_iter().enumerate() {
            let expected = number(10 + place);
            if (given - expected).abs() > 1e-10 * expected.abs() + 1e-290 {
                wrong.push(format!("column {}: {given:e} in {line}", 10 + place));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// By mpmath with 40 digits, the mean over the drop-out chance: the series has too many terms here, of too small a scale.
#[test]
fn a_horizon_far_beyond_alpha_is_answered() {
    let model =
        Bgnbd { r: 1.0, alpha: 0.0011099541851071874, a: 70.12894155731108, b: 1.0, shift: 0.0 };
    for (horizon, expected) in
        [(80.4684402530901, 1.0144515228785135), (160.9368805061802, 1.0144586220226984)]
    {
        let given = model.expected(horizon);
        assert!((given / expected - 1.0).abs() < 1e-10, "{horizon}: {given}");
    }
}

/// A number between two, evenly over their orders of magnitude.
fn between(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (low.ln()..high.ln()).prop_map(f64::exp)
}

fn any_model() -> impl Strategy<Value = Purchases> {
    let number = || between(1e-3, 1e3);
    let params = [number(), number(), number(), number()];
    (prop::sample::select(vec!["bgnbd", "mbgnbd", "pnbd", "bgbb"]), params)
        .prop_map(|(name, params)| model(name, params))
}

/// A history that the model knows.
fn past(model: &Purchases, x: u32, recency: f64, t: f64) -> Past {
    if matches!(model, Purchases::Bgbb(_)) {
        let x = f64::from(x % 30);
        let tx = if x == 0.0 { 0.0 } else { x + (10.0 * recency).floor() };
        return [x, tx, tx + t.floor().min(50.0)];
    }
    if x == 0 { [0.0, 0.0, t] } else { [f64::from(x), recency * t, t] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn predictions_are_possible(
        model in any_model(),
        x in prop_oneof![Just(0_u32), 1_u32..10, 10_u32..3_000],
        recency in 0.0_f64..=1.0,
        t in between(1e-2, 2e3),
        horizon in between(1e-2, 2e3),
        n in 0_u32..20,
    ) {
        let discrete = matches!(model, Purchases::Bgbb(_));
        let past = past(&model, x, recency, t);
        prop_assert!(model.check("test", Some(past), None).is_ok());
        let horizon = if discrete { horizon.ceil() } else { horizon };
        for past in [Some(past), None] {
            let (alive, then) = model.now(past);
            prop_assert!((0.0..=1.0).contains(&alive), "alive {alive}");
            let stays = then.stays(horizon);
            prop_assert!((0.0..=1.0).contains(&stays), "stays {stays}");
            prop_assert!(then.stays(2.0 * horizon) <= stays * (1.0 + 1e-9), "stays");
            let (near, far) = (then.expected(horizon), then.expected(2.0 * horizon));
            prop_assert!(near >= 0.0 && far.is_finite(), "expected {near} {far}");
            prop_assert!(far >= near * (1.0 - 1e-9), "expected {near} {far}");
            prop_assert_eq!(then.expected(0.0), 0.0);
            let chance = then.pmf(f64::from(n), horizon);
            prop_assert!((0.0..=1.0).contains(&chance), "pmf {chance}");
            let (none, later) = (then.pmf(0.0, horizon), then.pmf(0.0, 2.0 * horizon));
            prop_assert!(later <= none * (1.0 + 1e-9) + 1e-15, "none {none} {later}");
            // What is not none is at least one, and the mean counts each at least once.
            prop_assert!(1.0 - none <= near * (1.0 + 1e-9) + 1e-12, "{none} {near}");
            if let Some(wait) = then.wait(0.5) {
                let (before, at) = (then.pmf(0.0, (wait - 1.0).max(0.0)), then.pmf(0.0, wait));
                prop_assert!((discrete || (at - 0.5).abs() < 1e-9) && at <= 0.5 + 1e-9, "{at}");
                prop_assert!(!discrete || before > 0.5, "{before}");
            }
        }
    }
}
