"""Compares the tables that two builds of the same project left in the catalog, value by value."""

import sys
import time

import boto3

# What differs by design: when a snapshot was taken.
IGNORED = {"dbt_updated_at", "dbt_valid_from", "dbt_scd_id"}
ZONES = ["stage", "mart", "seed", "snapshot"]


def wait():
    for _ in range(100):
        try:
            boto3.client("sts").get_caller_identity()
            return
        except Exception:
            time.sleep(0.1)
    sys.exit("the lakehouse does not answer")


def query(athena, sql):
    started = athena.start_query_execution(
        QueryString=sql, ResultConfiguration={"OutputLocation": "s3://results/compare/"}
    )["QueryExecutionId"]
    while True:
        execution = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]
        state = execution["Status"]["State"]
        if state == "SUCCEEDED":
            break
        if state in ("FAILED", "CANCELLED"):
            sys.exit(f"{sql}\n{execution['Status']['StateChangeReason']}")
        time.sleep(0.02)
    rows = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=started):
        rows += [[cell.get("VarCharValue") for cell in row["Data"]] for row in page["ResultSet"]["Rows"]]
    return rows[1:]


def tables(left, right):
    glue, athena = boto3.client("glue"), boto3.client("athena")
    failures, compared = [], 0
    for zone in ZONES:
        found = {}
        for side in (left, right):
            pages = glue.get_paginator("get_tables").paginate(DatabaseName=f"{side}_{zone}")
            found[side] = {table["Name"]: table for page in pages for table in page["TableList"]}
        if found[left].keys() != found[right].keys():
            failures.append(f"{zone}: {sorted(found[left])} against {sorted(found[right])}")
        for name in sorted(found[left].keys() & found[right].keys()):
            columns = {}
            for side in (left, right):
                table = found[side][name]
                all_columns = table["StorageDescriptor"]["Columns"] + table.get("PartitionKeys", [])
                columns[side] = [(column["Name"], column["Type"]) for column in all_columns]
            if columns[left] != columns[right]:
                failures.append(f"{zone}.{name}: columns {columns[left]} against {columns[right]}")
                continue
            names = [f'"{column}"' for column, _ in columns[left] if column not in IGNORED]
            select = ", ".join(names)
            sides = [f'"{side}_{zone}"."{name}"' for side in (left, right)]
            counts = [query(athena, f"select count(*) from {side}")[0][0] for side in sides]
            differing = sum(
                int(query(athena, f"select count(*) from (select {select} from {a} except select {select} from {b}) as d")[0][0])
                for a, b in (sides, reversed(sides))
            )
            compared += 1
            print(f"{zone}.{name}: {counts[0]} rows, {counts[1]} rows, {differing} differ")
            if counts[0] != counts[1] or differing:
                failures.append(f"{zone}.{name}: {counts} rows, {differing} differ")
    if failures or not compared:
        sys.exit("\n".join(failures or ["nothing was compared"]))
    print(f"{compared} tables and views are equal")


if __name__ == "__main__":
    wait() if sys.argv[1] == "wait" else tables(*sys.argv[2:4])
