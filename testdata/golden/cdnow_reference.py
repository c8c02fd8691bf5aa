"""The figures of testdata/slt/functions/cdnow_reference.slt, computed a second time.

Plain Python with whole cents and no library, written from the definitions and from none of the code
it checks. It reads CDNOW_master.txt of the PyPI package lifetimes 0.11.3:

    pip download --no-deps lifetimes==0.11.3
    python testdata/golden/cdnow_reference.py Lifetimes-0.11.3-py3-none-any.whl
"""

import bisect
import collections
import math
import sys
import zipfile


def customers(wheel):
    """Per customer, ascending by id: last day, number of days, money in cents."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read("lifetimes/datasets/CDNOW_master.txt").decode("ascii").splitlines()
    days, cents = collections.defaultdict(set), collections.Counter()
    for line in lines[1:]:
        customer, day, _, amount = line.split()
        whole, _, part = amount.partition(".")
        days[int(customer)].add(day)
        cents[int(customer)] += int(whole) * 100 + int((part + "00")[:2])
    ids = sorted(days)
    return [max(days[i]) for i in ids], [len(days[i]) for i in ids], [cents[i] for i in ids]


def scores(values, k, side):
    line, n = sorted(values), len(values)
    for value in values:
        less, not_more = bisect.bisect_left(line, value), bisect.bisect_right(line, value)
        if side == "low":
            yield 1 + k * less // n
        elif side == "mid":
            yield 1 + k * (less + not_more) // (2 * n)
        else:
            yield -(-k * not_more // n)


def heaps(title, given, values):
    for score in sorted(set(given)):
        heap = [value for value, mine in zip(values, given) if mine == score]
        print(title, score, len(heap), min(heap), max(heap))


def value_deciles(money, together, order, place, k=10):
    """Customers per part: each customer on his own, or equal ones as one amount."""
    total, before, counts = sum(money), 0, collections.Counter()
    heaps = collections.Counter(money)
    steps = [(v, n) for v, n in heaps.items()] if together else [(v, 1) for v in money]
    for value, n in sorted(steps, reverse=order == "desc"):
        own = value * n
        point = k * (2 * before + own) // (2 * total) + 1 if place == "mid" else -(-k * (before + own) // total)
        counts[max(1, min(k, point))] += n
        before += own
    return [counts[part] for part in range(1, k + 1)]


def main():
    last, frequency, money = customers(sys.argv[1])
    n, total = len(money), sum(money)
    print("customers", n, "cents", total, "without spend", money.count(0))
    heaps("recency", list(scores(last, 5, "low")), last)
    for side in ("low", "mid", "high"):
        heaps(f"frequency {side}", list(scores(frequency, 5, side)), frequency)
    heaps("money", list(scores(money, 5, "low")), money)
    cells = list(zip(*(scores(values, 5, "low") for values in (last, frequency, money))))
    best = [value for value, cell in zip(money, cells) if cell == (5, 5, 5)]
    print("cells", len(set(cells)), "best", len(best), sum(best))
    line = sorted(money, reverse=True)
    tenths = collections.Counter()
    for place, value in enumerate(line):
        tenths[10 * place // n] += value
    print("tenths of the customers", [round(100 * tenths[i] / total, 3) for i in range(10)])
    for together in (False, True):
        for order, place in (("desc", "mid"), ("desc", "end"), ("asc", "end")):
            print("tenths of the money", "together" if together else "split", order, place,
                  value_deciles(money, together, order, place))
    spread = 2 * sum(i * v for i, v in enumerate(sorted(money), 1))
    print("gini", spread / (n * total) - (n + 1) / n)
    print("top fifth", sum(line[: math.ceil(n / 5)]) / total)
    before = 0
    for place, value in enumerate(line, 1):
        before += value
        if 10 * before >= 8 * total:
            print("customers for 80 %", place, place / n)
            break


if __name__ == "__main__":
    main()
