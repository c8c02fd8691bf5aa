"""The models of lifetime value, asked over SQL, against two that know nothing of them: the PyPI package lifetimes 0.11.3
where its textbook forms hold, and the definitions integrated with mpmath (purchase_models.py) where they do not: a near 1,
a + b + x near 1, thousands of purchases, long horizons, everything of Pareto/NBD.

Customers and parameters are random with a fixed seed. Every customer has a model of his own: models are values in a
column.
"""

import csv
import io
import math
import warnings

import mpmath
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from purchase_models import Bgnbd, Pareto, gamma_gamma_log_likelihood
from warehouse import run

with warnings.catch_warnings():
    # lifetimes sets an option of pandas that has had no effect since pandas 3.
    warnings.simplefilter("ignore")
    from lifetimes import BetaGeoFitter, GammaGammaFitter, ModifiedBetaGeoFitter
    from lifetimes.generate_data import beta_geometric_nbd_model, modified_beta_geometric_nbd_model

# lifetimes goes through logarithms of gamma functions of large numbers.
LIFETIMES = 1e-7
# The engine promises 13 digits of what it adds up.
EXACT = 1e-12
# Pareto/NBD's P(alive) is the exponential of a difference of log-likelihoods: where those are in the thousands, as for
# hundreds of purchases, their last bits are this much of it.
EXPONENTIATED = 1e-9


class Desk:
    """Asks the engine about a table of numbers."""

    def __init__(self, place):
        self.place, self.asked = place, 0

    def ask(self, columns, query):
        """The rows of the query over `customers`, as floats; NULL is NaN."""
        self.asked += 1
        path = self.place / f"customers_{self.asked}.parquet"
        pq.write_table(pa.table(columns), path)
        done = run(self.place / "warehouse", query.replace("customers", f"read_parquet('{path}')"))
        lines = list(csv.reader(io.StringIO(done.stdout)))[1:]
        return np.array([[float(cell) if cell else math.nan for cell in line] for line in lines])


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def histories(seed, count, most=40):
    """(x, tx, t), a third of the customers without a repeat purchase."""
    random = np.random.default_rng(seed)
    x = np.where(random.random(count) < 1 / 3, 0, random.integers(0, most, count)).astype(float)
    t = random.uniform(2, 100, count)
    tx = np.where(x > 0, t * random.uniform(0.1, 1, count), 0.0)
    return {"n": np.arange(count), "x": x, "tx": tx, "t": t, "h": random.uniform(1, 60, count)}


def parameters(seed, count, names, low, high):
    random = np.random.default_rng(seed)
    return {name: random.uniform(a, b, count) for name, a, b in zip(names, low, high)}


def bgnbd_parameters(seed, count):
    """Away from a = 1, where lifetimes divides by almost nothing."""
    drawn = parameters(seed, count, ["r", "alpha", "a", "b"], [0.2, 2, 1.2, 0.8], [1.5, 20, 3, 6])
    drawn["a"] = np.where(np.arange(count) % 2 == 0, drawn["a"], drawn["a"] / 4)
    return drawn


def model(name, *params):
    return f"named_struct('model', '{name}', 'params', make_array({', '.join(params)}))"


BG, MBG = (model(name, "r", "alpha", "a", "b") for name in ("bgnbd", "mbgnbd"))
PNBD = model("pnbd", "r", "alpha", "s", "beta")
GG = model("gammagamma", "p", "q", "v")
FITTERS = {"bgnbd": (BG, BetaGeoFitter), "mbgnbd": (MBG, ModifiedBetaGeoFitter)}


def fitted(fitter, **params):
    """A model of lifetimes with given parameters."""
    known = fitter()
    known.params_ = pd.Series(params)
    return known


def rows_of(columns):
    names = list(columns)
    return [dict(zip(names, map(float, values))) for values in zip(*columns.values())]


def compare(answered, expected, tolerance, tiny=1e-14):
    expected = np.array([[float(value) for value in row] for row in expected])
    assert answered.shape == expected.shape
    assert np.isfinite(answered).all(), answered
    np.testing.assert_allclose(answered, expected, rtol=tolerance, atol=tiny)


# ---- lifetimes ----

