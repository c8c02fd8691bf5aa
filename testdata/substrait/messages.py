"""Plans written out by hand in the published messages: what producers do not write, or not in this way."""

from substrait import proto
from substrait.algebra_pb2 import Expression, Rel

FUNCTIONS = ["equal:any_any", "gt:any_any", "add:i64_i64", "sum:i64", "count:", "sum0:i64", "extract:req_date",
             "concat:str_str", "lt:any_any", "rank:", "rfm_score", "segment", "gini", "in_segment", "upper:str", "multiply:dec_dec", "and:bool",
             "least:i32_i32", "std_dev:fp64", "not:bool", "approx_count_distinct:any", "any_value:any", "is_null:any"]


def plan(relation, names=()):
    """A plan with all functions declared, by URN; the trade's own without a place."""
    made = proto.Plan(version=proto.Version(minor_number=106, producer="hand"))
    made.extension_urns.add(extension_urn_anchor=1, urn="extension:io.substrait:functions_arithmetic")
    for anchor, name in enumerate(FUNCTIONS):
        place = 1 if ":" in name else 0
        made.extensions.add().extension_function.CopyFrom(proto.SimpleExtensionDeclaration.ExtensionFunction(
            extension_urn_reference=place, function_anchor=anchor, name=name))
    made.relations.add().root.CopyFrom(proto.RelRoot(input=relation, names=names))
    return made.SerializeToString()


def anchor(name):
    return next(place for place, known in enumerate(FUNCTIONS) if known.split(":")[0] == name)


def arguments(values):
    return [proto.FunctionArgument(enum=value) if isinstance(value, str) else proto.FunctionArgument(value=value)
            for value in values]


def call(name, *values, **options):
    made = Expression.ScalarFunction(function_reference=anchor(name), arguments=arguments(values))
    for option, preference in options.items():
        made.options.add(name=option, preference=[preference])
    return Expression(scalar_function=made)


def measure(name, *values, filter=None, **more):
    function = proto.AggregateFunction(function_reference=anchor(name), arguments=arguments(values),
                                       phase="AGGREGATION_PHASE_INITIAL_TO_RESULT", **more)
    return proto.AggregateRel.Measure(measure=function, filter=filter)


def field(place, outer=0):
    made = Expression.FieldReference()
    made.direct_reference.struct_field.field = place
    if outer:
        made.outer_reference.steps_out = outer
    else:
        made.root_reference.SetInParent()
    return Expression(selection=made)


def literal(**value):
    return Expression(literal=Expression.Literal(**value))


def parameter(place, **of):
    return Expression(dynamic_parameter=proto.DynamicParameter(parameter_reference=place, type=proto.Type(**of)))


def schema(**columns):
    types = [proto.Type(**{kind: options}) for kind, options in columns.values()]
    return proto.NamedStruct(names=list(columns), struct=proto.Type.Struct(types=types))


I32, I64, TEXT, DATE = ("i32", {}), ("i64", {}), ("string", {}), ("date", {})
MONEY = ("decimal", {"precision": 12, "scale": 2})
SALES = schema(sale_id=I64, customer_id=I32, channel_id=I32, quantity=I32, net_amount=MONEY, sold_on=DATE)
CUSTOMER = schema(customer_id=I32, name=TEXT, country=TEXT)
CHANNEL = schema(name=TEXT, channel_id=I32)
NOTES = schema(id=I64, text=TEXT, amount=("decimal", {"precision": 10, "scale": 2}))


def read(table, columns, **more):
    return Rel(read=proto.ReadRel(named_table=proto.ReadRel.NamedTable(names=[table]), base_schema=columns, **more))


def emit(*places):
    return proto.RelCommon(emit=proto.RelCommon.Emit(output_mapping=places))


def filtered(relation, condition):
    return Rel(filter=proto.FilterRel(input=relation, condition=condition))


def projected(relation, width, *expressions):
    places = range(width, width + len(expressions))
    return Rel(project=proto.ProjectRel(input=relation, expressions=expressions, common=emit(*places)))


