"""Make cdnow_sample_customers.csv, cdnow_sample_histories.csv and cdnow_sample_spend.csv from CDNOW_sample.txt.

The sample is the tenth of the CDNOW customers that the published fits are of; see testdata/README.md
for the source. Purchases of a day are one purchase; the first 39 weeks count, to 1997-09-30.
The customers have the same numbers in cdnow.parquet.

    pip download --no-deps lifetimes==0.11.3
    python testdata/golden/cdnow_sample.py Lifetimes-0.11.3-py3-none-any.whl

Published fits (Fader, Hardie and Lee 2005; R packages CLVTools, BTYD, BTYDplus), time in weeks:
BG/NBD r .243 alpha 4.414 a .793 b 2.426, log-likelihood -9582.4; Gamma-Gamma p 6.25 q 3.74 v 15.44.
"""

import collections
import datetime
import pathlib
import sys
import zipfile

END = datetime.date(1997, 9, 30)


def main():
    with zipfile.ZipFile(sys.argv[1]) as archive:
        lines = archive.read("lifetimes/datasets/CDNOW_sample.txt").decode("ascii").splitlines()
    spent = collections.defaultdict(collections.Counter)
    for line in lines:
        words = line.split()
        if not words or not words[0].isdigit():
            continue
        customer, _, day, _, amount = words
        day = datetime.datetime.strptime(day, "%Y%m%d").date()
        if day <= END:
            spent[customer][day] += round(float(amount) * 100)
    histories, spend = collections.Counter(), collections.Counter()
    for days in spent.values():
        first, last, x = min(days), max(days), len(days) - 1
        histories[x, (last - first).days, (END - first).days] += 1
        if x > 0:
            spend[x, sum(days.values()) - days[first]] += 1
    folder = pathlib.Path(__file__).parent
    customers = "\n".join(str(int(customer)) for customer in sorted(spent))
    (folder / "cdnow_sample_customers.csv").write_text(f"customer_id\n{customers}\n")
    for name, header, counts in (
        ("cdnow_sample_histories.csv", "x,tx_days,t_days,customers", histories),
        ("cdnow_sample_spend.csv", "x,repeat_cents,customers", spend),
    ):
        rows = (",".join(map(str, (*key, counts[key]))) for key in sorted(counts))
        (folder / name).write_text("\n".join([header, *rows]) + "\n")


if __name__ == "__main__":
    main()