@pytest.mark.parametrize("name", FITTERS)
def test_lifetimes_agrees_on_customers(desk, name):
    sql, fitter = FITTERS[name]
    columns = histories(1, 300) | bgnbd_parameters(2, 300)
    answered = desk.ask(columns, f"SELECT p_alive({sql}, x, tx, t), expected_purchases({sql}, h, x, tx, t), "
                                 f"expected_purchases({sql}, h) FROM customers ORDER BY n")
    expected = []
    for row in rows_of(columns):
        known = fitted(fitter, **{name: row[name] for name in ("r", "alpha", "a", "b")})
        history = row["x"], row["tx"], row["t"]
        alive = float(np.squeeze(known.conditional_probability_alive(*history)))
        expected.append((alive, float(np.squeeze(known.conditional_expected_number_of_purchases_up_to_time(row["h"], *history))),
                         float(np.squeeze(known.expected_number_of_purchases_up_to_time(row["h"])))))
    compare(answered, expected, LIFETIMES)


def test_lifetimes_agrees_on_counts_of_new_customers(desk):
    columns = {"n": np.arange(60), "k": np.arange(60) % 12, "h": np.linspace(1, 80, 60)} | bgnbd_parameters(3, 60)
    answered = desk.ask(columns, f"SELECT purchase_pmf({BG}, k, h) FROM customers ORDER BY n")
    expected = []
    for row in rows_of(columns):
        known = fitted(BetaGeoFitter, **{name: row[name] for name in ("r", "alpha", "a", "b")})
        expected.append([float(known.probability_of_n_purchases_up_to_time(row["h"], int(row["k"])))])
    compare(answered, expected, LIFETIMES, tiny=1e-12)


def test_lifetimes_agrees_on_spend_and_value(desk):
    """The value is summed here period by period from the purchases lifetimes expects; its own sum has months of 30 days."""
    columns = histories(4, 40) | bgnbd_parameters(5, 40) | parameters(6, 40, ["p", "q", "v"], [1, 2, 5], [8, 6, 30])
    columns["m"] = np.random.default_rng(7).uniform(5, 80, 40)
    answered = desk.ask(columns, f"SELECT expected_spend({GG}, x, m), clv({BG}, {GG}, x, tx, t, m, 26, discount => 0.15, "
                                 "margin => 0.4) FROM customers ORDER BY n")
    expected = []
    for row in rows_of(columns):
        spending = fitted(GammaGammaFitter, p=row["p"], q=row["q"], v=row["v"])
        spend = float(np.squeeze(spending.conditional_expected_average_profit(np.array([row["x"]]), np.array([row["m"]]))))
        buying = fitted(BetaGeoFitter, **{name: row[name] for name in ("r", "alpha", "a", "b")})
        so_far = [0.0] + [
            float(np.squeeze(buying.conditional_expected_number_of_purchases_up_to_time(week, row["x"], row["tx"], row["t"])))
            for week in range(1, 27)]
        weekly = 1.15 ** (7 / 365.25)
        value = math.fsum((so_far[k] - so_far[k - 1]) * spend * 0.4 * weekly ** -(k - 0.5) for k in range(1, 27))
        expected.append((spend, value))
    compare(answered, expected, LIFETIMES)


SIMULATED = {"bgnbd": beta_geometric_nbd_model, "mbgnbd": modified_beta_geometric_nbd_model}


@pytest.mark.parametrize("name", FITTERS)
def test_fits_of_simulated_cohorts_reach_what_lifetimes_reaches(desk, name):
    """The log-likelihood is at least that of lifetimes, and the same at the parameters found; they differ little where
    the data pin them down."""
    np.random.seed(8)
    cohort = SIMULATED[name](T=60, r=0.6, alpha=5, a=0.9, b=2.5, size=3000)
    known = FITTERS[name][1]()
    known.fit(cohort.frequency, cohort.recency, cohort["T"])
    columns = {"x": cohort.frequency.to_numpy(float), "tx": cohort.recency.to_numpy(float), "t": cohort["T"].to_numpy(float)}
    [[ll, *params]] = desk.ask(columns, f"SELECT m['ll'], m['params'][1], m['params'][2], m['params'][3], m['params'][4] FROM "
                                        f"(SELECT {name}_fit(x, tx, t) AS m FROM customers)")
    best = known.params_[["r", "alpha", "a", "b"]].to_numpy()

    def likelihood(params):
        mean = known._negative_log_likelihood(np.log(params), *columns.values(), np.ones(len(cohort)), 0.0)
        return -float(mean) * len(cohort)

    assert math.isclose(likelihood(params), ll, rel_tol=1e-10)
    assert likelihood(best) - 1e-8 * abs(ll) < ll < likelihood(best) + 0.01
    np.testing.assert_allclose(params, best, rtol=0.02)