def joined(left, right, kind, condition, **more):
    return Rel(join=proto.JoinRel(left=left, right=right, type=f"JOIN_TYPE_{kind}", expression=condition, **more))


def rows(*values):
    table = proto.ReadRel.VirtualTable()
    for row in values:
        table.expressions.add(fields=[literal(i64=value) for value in row])
    names = {f"c{place}": I64 for place in range(len(values[0]))}
    return Rel(read=proto.ReadRel(virtual_table=table, base_schema=schema(**names)))


def combined(op, *inputs):
    return Rel(set=proto.SetRel(op=f"SET_OP_{op}", inputs=inputs))


def grouped(relation, sets, expressions, measures, **more):
    groupings = [proto.AggregateRel.Grouping(expression_references=places) for places in sets]
    return Rel(aggregate=proto.AggregateRel(input=relation, groupings=groupings, grouping_expressions=expressions,
                                            measures=measures, **more))


def written(op, table, columns, relation, **more):
    target = proto.NamedObjectWrite(names=[table])
    return Rel(write=proto.WriteRel(op=f"WRITE_OP_{op}", named_table=target, table_schema=columns, input=relation, **more))


def updated(table, columns, condition, values):
    update = proto.UpdateRel(named_table=proto.NamedTable(names=[table]), table_schema=columns, condition=condition)
    for place, value in values.items():
        update.transformations.add(transformation=value, column_target=place)
    return Rel(update=update)


def bag(text):
    return rows(*((int(value),) for value in text))


