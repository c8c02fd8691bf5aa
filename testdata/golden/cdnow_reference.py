"""The figures of testdata/slt/functions/cdnow_reference.slt, computed a second time.

Plain Python with whole cents and no library, written from the definitions and from none of the code
it checks. It reads CDNOW_master.txt of the PyPI package lifetimes 0.11.3:

    pip download --no-deps lifetimes==0.11.3
    python testdata/golden/cdnow_reference.py Lifetimes-0.11.3-py3-none-any.whl
"""

import bisect
import collections
import datetime
import fractions
import math
import statistics
import sys
import zipfile


def purchases(wheel):
    """Per customer: cents by day."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read("lifetimes/datasets/CDNOW_master.txt").decode("ascii").splitlines()
    spent = collections.defaultdict(collections.Counter)
    for line in lines[1:]:
        customer, day, _, amount = line.split()
        whole, _, part = amount.partition(".")
        spent[int(customer)][day] += int(whole) * 100 + int((part + "00")[:2])
    return spent


def customers(spent):
    """Per customer, ascending by id: last day, number of days, money in cents."""
    ids = sorted(spent)
    return [max(spent[i]) for i in ids], [len(spent[i]) for i in ids], [sum(spent[i].values()) for i in ids]


def tidybins(money, k=10):
    """Customers per part from the smallest up, equal ones together, those without spend in part 0."""
    total, before, counts = sum(money), 0, collections.Counter()
    for value, n in sorted(collections.Counter(money).items()):
        before += value * n
        counts[-(-k * before // total) if value > 0 else 0] += n
    return [counts[part] for part in range(k + 1)]


def stages(spent):
    """Customers per stage of life at the end of June 1998, one-time buyers by the median gap of the others."""
    number = lambda day: datetime.date(int(day[:4]), int(day[4:6]), int(day[6:])).toordinal()
    end, lives = number("19980630"), []
    for days in spent.values():
        lives.append((number(min(days)), number(max(days)), len(days)))
    gaps = [fractions.Fraction(last - first, n - 1) for first, last, n in lives if n > 1]
    cadence, counts = statistics.median(gaps), collections.Counter()
    for first, last, n in lives:
        gap = fractions.Fraction(last - first, n - 1) if n > 1 else cadence
        silence = end - last
        if 2 * silence > 3 * gap:
            counts["churned" if silence > 3 * gap else "at_risk"] += 1
        else:
            counts["new" if n == 1 else "loyal" if n >= 4 else "active"] += 1
    return float(cadence), sorted(counts.items())


def migration(spent):
    """Moves between spending 100 or more and less, from before October 1997 to after."""
    moves, before, after = collections.Counter(), collections.Counter(), collections.Counter()
    for days in spent.values():
        halves = [[c for day, c in days.items() if (day >= "19971001") == late] for late in (False, True)]
        move = tuple("(none)" if not half else "big" if sum(half) >= 10000 else "small" for half in halves)
        moves[move] += 1
        before[move] += sum(halves[0])
        after[move] += sum(halves[1])
    for move, n in sorted(moves.items()):
        leaving = sum(count for other, count in moves.items() if other[0] == move[0])
        yield *move, n, before[move], after[move], round(n / leaving, 6)


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
    spent = purchases(sys.argv[1])
    last, frequency, money = customers(spent)
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
    print("tidybins", tidybins(money))
    print("stages", *stages(spent))
    for move in migration(spent):
        print("moves", *move)


if __name__ == "__main__":
    main()