def test_the_fit_of_spend_reaches_what_lifetimes_reaches(desk):
    random = np.random.default_rng(9)
    x = random.integers(1, 12, 2000).astype(float)
    m = random.gamma(6 * x, 1 / (random.gamma(4, 1 / 15, 2000) * x))
    known = GammaGammaFitter()
    known.fit(x, m)
    [[ll, *params]] = desk.ask({"x": x, "m": m}, "SELECT g['ll'], g['params'][1], g['params'][2], g['params'][3] FROM "
                                                 "(SELECT gammagamma_fit(x, m) AS g FROM customers)")
    np.testing.assert_allclose(params, known.params_[["p", "q", "v"]], rtol=0.01)
    best = -known._negative_log_likelihood_ * len(x)
    assert best - 1e-8 * abs(best) < ll < best + 0.01, (ll, best)


# ---- mpmath ----

def test_the_witness_knows_the_published_figures():
    """BG/NBD and Pareto/NBD of the R package BTYD, MBG/NBD and log-likelihoods as pymc-marketing's tests list them."""
    bg, paradox = Bgnbd(".243", "4.414", ".793", "2.426"), (10, 15, 20, 25)
    assert mpmath.almosteq(bg.expected_purchases(39, 2, 30.43, 38.86), 1.22602817476714, 1e-13)
    assert mpmath.almosteq(bg.purchase_pmf(10, 2), 1.07869e-07, 1e-5)
    assert mpmath.almosteq(bg.purchase_pmf(0, 39), 0.5737864, 1e-6)
    for known in (bg, Bgnbd(".525", "6.183", ".891", "1.614", at_once=True)):
        for history in ((0, 0, 30), (2, 30.43, 38.86), (15, 80, 90)):
            assert mpmath.almosteq(known.expected_purchases(39, *history), known.integrated_purchases(39, *history), 1e-14)
    for x, expected in zip(paradox, (0.3474606, 0.04283391, 0.004158973, 0.0003583685)):
        assert mpmath.almosteq(bg.expected_purchases(52, x, 20, 39), expected, 2e-3)
    mbg = Bgnbd(".8", 1, 1, 1, at_once=True), Bgnbd(".25", 4, ".8", "2.5", at_once=True)
    assert mpmath.almosteq(mbg[1].log_likelihood(0, 0, 40), -0.41792826, 1e-7)
    assert mpmath.almosteq(mbg[1].log_likelihood(200, 38, 40), 100.7869, 1e-6)
    pareto = Pareto(".553", "10.578", ".606", "11.669")
    for x, expected in zip(paradox, (0.7062289, 0.1442396, 0.02250658, 0.00309267)):
        assert mpmath.almosteq(pareto.expected_purchases(52, x, 20, 39), expected, 2e-3)
    assert mpmath.almosteq(pareto.p_alive(26, 30.857, 31), 0.997874, 1e-5)
    [spend, closed] = gamma_gamma_log_likelihood(6.25, 3.74, 15.44, 2, 22.35), -3.551316759731698
    assert mpmath.almosteq(spend, closed, 1e-12)


# Where textbook forms divide by zero, cancel, overflow or do not converge.
HARD = {
    "n": np.arange(14),
    #          a = 1 and next to it    a + b + x = 1     thousands      long horizons   small and large parameters
    "r":     [0.5, 0.5, 0.5, 0.5,      0.3, 0.11, 0.4,   0.24, 0.24,    0.24, 0.6,      0.02, 8.0, 1.5],
    "alpha": [4.0, 4.0, 4.0, 4.0,      6.0, 2.24, 3.0,   4.41, 4.41,    4.41, 9.0,      0.5, 900.0, 20.0],
    "a":     [1.0, 1 + 1e-9, 1 - 1e-9, 1 + 1e-5, 0.4, 0.31, 0.75, 0.79, 1.0, 0.79, 1.0, 0.05, 40.0, 1e-3],
    "b":     [2.4, 2.4, 2.4, 2.4,      0.6, 0.5, 0.25,   2.43, 2.43,    2.43, 0.4,      0.3, 90.0, 5.0],
    "x":     [3.0, 3.0, 3.0, 0.0,      0.0, 0.0, 0.0,    5000.0, 900.0, 2.0, 1.0,       0.0, 12.0, 7.0],
    "tx":    [20.0, 20.0, 20.0, 0.0,   0.0, 0.0, 0.0,    38.5, 90.0,    30.43, 3.0,     0.0, 50.0, 60.0],
    "t":     [39.0, 39.0, 39.0, 39.0,  10.0, 1.0, 50.0,  38.86, 91.0,   38.86, 9.0,     30.0, 60.0, 61.0],
    "h":     [39.0, 39.0, 39.0, 39.0,  5.0, 30.0, 500.0, 390.0, 52.0,   3886.0, 900.0,  200.0, 52.0, 520.0],
}
HARD = {name: np.array(values, float) for name, values in HARD.items()}