def queries():
    sales, customer, channel = read("sales", SALES), read("customer", CUSTOMER), read("channel", CHANNEL)
    yield ("columns in another order", "SELECT name, channel_id FROM channel", channel, ["name", "channel_id"])
    yield ("emit twice", "SELECT channel_id AS a, channel_id AS b, name AS c FROM channel",
           read("channel", CHANNEL, common=emit(1, 1, 0)), ["a", "b", "c"])
    yield ("read with filter and projection", "SELECT name FROM customer WHERE customer_id > 3",
           read("customer", CUSTOMER, filter=call("gt", field(0), literal(i32=3)),
                projection=Expression.MaskExpression(select=Expression.MaskExpression.StructSelect(
                    struct_items=[Expression.MaskExpression.StructItem(field=1)]))), ["name"])
    for kind, sql in (("SEMI", "WHERE channel_id IN"), ("ANTI", "WHERE channel_id NOT IN")):
        yield (f"left {kind.lower()} join", f"SELECT name, channel_id FROM channel {sql} (SELECT channel_id FROM sales)",
               joined(channel, sales, f"LEFT_{kind}", call("equal", field(1), field(4))), ["name", "channel_id"])
        yield (f"right {kind.lower()} join", f"SELECT name, channel_id FROM channel {sql} (SELECT channel_id FROM sales)",
               joined(sales, channel, f"RIGHT_{kind}", call("equal", field(2), field(7))), ["name", "channel_id"])
    yield ("outer join", "SELECT c.name, s.sale_id FROM (SELECT * FROM channel WHERE channel_id > 2) c FULL JOIN sales s ON c.channel_id = s.channel_id",
           projected(joined(filtered(channel, call("gt", field(1), literal(i32=2))), sales, "OUTER",
                            call("equal", field(1), field(4))), 8, field(0), field(2)), ["name", "sale_id"])
    key = proto.ComparisonJoinKey(left=field(1).selection, right=field(2).selection)
    key.comparison.simple = "SIMPLE_COMPARISON_TYPE_EQ"
    yield ("hash join", "SELECT c.name, s.sale_id FROM channel c LEFT JOIN sales s ON c.channel_id = s.channel_id",
           projected(Rel(hash_join=proto.HashJoinRel(left=channel, right=sales, keys=[key], type="JOIN_TYPE_LEFT")), 8,
                     field(0), field(2)), ["name", "sale_id"])
    yield ("cross", "SELECT a.name AS a, b.name AS b FROM channel a CROSS JOIN channel b",
           projected(Rel(cross=proto.CrossRel(left=channel, right=channel)), 4, field(0), field(2)), ["a", "b"])
    exists = Expression(subquery=Expression.Subquery(set_predicate=Expression.Subquery.SetPredicate(
        predicate_op="PREDICATE_OP_EXISTS",
        tuples=filtered(sales, call("and", call("equal", field(1), field(0, outer=1)),
                                    call("gt", field(3), literal(i32=2)))))))
    yield ("exists", "SELECT name FROM customer c WHERE EXISTS (SELECT 1 FROM sales s WHERE s.customer_id = c.customer_id AND s.quantity > 2)",
           projected(filtered(customer, exists), 3, field(1)), ["name"])
    yield ("not exists", "SELECT name FROM customer c WHERE NOT EXISTS (SELECT 1 FROM sales s WHERE s.customer_id = c.customer_id AND s.quantity > 2)",
           projected(filtered(customer, call("not", exists)), 3, field(1)), ["name"])
    most = Expression(subquery=Expression.Subquery(set_comparison=Expression.Subquery.SetComparison(
        reduction_op="REDUCTION_OP_ALL", comparison_op="COMPARISON_OP_GT", left=field(3),
        right=projected(filtered(sales, call("equal", field(2), literal(i32=2))), 6, field(3)))))
    yield ("greater than all", "SELECT sale_id FROM sales WHERE quantity > (SELECT max(quantity) FROM sales WHERE channel_id = 2)",
           projected(filtered(sales, most), 6, field(0)), ["sale_id"])
    switch = Expression(switch_expression=Expression.SwitchExpression(match=field(1), **{"else": literal(string="more")}))
    for value, word in ((1, "one"), (2, "two")):
        case = switch.switch_expression.ifs.add(then=literal(string=word))
        getattr(case, "if").i32 = value
    yield ("switch", "SELECT CASE channel_id WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE 'more' END AS word FROM channel",
           projected(channel, 2, switch), ["word"])
    pairs = Expression(multi_or_list=Expression.MultiOrList(value=[field(2), field(3)]))
    for pair in ((1, 2), (2, 1)):
        pairs.multi_or_list.options.add(fields=[literal(i32=value) for value in pair])
    yield ("list of pairs", "SELECT sale_id FROM sales WHERE (channel_id = 1 AND quantity = 2) OR (channel_id = 2 AND quantity = 1)",
           projected(filtered(sales, pairs), 6, field(0)), ["sale_id"])
    yield ("parts of dates", "SELECT date_part('month', sold_on) - 1 AS month, date_part('day', sold_on) AS day FROM sales",
           projected(sales, 6, call("extract", "MONTH", "ZERO", field(5)), call("extract", "DAY", "ONE", field(5))),
           ["month", "day"])
    yield ("days of the week", "SELECT (CAST(to_char(sold_on, '%u') AS BIGINT)) AS monday, CAST(to_char(sold_on, '%w') AS BIGINT) AS sunday FROM sales",
           projected(sales, 6, call("extract", "MONDAY_DAY_OF_WEEK", "ONE", field(5)),
                     call("extract", "SUNDAY_DAY_OF_WEEK", "ZERO", field(5))), ["monday", "sunday"])
    yield ("count and sum of nothing", "SELECT count(*) AS lines, coalesce(sum(quantity), 0) AS quantity FROM sales WHERE sale_id > 1000000",
           grouped(filtered(sales, call("gt", field(0), literal(i64=1000000))), [], [],
                   [measure("count"), measure("sum0", field(3))]), ["lines", "quantity"])
    yield ("grouping sets", "SELECT channel_id, quantity, sum(quantity) AS total, CASE grouping(channel_id, quantity) WHEN 0 THEN 0 WHEN 1 THEN 1 WHEN 3 THEN 2 END AS part FROM sales GROUP BY GROUPING SETS ((channel_id, quantity), (channel_id), ())",
           grouped(sales, [[0, 1], [0], []], [field(2), field(3)], [measure("sum", field(3))]),
           ["channel_id", "quantity", "total", "part"])
    yield ("the same set twice", "SELECT channel_id, sum(quantity) AS total, 0 AS part FROM sales GROUP BY channel_id UNION ALL SELECT channel_id, sum(quantity), 1 FROM sales GROUP BY channel_id",
           grouped(sales, [[0], [0]], [field(2)], [measure("sum", field(3))]), ["channel_id", "total", "part"])
    yield ("measures", "SELECT channel_id, count(DISTINCT customer_id) AS customers, count(*) FILTER (WHERE quantity > 1) AS many, approx_distinct(customer_id) AS about FROM sales GROUP BY channel_id",
           grouped(sales, [[0]], [field(2)], [
               measure("count", field(1), invocation="AGGREGATION_INVOCATION_DISTINCT"),
               measure("count", filter=call("gt", field(3), literal(i32=1))),
               measure("approx_count_distinct", field(1))]), ["channel_id", "customers", "many", "about"])
    yield ("twice the measure", "SELECT sum(quantity) AS a, sum(quantity) AS b FROM sales",
           grouped(sales, [], [], [measure("sum", field(3)), measure("sum", field(3))]), ["a", "b"])
    window = proto.ConsistentPartitionWindowRel(input=sales, partition_expressions=[field(2)])
    window.sorts.add(expr=field(4), direction="SORT_DIRECTION_DESC_NULLS_LAST")
    window.window_functions.add(function_reference=anchor("rank"))
    yield ("window relation", "SELECT sale_id, rank() OVER (PARTITION BY channel_id ORDER BY net_amount DESC NULLS LAST) AS place FROM sales",
           projected(Rel(window=window), 7, field(0), field(6)), ["sale_id", "place"])
    yield ("a function of the trade", "SELECT segment(5, 4, 3) AS segment",
           projected(rows((5, 4, 3)), 3, call("segment", field(0), field(1), field(2))), ["segment"])
    score = Expression(window_function=Expression.WindowFunction(
        function_reference=anchor("rfm_score"), arguments=arguments([field(3), literal(i64=2)]), partitions=[field(2)]))
    yield ("a window function of the trade", "SELECT sale_id, rfm_score(quantity, 2) OVER (PARTITION BY channel_id) AS score FROM sales",
           projected(sales, 6, field(0), score), ["sale_id", "score"])
    yield ("an aggregate of the trade", "SELECT channel_id, gini(sale_id) AS gini FROM sales GROUP BY channel_id",
           grouped(sales, [[0]], [field(2)], [measure("gini", field(0))]), ["channel_id", "gini"])
    yield ("members of a segment", "SELECT name FROM customer WHERE in_segment(customer_id, 'returning')",
           projected(filtered(customer, call("in_segment", field(0), literal(string="returning"))), 3, field(1)), ["name"])
    yield ("least with NULL", "SELECT CASE WHEN store_id IS NULL THEN NULL ELSE least(store_id, quantity) END AS least FROM sales",
           projected(read("sales", schema(store_id=I32, quantity=I32)), 2, call("least", field(0), field(1))), ["least"])
    yield ("concat with NULL", "SELECT email || country AS both FROM customer",
           projected(read("customer", schema(email=TEXT, country=TEXT)), 2,
                     call("concat", field(0), field(1), null_handling="ACCEPT_NULLS")), ["both"])
    yield ("first rows", "SELECT name, channel_id FROM channel ORDER BY channel_id LIMIT 2 OFFSET 1",
           Rel(fetch=proto.FetchRel(offset_expr=literal(i64=1), count_expr=literal(i64=2), input=Rel(sort=proto.SortRel(
               input=channel, sorts=[proto.SortField(expr=field(1), direction="SORT_DIRECTION_ASC_NULLS_FIRST")])))),
           ["name", "channel_id"])
    yield ("literals", "SELECT CAST(12.50 AS DECIMAL(4, 2)) AS money, DATE '2024-02-29' AS day, TIMESTAMP '1970-01-01 00:00:01.5' AS moment, '0f' AS text, CAST(NULL AS BIGINT) AS nothing, CAST(-7 AS SMALLINT) AS small, true AS yes",
           projected(rows((1,)), 1,
                     literal(decimal=Expression.Literal.Decimal(value=(1250).to_bytes(16, "little"), precision=4, scale=2)),
                     literal(date=19782), literal(precision_timestamp=Expression.Literal.PrecisionTimestamp(precision=6, value=1500000)),
                     literal(var_char=Expression.Literal.VarChar(value="0f", length=2)), literal(null=proto.Type(i64={})),
                     literal(i16=-7), literal(boolean=True)),
           ["money", "day", "moment", "text", "nothing", "small", "yes"])
    june = Expression.Literal.PrecisionTimestamp(precision=6, value=1_717_200_000_000_000)
    yield ("instants", "SELECT id FROM moments WHERE seen < TIMESTAMP '2024-06-01 00:00:00'",
           projected(filtered(read("moments", schema(id=I32, seen=("precision_timestamp_tz", {"precision": 6}))),
                              call("lt", field(1), literal(precision_timestamp_tz=june))), 2, field(0)), ["id"])
    month = Expression.Literal.IntervalYearToMonth(years=1, months=1)
    day = Expression.Literal.IntervalDayToSecond(days=1, precision=3, subseconds=0)
    yield ("intervals", "SELECT sold_on + INTERVAL '13' MONTH AS later, sold_on + INTERVAL '1' DAY AS next FROM sales",
           projected(sales, 6, call("add", field(5), literal(interval_year_to_month=month)),
                     call("add", field(5), literal(interval_day_to_second=day))), ["later", "next"])
    yield ("a list inside", "SELECT 20 AS second",
           projected(rows((1,)), 1, element_of_list()), ["second"])
    first, second, third = bag("11223"), bag("1224"), bag("12")
    for op, expected in (("UNION_ALL", "1122312" "2412"), ("UNION_DISTINCT", "1234"), ("INTERSECTION_PRIMARY", "12"),
                         ("INTERSECTION_MULTISET", "12"), ("INTERSECTION_MULTISET_ALL", "12"), ("MINUS_PRIMARY", "3"),
                         ("MINUS_PRIMARY_ALL", "3"), ("MINUS_MULTISET", "3")):
        values = ", ".join(f"({value})" for value in expected)
        yield (op.lower().replace("_", " "), f"SELECT column1 AS n FROM (VALUES {values})",
               combined(op, first, second, third), ["n"])
    yield ("intersection of bags", "SELECT column1 AS n FROM (VALUES (1), (2), (2))",
           combined("INTERSECTION_MULTISET_ALL", first, second), ["n"])
    yield ("minus of bags", "SELECT column1 AS n FROM (VALUES (1), (3))", combined("MINUS_PRIMARY_ALL", first, second), ["n"])


