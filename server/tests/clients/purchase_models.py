"""The models of repeat purchases, written down a second time from their stories and integrated with mpmath.

A customer buys at the times of a Poisson process with rate lam ~ gamma(r, alpha). In BG/NBD he leaves after a repeat
purchase with chance p ~ beta(a, b), in MBG/NBD already after the first; in Pareto/NBD he leaves after an exponential time
with rate mu ~ gamma(s, beta). What follows is Bayes' rule and one integral over what does not integrate by itself, or the
textbook's form with 80 digits; none of the forms that the engine computes with. 20 digits come out.
"""

import mpmath
from mpmath import mpf

mpmath.mp.dps = 20


def gamma_ratio(r, x):
    """gamma(r + x) / gamma(r)."""
    return mpmath.rf(r, x)


def negative_binomial(n, shape, rate, time):
    """The chance of n events by a time at a gamma(shape, rate) distributed rate."""
    kept = mpf(rate) / (rate + time)
    return gamma_ratio(shape, n) / mpmath.factorial(n) * kept**shape * (1 - kept)**n


class Bgnbd:
    """BG/NBD, and MBG/NBD with `at_once`."""

    def __init__(self, r, alpha, a, b, at_once=False):
        self.r, self.alpha, self.a, self.b = mpf(r), mpf(alpha), mpf(a), mpf(b)
        self.extra = 1 if at_once else 0

    def likelihoods(self, x, tx, t):
        """How likely the history is with the customer still there, and with him gone after his last purchase."""
        def bought(until):
            return gamma_ratio(self.r, x) * self.alpha**self.r / (self.alpha + until)**(self.r + x)

        stays = x + self.extra
        survived = mpmath.beta(self.a, self.b + stays) / mpmath.beta(self.a, self.b)
        left = mpmath.beta(self.a + 1, self.b + stays - 1) / mpmath.beta(self.a, self.b) if stays else mpf(0)
        return survived * bought(mpf(t)), left * bought(mpf(tx))

    def log_likelihood(self, x, tx, t):
        return mpmath.log(sum(self.likelihoods(x, tx, t)))

    def p_alive(self, x, tx, t):
        alive, gone = self.likelihoods(x, tx, t)
        return alive / (alive + gone)

    def expected_purchases(self, horizon, x=0, tx=0, t=0):
        """The textbook's form with digits enough that it may lose forty: at its poles, a = 1 and a + b + x = 1, the
        parameters are moved by 1e-40."""
        with mpmath.workdps(80):
            apart = mpf(10)**-40
            a, b, x, until = self.a + apart, self.b + self.extra + apart, mpf(x), self.alpha + t
            z, order = horizon / (until + horizon), a + b + x - 1
            series = mpmath.hyp2f1(self.r + x, b + x, order, z)
            mean = order / (a - 1) * (1 - (until / (until + horizon))**(self.r + x) * series)
        return self.p_alive(x, tx, t) * mean

    def integrated_purchases(self, horizon, x=0, tx=0, t=0):
        """The same from the story: who is there buys until he leaves, (1 - exp(-lam p h)) / p on average over what is
        known of lam and p. For a below and b above 1, neither large."""
        shape, rate, stays = self.r + x, self.alpha + t, self.b + x + self.extra

        def given(u):
            p = u**(1 / self.a)
            if p == 0:
                return shape * horizon / rate
            kept = -mpmath.expm1(-shape * mpmath.log1p(p * horizon / rate)) / p
            return kept * (1 - p)**(stays - 1)

        mean = mpmath.quad(given, [mpf(0), mpf(0.1)**self.a, mpf(0.5)**self.a, mpf(1)]) / self.a / mpmath.beta(self.a, stays)
        return self.p_alive(x, tx, t) * mean

    def purchase_pmf(self, n, horizon, x=0, tx=0, t=0):
        """n purchases and still there, or gone after the n-th however many would have followed."""
        shape, rate, stays = self.r + x, self.alpha + t, self.b + x + self.extra
        alive = self.p_alive(x, tx, t)
        chance = [negative_binomial(k, shape, rate, mpf(horizon)) for k in range(n + 1)]
        if n == 0:
            return 1 - alive + alive * chance[0]
        still = mpmath.beta(self.a, stays + n) / mpmath.beta(self.a, stays) * chance[n]
        gone = mpmath.beta(self.a + 1, stays + n - 1) / mpmath.beta(self.a, stays) * (1 - sum(chance[:n]))
        return alive * (still + gone)


