"""The CDNOW figures in the specifications of the attrition functions, computed a second time.

Plain Python with whole cents and no library, written from the definitions and from none of the code it
checks: testdata/slt/functions/{churn_flag,churn_rate,retention_rate,nrr,grr,next_purchase,clv_historic}.slt.
It reads CDNOW_master.txt of the PyPI package lifetimes 0.11.3:

    pip download --no-deps lifetimes==0.11.3
    python testdata/golden/attrition_reference.py Lifetimes-0.11.3-py3-none-any.whl
"""

import calendar
import collections
import datetime
import math
import statistics
import sys
import zipfile

END = datetime.date(1998, 6, 30)


def purchases(wheel):
    """(customer, day, quantity, cents) per line."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read("lifetimes/datasets/CDNOW_master.txt").decode("ascii").splitlines()
    for line in lines[1:]:
        customer, day, quantity, amount = line.split()
        whole, _, part = amount.partition(".")
        cents = int(whole) * 100 + int((part + "00")[:2])
        yield int(customer), datetime.datetime.strptime(day, "%Y%m%d").date(), int(quantity), cents


def months_later(day, months):
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return datetime.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def rhythm(days):
    """Gaps of the purchase days: mean, median, coefficient of variation, next day."""
    gaps = [(b - a).days for a, b in zip(days, days[1:])]
    mean = math.fsum(gaps) / len(gaps)
    variation = statistics.stdev(gaps) / mean if len(gaps) > 1 else None
    return mean, statistics.median(gaps), variation, days[-1] + datetime.timedelta(math.floor(mean + 0.5))


def main():
    days, quarters = collections.defaultdict(set), collections.defaultdict(collections.Counter)
    margin, grown = 0, []
    for customer, day, quantity, cents in purchases(sys.argv[1]):
        days[customer].add(day)
        quarters[(day.year, (day.month + 2) // 3)][customer] += cents
        if day <= datetime.date(1997, 12, 31):
            one = cents - 800 * quantity
            margin += one
            grown.append(one / 100 * 1.1 ** ((datetime.date(1997, 12, 31) - day).days / 365.25))
    print("clv_historic", margin, round(math.fsum(grown), 4))

    lasts = {customer: max(of) for customer, of in days.items()}
    gone = sum((END - last).days > 90 for last in lasts.values())
    gone_months = sum(END > months_later(last, 3) for last in lasts.values())
    print("churn_flag days", gone, "months", gone_months)

    rhythms = {customer: rhythm(sorted(of)) for customer, of in days.items() if len(of) > 1}
    slow = {c: (END - lasts[c]).days > 3 * mean for c, (mean, *_) in rhythms.items()}
    both = sum((END - lasts[c]).days > 90 and slow.get(c, True) for c in days)
    print("churn_flag cadence", sum(slow.values()), "of", len(slow), "both", both)

    means = math.fsum(mean for mean, *_ in rhythms.values()) / len(rhythms)
    medians = math.fsum(median for _, median, *_ in rhythms.values()) / len(rhythms)
    variations = [variation for _, _, variation, _ in rhythms.values() if variation is not None]
    overdue = math.fsum((END - lasts[c]).days / mean for c, (mean, *_) in rhythms.items()) / len(rhythms)
    due = collections.Counter(due <= END for *_, due in rhythms.values())
    print("next_purchase", len(rhythms), round(means, 6), round(medians, 6), len(variations),
          round(math.fsum(variations) / len(variations), 6), round(overdue, 6), due[True],
          max(due for *_, due in rhythms.values()))

    began, ended = quarters[(1997, 4)], quarters[(1998, 1)]
    stayed = sum(customer in ended for customer in began)
    print("rates", len(began), stayed, repr((len(began) - stayed) / len(began)), repr(stayed / len(began)))
    start = sum(began.values())
    net = sum(ended[customer] for customer, cents in began.items() if cents)
    gross = sum(min(ended[customer], cents) for customer, cents in began.items())
    print("revenue", start, net, gross, repr(net / start), repr(gross / start))


if __name__ == "__main__":
    main()