def element_of_list():
    base = Expression(nested=Expression.Nested(list=Expression.Nested.List(
        values=[literal(i64=10), literal(i64=20)])))
    made = Expression.FieldReference(expression=base)
    made.direct_reference.list_element.offset = 1
    return Expression(selection=made)


def writes():
    """Each with the query that shows what it did; they run in this order."""
    fresh = Rel(read=proto.ReadRel(base_schema=NOTES, virtual_table=proto.ReadRel.VirtualTable(expressions=[
        Expression.Nested.Struct(fields=[literal(i64=1), literal(string="one"), money(150)]),
        Expression.Nested.Struct(fields=[literal(i64=2), literal(string="two"), money(250)]),
        Expression.Nested.Struct(fields=[literal(i64=3), literal(null=proto.Type(string={})), money(350)])])))
    yield ("insert", "VALUES (1, 'one', 1.50, 'new'), (2, 'two', 2.50, 'new'), (3, NULL, 3.50, 'new')",
           written("INSERT", "notes", NOTES, fresh))
    yield ("insert of a query", "VALUES (1, 'one', 1.50, 'new'), (2, 'two', 2.50, 'new'), (3, NULL, 3.50, 'new'), (11, 'one', NULL, 'new')",
           written("INSERT", "notes", schema(text=TEXT, id=I64), projected(
               filtered(read("notes", NOTES), call("equal", field(0), literal(i64=1))), 3,
               field(1), call("add", field(0), literal(i64=10)))))
    yield ("update relation", "VALUES (1, 'one', 1.50, 'new'), (2, 'two', 2.50, 'new'), (3, 'many', 4.00, 'new'), (11, 'many', 12.00, 'new')",
           updated("notes", NOTES, call("gt", field(0), literal(i64=2)),
                   {1: literal(string="many"), 2: call("add", field(0), literal(i64=1))}))
    yield ("update by projection", "VALUES (1, 'ONE', 1.50, 'new'), (2, 'TWO', 2.50, 'new'), (3, 'many', 4.00, 'new'), (11, 'many', 12.00, 'new')",
           written("UPDATE", "notes", NOTES, projected(
               filtered(read("notes", NOTES), call("lt", field(0), literal(i64=3))), 3,
               field(0), call("upper", field(1)), field(2))))
    yield ("delete", "VALUES (1, 'ONE', 1.50, 'new'), (2, 'TWO', 2.50, 'new'), (11, 'many', 12.00, 'new')",
           written("DELETE", "notes", NOTES, filtered(read("notes", NOTES), call("equal", field(0), literal(i64=3)))))
    yield ("insert of parameters", "VALUES (1, 'ONE', 1.50, 'new'), (2, 'TWO', 2.50, 'new'), (11, 'many', 12.00, 'new'), (21, 'bound', NULL, 'new'), (22, 'too', NULL, 'new')",
           written("INSERT", "notes", schema(id=I64, text=TEXT), Rel(read=proto.ReadRel(
               base_schema=schema(id=I64, text=TEXT), virtual_table=proto.ReadRel.VirtualTable(expressions=[
                   Expression.Nested.Struct(fields=[parameter(0, i64={}), parameter(1, string={})])])))))
    yield ("delete of a parameter", "VALUES (1, 'ONE', 1.50, 'new'), (2, 'TWO', 2.50, 'new'), (11, 'many', 12.00, 'new')",
           written("DELETE", "notes", NOTES,
                   filtered(read("notes", NOTES), call("gt", field(0), parameter(7, i64={})))))