class Pareto:
    """Pareto/NBD."""

    def __init__(self, r, alpha, s, beta):
        self.r, self.alpha, self.s, self.beta = mpf(r), mpf(alpha), mpf(s), mpf(beta)

    def likelihoods(self, x, tx, t):
        """How likely the history is with the customer there at t, and with him gone at some time after tx."""
        def bought(until):
            return gamma_ratio(self.r, x) * self.alpha**self.r / (self.alpha + until)**(self.r + x)

        def left(at):
            return self.s * self.beta**self.s / (self.beta + at)**(self.s + 1)

        tx, t = mpf(tx), mpf(t)
        stayed = (self.beta / (self.beta + t))**self.s
        # Nearly all of the integral lies within a few (alpha + tx) / (r + x) behind tx.
        scale = (self.alpha + tx) / (self.r + x)
        breaks = [tx] + [tx + scale * 4**k for k in (0, 2, 4) if scale * 4**k < t - tx] + [t]
        gone = mpmath.quad(lambda at: bought(at) * left(at), breaks) if t > tx else mpf(0)
        return stayed * bought(t), gone

    def log_likelihood(self, x, tx, t):
        return mpmath.log(sum(self.likelihoods(x, tx, t)))

    def p_alive(self, x, tx, t):
        alive, gone = self.likelihoods(x, tx, t)
        return alive / (alive + gone)

    def stays(self, t):
        """The chance that who is there at t still is after a further time."""
        return lambda u: ((self.beta + t) / (self.beta + t + u))**self.s

    def expected_purchases(self, horizon, x=0, tx=0, t=0):
        """Purchases at the rate known, for as long as he stays."""
        mean = mpmath.quad(self.stays(mpf(t)), [0, mpf(horizon) / 10, mpf(horizon)])
        return self.p_alive(x, tx, t) * (self.r + x) / (self.alpha + t) * mean

    def dert(self, delta, x, tx, t):
        """The same for ever, with interest at the rate delta."""
        stays = self.stays(mpf(t))
        mean = mpmath.quad(lambda u: mpmath.exp(-delta * u) * stays(u), [0, 1, 10, 100, 1000, mpmath.inf])
        return self.p_alive(x, tx, t) * (self.r + x) / (self.alpha + t) * mean

    def purchase_pmf(self, n, horizon, x=0, tx=0, t=0):
        shape, rate, since, horizon = self.r + x, self.alpha + t, self.beta + t, mpf(horizon)
        alive, stays = self.p_alive(x, tx, t), self.stays(mpf(t))

        def gone(at):
            return negative_binomial(n, shape, rate, at) * self.s * stays(at) / (since + at)

        chance = negative_binomial(n, shape, rate, horizon) * stays(horizon)
        chance += mpmath.quad(gone, [0, horizon / 100, horizon / 10, horizon])
        return alive * chance + (1 - alive if n == 0 else 0)


def gamma_gamma_log_likelihood(p, q, v, x, m):
    """The mean m of x purchases, each gamma(p, nu), nu ~ gamma(q, v): the sum is gamma(p x, nu)."""
    p, q, v, total = mpf(p), mpf(q), mpf(v), mpf(x) * m

    def given(nu):
        spent = p * x * mpmath.log(nu) + (p * x - 1) * mpmath.log(total) - nu * total - mpmath.loggamma(p * x)
        rate = q * mpmath.log(v) + (q - 1) * mpmath.log(nu) - v * nu - mpmath.loggamma(q)
        return mpmath.exp(spent + rate)

    peak = (p * x + q - 1) / (total + v)
    return mpmath.log(mpmath.quad(given, [0, peak / 4, peak, 4 * peak, mpmath.inf]) * x)