def randomly_hard(seed, count):
    """Any parameters, some with a within rounding of 1."""
    columns = histories(seed, count) | parameters(seed + 1, count, ["r", "alpha", "a", "b"], [0.05, 0.5, 0.05, 0.1],
                                                  [3, 50, 4, 8])
    near = np.arange(count) % 4 == 0
    columns["a"] = np.where(near, 1 + np.random.default_rng(seed + 2).normal(0, 1e-8, count), columns["a"])
    return columns


@pytest.mark.parametrize("name", FITTERS)
@pytest.mark.parametrize("columns", [HARD, randomly_hard(20, 24)], ids=["hard", "random"])
def test_expected_purchases_hold_where_the_textbook_does_not(desk, name, columns):
    sql = FITTERS[name][0]
    answered = desk.ask(columns, f"SELECT p_alive({sql}, x, tx, t), expected_purchases({sql}, h, x, tx, t), "
                                 f"expected_purchases({sql}, h) FROM customers ORDER BY n")
    expected = []
    for row in rows_of(columns):
        known = Bgnbd(row["r"], row["alpha"], row["a"], row["b"], at_once=name == "mbgnbd")
        history = int(row["x"]), row["tx"], row["t"]
        expected.append((known.p_alive(*history), known.expected_purchases(row["h"], *history),
                         known.expected_purchases(row["h"])))
    compare(answered, expected, EXACT, tiny=0)


@pytest.mark.parametrize("name", FITTERS)
def test_counts_of_known_customers(desk, name):
    sql, columns = FITTERS[name][0], randomly_hard(30, 24)
    columns["k"] = np.arange(24) % 8
    answered = desk.ask(columns, f"SELECT purchase_pmf({sql}, k, h, x, tx, t), purchase_pmf({sql}, k, h) FROM customers ORDER BY n")
    expected = []
    for row in rows_of(columns):
        known = Bgnbd(row["r"], row["alpha"], row["a"], row["b"], at_once=name == "mbgnbd")
        count, history = int(row["k"]), (int(row["x"]), row["tx"], row["t"])
        expected.append((known.purchase_pmf(count, row["h"], *history), known.purchase_pmf(count, row["h"])))
    compare(answered, expected, EXACT, tiny=1e-15)


def pareto_customers(seed, count):
    columns = histories(seed, count) | parameters(seed + 1, count, ["r", "alpha", "s", "beta"], [0.1, 1, 0.1, 1], [2, 20, 2, 20])
    # The poles of the textbook: s = 1, alpha = beta; and a last purchase this very day.
    columns["s"] = np.where(np.arange(count) % 4 == 0, 1 + np.random.default_rng(seed).normal(0, 1e-9, count), columns["s"])
    columns["beta"] = np.where(np.arange(count) % 5 == 0, columns["alpha"], columns["beta"])
    columns["tx"] = np.where((np.arange(count) % 7 == 0) & (columns["x"] > 0), columns["t"], columns["tx"])
    return columns


def test_pareto_nbd_of_customers(desk):
    columns = pareto_customers(40, 20)
    answered = desk.ask(columns, f"SELECT p_alive({PNBD}, x, tx, t), expected_purchases({PNBD}, h, x, tx, t), "
                                 f"expected_purchases({PNBD}, h) FROM customers ORDER BY n")
    expected = []
    for row in rows_of(columns):
        known = Pareto(row["r"], row["alpha"], row["s"], row["beta"])
        history = int(row["x"]), row["tx"], row["t"]
        expected.append((known.p_alive(*history), known.expected_purchases(row["h"], *history),
                         known.expected_purchases(row["h"])))
    compare(answered, expected, EXPONENTIATED)


