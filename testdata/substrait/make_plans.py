"""Make the Substrait plans of this folder with producers that are not Pareto.

    pip install datafusion==55.0.0 pyarrow==26.0.1 substrait==0.37.1 substrait-protobuf==0.106.0 protobuf==6.33.6
    python testdata/substrait/make_plans.py

    pip install ibis-substrait==4.0.1 ibis-framework==9.5.0 substrait==0.20.0     # in an environment of its own
    python testdata/substrait/make_ibis_plans.py

| File | Producer | What |
|---|---|---|
| datafusion.json | DataFusion's own, of Python | every question of questions.sql, as written and as optimised |
| ibis.json | ibis-substrait | questions of data frames, with the SQL that asks the same |
| messages.json | the published messages, filled in by hand | writes, parameters, what no producer writes, and the plans of Apache Arrow's scenarios |

Each entry has a name, the plan in base64, and the SQL whose answer must be the same. Tables are those of tables.sql,
without rows: a plan knows their columns only.
"""

import datafusion
from datafusion import substrait as producer

import messages
from plans import entry, statements, written

def of_datafusion():
    context = datafusion.SessionContext()
    for _, table in statements("tables.sql"):
        context.sql(table)
    for name, sql in statements("questions.sql"):
        frame = context.sql(sql)
        plans = {"": frame.logical_plan(), ", optimised": frame.optimized_logical_plan()}
        for how, plan in plans.items():
            try:
                plan = producer.Producer.to_substrait_plan(plan, context)
            except Exception as refusal:  # what the producer cannot write
                print(f"{name}{how}: {refusal}")
                continue
            yield entry(name + how, sql, plan.encode())


if __name__ == "__main__":
    written("datafusion.json", of_datafusion())
    written("messages.json", (entry(*made) for made in messages.all()))
