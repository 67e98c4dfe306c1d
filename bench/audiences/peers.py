"""Evaluates the audiences with DuckDB and polars, on columns, with one thread: a line of JSON for what each takes."""

import json
import os
import sys
import time

os.environ["POLARS_MAX_THREADS"] = "1"

import duckdb
import numpy
import polars

FOLDER, RUNS = sys.argv[1], int(sys.argv[2])
with open(f"{FOLDER}/audiences.json") as file:
    POOL = json.load(file)
CSV = f"{FOLDER}/profiles.csv"


def measured(engine, run, answers):
    """Runs an engine again and again, and keeps what it answered last."""
    seconds = []
    for _ in range(RUNS):
        result = None
        start = time.process_time()
        result = run()
        seconds.append(time.process_time() - start)
    masks = answers(result)
    path = f"{FOLDER}/{engine.replace(' ', '-').replace(',', '')}"
    with open(path, "wb") as file:
        file.write(masks.tobytes())
    line = {"engine": engine, "profiles": len(masks), "seconds": seconds, "answers": path}
    print(json.dumps(line), flush=True)


def joined(tree, conditions, all_of, any_of, none_of):
    """An audience in an engine's own terms."""
    [(kind, value)] = tree.items()
    if kind == "condition":
        return conditions[value]
    if kind == "not":
        return none_of(joined(value, conditions, all_of, any_of, none_of))
    parts = [joined(part, conditions, all_of, any_of, none_of) for part in value]
    return all_of(parts) if kind == "all" else any_of(parts)


# DuckDB


def sql_literal(value, kind):
    if not isinstance(value, str):
        return json.dumps(value)
    if kind == "date":
        return f"DATE '{value}'"
    if kind == "date-time":
        return f"TIMESTAMP '{value.removesuffix('Z').replace('T', ' ')}'"
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def sql(condition):
    field, values = f'"{condition["field"]}"', condition["values"]
    literals = [sql_literal(value, condition["kind"]) for value in values]
    return {
        "=": lambda: f"{field} = {literals[0]}",
        "!=": lambda: f"{field} != {literals[0]}",
        "<": lambda: f"{field} < {literals[0]}",
        ">=": lambda: f"{field} >= {literals[0]}",
        "in": lambda: f"{field} IN ({', '.join(literals)})",
        "notIn": lambda: f"{field} NOT IN ({', '.join(literals)})",
        "startsWith": lambda: f"starts_with({field}, {literals[0]})",
        "isNull": lambda: f"{field} IS NULL",
        "isNotNull": lambda: f"{field} IS NOT NULL",
        "before": lambda: f"{field} < {literals[0]}",
        "after": lambda: f"{field} > {literals[0]}",
        "within": lambda: f"{field} >= {literals[0]} AND {field} < {literals[1]}",
    }[condition["operator"]]()


def sql_audiences(conditions):
    """The audiences: null is false, which matters where something is negated, and at the end."""
    return [
        joined(
            tree,
            conditions,
            lambda parts: f"({' AND '.join(parts)})",
            lambda parts: f"({' OR '.join(parts)})",
            lambda part: f"NOT coalesce({part}, false)",
        )
        for tree in POOL["audiences"]
    ]


def sql_masks(audiences):
    """Two numbers of 50 bits for each profile."""
    halves = [audiences[:50], audiences[50:]]
    bit = "(CASE WHEN {} THEN {}::BIGINT ELSE 0 END)"
    sums = [" + ".join(bit.format(each, 1 << place) for place, each in enumerate(half)) for half in halves]
    return f"id, {sums[0]} AS low, {sums[1]} AS high"


def duckdb_masks(_):
    columns = connection.execute("SELECT low, high FROM memberships ORDER BY id").fetchnumpy()
    low, high = (columns[name].astype(numpy.uint64) for name in ("low", "high"))
    fifty, fourteen = numpy.uint64(50), numpy.uint64(14)
    return numpy.stack([low | (high << fifty), high >> fourteen], axis=1)