def test_pareto_nbd_for_ever_and_in_counts(desk):
    """dert takes the interest per year; in weeks its rate is ln(1.15) * 7 / 365.25."""
    columns = pareto_customers(50, 12)
    columns["k"] = np.arange(12) % 4
    answered = desk.ask(columns, f"SELECT dert({PNBD}, x, tx, t, 0.15), purchase_pmf({PNBD}, k, h, x, tx, t) FROM customers ORDER BY n")
    rate, expected = mpmath.log(mpmath.mpf("1.15")) * 7 / mpmath.mpf("365.25"), []
    for row in rows_of(columns):
        known = Pareto(row["r"], row["alpha"], row["s"], row["beta"])
        history = int(row["x"]), row["tx"], row["t"]
        expected.append((known.dert(rate, *history), known.purchase_pmf(int(row["k"]), row["h"], *history)))
    compare(answered, expected, EXPONENTIATED)


def pareto_likelihood(columns, r, alpha, s, beta):
    """The log-likelihood of weighted customers in plain doubles: the time at which somebody left, integrated by Gauss and
    Legendre."""
    x, tx, t, w = (columns[name] for name in ("x", "tx", "t", "w"))
    nodes, weights = np.polynomial.legendre.leggauss(80)
    at = tx + (t - tx) * (nodes[:, None] + 1) / 2
    left = s * np.exp(s * math.log(beta) - (s + 1) * np.log(beta + at) - (r + x) * np.log(alpha + at))
    gone = (t - tx) / 2 * (weights[:, None] * left).sum(0)
    there = np.exp(s * math.log(beta) - s * np.log(beta + t) - (r + x) * np.log(alpha + t))
    bought = np.array([math.lgamma(r + each) - math.lgamma(r) for each in x])
    return math.fsum(w * (bought + r * math.log(alpha) + np.log(there + gone)))


def test_the_pareto_nbd_fit_tells_the_likelihood_of_what_it_found(desk):
    """400 simulated customers: no other parameters nearby make them likelier."""
    count, random = 400, np.random.default_rng(60)
    rate, gone = random.gamma(0.6, 1 / 10, count), random.exponential(1 / random.gamma(0.7, 1 / 12, count))
    columns = {"x": np.zeros(count), "tx": np.zeros(count), "t": random.uniform(20, 40, count),
               "w": random.integers(1, 9, count).astype(float)}
    for n in range(count):
        times = np.cumsum(random.exponential(1 / max(rate[n], 1e-12), 200))
        times = times[times < min(columns["t"][n], gone[n])]
        columns["x"][n], columns["tx"][n] = len(times), times[-1] if len(times) else 0.0
    few = {name: values[:5] for name, values in columns.items()}
    known = Pareto(0.6, 10, 0.7, 12)
    exact = mpmath.fsum(row["w"] * known.log_likelihood(int(row["x"]), row["tx"], row["t"]) for row in rows_of(few))
    assert math.isclose(pareto_likelihood(few, 0.6, 10, 0.7, 12), exact, rel_tol=1e-12)

    [[ll, *params]] = desk.ask(columns, "SELECT m['ll'], m['params'][1], m['params'][2], m['params'][3], m['params'][4] FROM "
                                        "(SELECT pnbd_fit(x, tx, t, w => w) AS m FROM customers)")
    assert math.isclose(ll, pareto_likelihood(columns, *params), rel_tol=1e-11)
    for index in range(4):
        for factor in (0.98, 1.02):
            moved = (value * (factor if place == index else 1) for place, value in enumerate(params))
            assert pareto_likelihood(columns, *moved) < ll


def test_the_fit_of_spend_tells_the_likelihood_of_what_it_found(desk):
    random = np.random.default_rng(70)
    x = random.integers(1, 9, 40).astype(float)
    m = random.gamma(5 * x, 1 / (random.gamma(4, 1 / 12, 40) * x))
    [[ll, *params]] = desk.ask({"x": x, "m": m}, "SELECT g['ll'], g['params'][1], g['params'][2], g['params'][3] FROM "
                                                 "(SELECT gammagamma_fit(x, m) AS g FROM customers)")
    expected = mpmath.fsum(gamma_gamma_log_likelihood(*params, int(each), mean) for each, mean in zip(x, m))
    assert math.isclose(ll, expected, rel_tol=1e-11)