def money(cents):
    return literal(decimal=Expression.Literal.Decimal(value=cents.to_bytes(16, "little"), precision=10, scale=2))


def others():
    notes = read("notes", NOTES)
    yield ("a query with parameters", "SELECT sale_id FROM sales WHERE quantity > $1 AND channel_id = $2",
           plan(projected(filtered(read("sales", SALES), call(
               "and", call("gt", field(3), parameter(3, i32={})), call("equal", field(2), parameter(9, i32={})))), 6,
               field(0)), ["sale_id"]))
    bound = proto.Plan.FromString(plan(projected(filtered(
        read("sales", SALES), call("gt", field(3), parameter(3, i32={}))), 6, field(0)), ["sale_id"]))
    bound.parameter_bindings.add(parameter_anchor=3, value=Expression.Literal(i32=1))
    yield ("a parameter that the plan binds", "SELECT sale_id FROM sales WHERE quantity > 1", bound.SerializeToString())
    yield ("table of rows", "", plan(written("CTAS", "copied", None, projected(notes, 3, field(0), field(1)))))
    yield ("table of rows, declared", "", plan(written("CTAS", "copied", schema(number=("i32", {}), word=TEXT), projected(
        notes, 3, field(0), field(1)), create_mode="CREATE_MODE_REPLACE_IF_EXISTS")))
    yield ("table of rows, if it is missing", "", plan(written("CTAS", "copied", None, projected(
        notes, 3, field(0)), create_mode="CREATE_MODE_IGNORE_IF_EXISTS")))
    unknown = proto.Plan.FromString(plan(projected(notes, 3, call("upper", field(1))), ["u"]))
    for declared in unknown.extensions:
        if declared.extension_function.name == "upper:str":
            declared.extension_function.name = "uppr:str"
    yield ("unknown function", "did you mean \"upper\"", unknown.SerializeToString())
    yield ("window function as a scalar", "window_function", plan(projected(notes, 3, call("rfm_score", field(0), field(0))), ["s"]))
    yield ("unknown segment", "nobody", plan(filtered(notes, call("in_segment", field(0), literal(string="nobody"))), ["a", "b", "c"]))
    yield ("unknown table", "\"nots\" does not exist", plan(read("nots", NOTES), ["id", "text", "amount"]))
    yield ("unknown column", "did you mean \"text\"", plan(read("notes", schema(txt=TEXT)), ["t"]))
    yield ("files", "ReadRel.local_files", plan(Rel(read=proto.ReadRel(
        base_schema=NOTES, local_files=proto.ReadRel.LocalFiles(items=[{"uri_file": "/etc/passwd", "parquet": {}}]))), ["a", "b", "c"]))
    yield ("expand", "ExpandRel", plan(Rel(expand=proto.ExpandRel(input=notes))))
    yield ("definition", "DdlRel", plan(Rel(ddl=proto.DdlRel(op="DDL_OP_DROP"))))
    yield ("newer relation", "newer", plan(Rel(top_n=proto.TopNRel(input=notes))))
    yield ("single join", "LeftSingle", plan(joined(notes, notes, "LEFT_SINGLE", literal(boolean=True))))
    yield ("wrong option", "overflow", plan(projected(notes, 3, call("add", field(0), field(0), overflow="SATURATE")), ["s"]))
    yield ("column out of range", "refers to column 9", plan(projected(notes, 3, field(9)), ["x"]))
    yield ("wrong names", "2 names for 3 columns", plan(notes, ["a", "b"]))
    yield ("changed rows", "MODIFIED_RECORDS", plan(written("DELETE", "notes", NOTES, notes, output="OUTPUT_MODE_MODIFIED_RECORDS")))
    yield ("delete of other rows", "under filters", plan(written("DELETE", "notes", NOTES, read("channel", CHANNEL))))
    deep = notes
    for _ in range(40):
        deep = filtered(deep, literal(boolean=True))
    yield ("40 filters", "", plan(deep, ["id", "text", "amount"]))


