"""Make clv_models.csv: predictions of the purchase models, for random parameters, histories and horizons.

Written from the textbook forms, with 60 digits so that their differences may lose most of them, and from none
of the code it checks (which avoids those forms):

    pip install mpmath==1.4.1
    python testdata/golden/clv_models.py

Columns: model, its four parameters, x, t_x, t, the horizon h, n; then the chance to be alive at t, and at t + h,
the purchases to expect within h, the chance of n of them, and for pnbd the purchases to expect ever, discounted
by 0.15 a year in weeks. BG/BB counts opportunities, and alive means for the opportunity after.
"""

import pathlib
import random

from mpmath import mp, mpf, beta, binomial, exp, expint, gamma, hyp2f1, log, quad, rf

mp.dps = 60
RATE = log(mpf("1.15")) * 7 / mpf("365.25")


def negative_binomial(r, a, n, t):
    return rf(r, n) / gamma(n + 1) * (a / (a + t)) ** r * (t / (a + t)) ** n


def bgnbd(p, x, tx, t, h, n, shift):
    r, a_, a, b = p
    b = b + shift
    if x == 0 and shift == 0:
        alive = mpf(1)
    else:
        alive = 1 / (1 + a / (b + x - 1) * ((a_ + t) / (a_ + tx)) ** (r + x))
    r, a_, b = r + x, a_ + t, b + x
    later = hyp2f1(r, a, a + b, -h / a_)
    c = a + b - 1
    expected = c / (a - 1) * (1 - (a_ / (a_ + h)) ** r * hyp2f1(r, b, c, h / (a_ + h)))
    share = beta(a, b + n) / beta(a, b) * negative_binomial(r, a_, n, h)
    if n > 0:
        with mp.workdps(300):
            more = 1 - sum(negative_binomial(r, a_, j, h) for j in range(n))
        share += beta(a + 1, b + n - 1) / beta(a, b) * more
    return alive, alive * later, alive * expected, alive * share + (1 - alive if n == 0 else 0), None


def pnbd(p, x, tx, t, h, n):
    r, a, s, b = p
    k = r + s + x

    def gone(u):
        if a >= b:
            return hyp2f1(k, s + 1, k + 1, (a - b) / (a + u)) / (a + u) ** k
        return hyp2f1(k, r + x, k + 1, (b - a) / (b + u)) / (b + u) ** k

    alive = 1 / (1 + s / k * (a + t) ** (r + x) * (b + t) ** s * (gone(tx) - gone(t)))
    r, a, b = r + x, a + t, b + t
    later = (b / (b + h)) ** s
    expected = r * b / (a * (s - 1)) * (1 - (b / (b + h)) ** (s - 1))
    least = min(a, b)
    end = log(1 + h / least)

    def leaves(y):
        u = least * (exp(y) - 1)
        return negative_binomial(r, a, n, u) * s / b * (b / (b + u)) ** (s + 1) * least * exp(y)

    with mp.workdps(30):
        steps = [end * i / 40 for i in range(41)]
        share = quad(leaves, steps) + negative_binomial(r, a, n, h) * later
    z = RATE * b
    ever = r * b / a * exp(z) * expint(s, z)
    return alive, alive * later, alive * expected, alive * share + (1 - alive if n == 0 else 0), alive * ever


def bgbb(p, x, tx, t, h, n):
    a, b, g, d = p
    there = beta(a + x, b + t - x) * beta(g, d + t)
    total = there + sum(beta(a + x, b + i - x) * beta(g + 1, d + i) for i in range(tx, t))
    alive = there / total
    a, b, d = a + x, b + t - x, d + t

    def stays(i):
        return beta(g, d + i) / beta(g, d)

    def buys(i):
        return binomial(i, n) * beta(a + n, b + i - n) / beta(a, b)

    expected = a / (a + b) * sum(stays(i) for i in range(1, h + 1))
    share = buys(h) * stays(h) if n <= h else mpf(0)
    share += sum(buys(i) * beta(g + 1, d + i) / beta(g, d) for i in range(n, h))
    return alive * stays(1), alive * stays(1 + h), alive * expected, alive * share + (1 - alive if n == 0 else 0), None


def main():
    chance = random.Random(39)

    def between(low, high):
        return float(f"{low * (high / low) ** chance.random():.4g}")

    lines = ["model,p1,p2,p3,p4,x,tx,t,h,n,alive,ahead,expected,share,ever"]
    for model in ("bgnbd", "mbgnbd", "pnbd", "bgbb"):
        for case in range(80):
            x = chance.choice([0, 0, 1, 2, 3, 7, 20, 60, 200, 1000])
            n = chance.choice([0, 0, 1, 1, 2, 3, 5, 12, 40])
            if model == "bgbb":
                params = [between(0.05, 20) for _ in range(4)]
                x = min(x, 20)
                tx = 0 if x == 0 else x + chance.randrange(10)
                t, h = tx + chance.randrange(12), chance.choice([0, 1, 2, 5, 10, 30])
                n = min(n, 12)
            else:
                params = [between(0.02, 30), between(0.1, 100), between(0.02, 30), between(0.02, 30)]
                if model == "pnbd":
                    params[3] = between(0.1, 100)
                t = between(1, 400)
                tx = 0.0 if x == 0 else float(f"{t * chance.choice([1, 0.999, chance.random()]):.6g}")
                tx, h = min(tx, t), between(0.05, 1000)
            exact = [mpf(value) for value in params]
            if model == "bgbb":
                values = bgbb(exact, x, tx, t, h, n)
            elif model == "pnbd":
                values = pnbd(exact, x, mpf(tx), mpf(t), mpf(h), n)
            else:
                values = bgnbd(exact, x, mpf(tx), mpf(t), mpf(h), n, int(model == "mbgnbd"))
            shown = ["" if value is None else mp.nstr(value, 17) for value in values]
            lines.append(",".join(map(str, [model, *params, x, tx, t, h, n, *shown])))
    (pathlib.Path(__file__).parent / "clv_models.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