connection = duckdb.connect(config={"threads": 1})
SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "date-time": "TIMESTAMP",
}
types = {"id": "BIGINT"} | {field["name"]: SQL_TYPES[field["kind"]] for field in POOL["fields"]}
connection.execute(f"CREATE TABLE profiles AS SELECT * FROM read_csv('{CSV}', header = true, columns = {types})")
sql_conditions = [f"({sql(condition)})" for condition in POOL["conditions"]]
direct = f"SELECT {sql_masks(sql_audiences(sql_conditions))} FROM profiles"
names = [f"c{number}" for number in range(len(sql_conditions))]
once = ", ".join(f"{text} AS {name}" for text, name in zip(sql_conditions, names))
shared = f"""
    WITH conditions AS MATERIALIZED (SELECT id, {once} FROM profiles)
    SELECT {sql_masks(sql_audiences(names))} FROM conditions
"""


def duckdb_run(query):
    return lambda: connection.execute(f"CREATE OR REPLACE TABLE memberships AS {query}")


measured(f"DuckDB {duckdb.__version__}, direct SQL", duckdb_run(direct), duckdb_masks)
measured(f"DuckDB {duckdb.__version__}, conditions first", duckdb_run(shared), duckdb_masks)
connection.close()


# polars


def polars_literal(value, kind):
    if kind == "date":
        return polars.lit(value).str.to_date()
    if kind == "date-time":
        return polars.lit(value[:19] if "T" in value else f"{value}T00:00:00").str.to_datetime("%Y-%m-%dT%H:%M:%S")
    return polars.lit(value)


def expression(condition):
    field, values = polars.col(condition["field"]), condition["values"]
    literals = [
        polars.select(polars_literal(value, condition["kind"])).item()
        for value in values
        if isinstance(value, str) or condition["operator"] != "within"
    ]
    asked = {
        "=": lambda: field == literals[0],
        "!=": lambda: field != literals[0],
        "<": lambda: field < literals[0],
        ">=": lambda: field >= literals[0],
        "in": lambda: field.is_in(literals),
        "notIn": lambda: ~field.is_in(literals),
        "startsWith": lambda: field.str.starts_with(literals[0]),
        "isNull": lambda: field.is_null(),
        "isNotNull": lambda: field.is_not_null(),
        "before": lambda: field < literals[0],
        "after": lambda: field > literals[0],
        "within": lambda: (field >= literals[0]) & (field < literals[1]),
    }[condition["operator"]]()
    return asked.fill_null(False)


def fold(parts, join):
    first, *rest = parts
    for part in rest:
        first = join(first, part)
    return first


POLARS_TYPES = {
    "string": polars.String,
    "integer": polars.Int64,
    "double": polars.Float64,
    "boolean": polars.Boolean,
    "date": polars.Date,
    "date-time": polars.Datetime("us"),
}
types = {"id": polars.Int64} | {field["name"]: POLARS_TYPES[field["kind"]] for field in POOL["fields"]}
frame = polars.read_csv(CSV, schema=types)
conditions = [expression(condition).alias(name) for condition, name in zip(POOL["conditions"], names)]
audiences = [
    joined(
        tree,
        [polars.col(name) for name in names],
        lambda parts: fold(parts, lambda left, right: left & right),
        lambda parts: fold(parts, lambda left, right: left | right),
        lambda part: ~part,
    ).alias(f"a{number:03}")
    for number, tree in enumerate(POOL["audiences"])
]


def polars_run():
    return frame.lazy().select(conditions).select(audiences).collect()


def polars_masks(result):
    bits = numpy.zeros((result.height, 128), dtype=bool)
    for number, name in enumerate(result.columns):
        bits[:, number] = result[name].to_numpy()
    return numpy.packbits(bits, axis=1, bitorder="little")


measured(f"polars {polars.__version__}, conditions first", polars_run, polars_masks)