def scenarios():
    """What the interpreter of `server/examples/scenarios` sends for the "plan" of Apache Arrow's scenarios."""
    id, row, every = schema(id=I64), schema(id=I64, changed=I64), literal(boolean=True)
    bound = parameter(0, i64={"nullability": "NULLABILITY_NULLABLE"})
    key = Expression(cast=Expression.Cast(input=bound, type=proto.Type(i32={"nullability": "NULLABILITY_NULLABLE"}),
                                          failure_behavior="FAILURE_BEHAVIOR_THROW_EXCEPTION"))
    more = {1: call("add", field(1), literal(i64=1))}
    yield ("query", "SELECT id FROM one", plan(read("one", id), ["id"]))
    yield ("query, prepared", "SELECT CAST($1 AS BIGINT) AS id", plan(projected(rows((0,)), 1, bound), ["id"]))
    yield ("update", "UPDATE rows_10000 SET id = id", plan(updated("rows_10000", id, every, {0: field(0)})))
    yield ("update, prepared", "UPDATE rows_20000 SET id = id", plan(updated("rows_20000", id, every, {0: field(0)})))
    yield ("query in a transaction", "SELECT pkey FROM keys", plan(read("keys", schema(pkey=I32)), ["pkey"]))
    yield ("query in a transaction, prepared", "SELECT CAST(CAST($1 AS BIGINT) AS INTEGER) AS pkey",
           plan(projected(rows((0,)), 1, key), ["pkey"]))
    yield ("update in a transaction", "UPDATE rows_25000 SET changed = changed + 1 WHERE id < 15001",
           plan(updated("rows_25000", row, call("lt", field(0), literal(i64=15001)), more)))
    yield ("update in a transaction, prepared", "UPDATE rows_25000 SET changed = changed + 1",
           plan(updated("rows_25000", row, every, more)))


def all():
    for name, sql, relation, names in queries():
        yield f"query: {name}", sql, plan(relation, names)
    for name, sql, relation in writes():
        yield f"write: {name}", sql, plan(relation)
    for name, expected, made in others():
        yield f"other: {name}", expected, made
    for name, sql, made in scenarios():
        yield f"scenario: {name}", sql, made
