#!/usr/bin/env python3
"""One project built by dbt Core and by Owlet, each in a new lakehouse: exit codes, statuses, tables with their columns, properties and rows.

    builds.py PROJECT --owlet BIN --python VENV/bin/python --out DIR [--times 2] [--with-sources] [--without COLUMN…] [--vars YAML] [-- ARGUMENT…]

PROJECT is a folder with its packages installed; what comes from sources is left out, for no data is there
(`--with-sources` where seeds are those sources). The build runs `--times` times, the
next ones as incremental runs on what the first left. ARGUMENTs go to both engines' `build`. Runs in a Python that has boto3. The exit code is 1
when something differs.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import boto3

from parity import PROFILE, comparable, without_run
from parity import differences as members

LEFT_OUT = ["--exclude", "source:*+"]
AWS = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
# Of a table's properties: the rest are sizes, times and places.
PROPERTIES = ["classification", "table_type", "comment", "skip.header.line.count", "EXTERNAL"]


class Lakehouse:
    """An empty one, as long as it is used."""

    def __init__(self, owlet: str, directory: Path):
        shutil.rmtree(directory, ignore_errors=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        self.directory = directory
        self.served = subprocess.Popen([owlet, "lake", "serve", "--listen", self.address, "--dir", str(directory)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.environment = {**os.environ, **AWS, "AWS_ENDPOINT_URL": f"http://{self.address}", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}
        for _ in range(100):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", int(self.address.split(":")[1]))) == 0:
                    self.client("s3").create_bucket(Bucket="results", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
                    return
            time.sleep(0.1)
        sys.exit(f"no lakehouse at {self.address}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.served.terminate()
        self.served.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def client(self, service: str):
        return boto3.client(service, endpoint_url=f"http://{self.address}", region_name="eu-west-1", aws_access_key_id="any", aws_secret_access_key="any")

    def tables(self, without: list[str]) -> dict:
        """Every table and view: columns, properties and rows."""
        glue, found = self.client("glue"), {}
        for database in pages(glue.get_databases, "DatabaseList"):
            for table in pages(glue.get_tables, "TableList", DatabaseName=database["Name"]):
                name = f"{database['Name']}.{table['Name']}"
                described = [*table["StorageDescriptor"].get("Columns", []), *table.get("PartitionKeys", [])]
                found[name] = {
                    "type": table.get("TableType"),
                    "columns": [[column["Name"], column.get("Type"), column.get("Comment")] for column in described],
                    "partitioned by": [key["Name"] for key in table.get("PartitionKeys", [])],
                    "properties": {key: value for key, value in table.get("Parameters", {}).items() if key in PROPERTIES},
                    "description": table.get("Description"),
                    "rows": self.rows(database["Name"], table["Name"], without),
                }
        return found

    def rows(self, database: str, table: str, without: list[str]) -> list:
        athena = self.client("athena")
        query = athena.start_query_execution(
            QueryString=f'select * from "{database}"."{table}"', ResultConfiguration={"OutputLocation": "s3://results/builds/"}
        )["QueryExecutionId"]
        while True:
            status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
            if status["State"] in ("FAILED", "CANCELLED"):
                return [status.get("StateChangeReason")]
            if status["State"] == "SUCCEEDED":
                break
            time.sleep(0.02)
        rows = [row for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=query) for row in page["ResultSet"]["Rows"]]
        names = [cell.get("VarCharValue") for cell in rows[0]["Data"]]
        return sorted([timeless(cell.get("VarCharValue")) for name, cell in zip(names, row["Data"]) if name not in without] for row in rows[1:])


def pages(call, member: str, **arguments) -> list:
    found, token = [], {}
    while True:
        answer = call(**arguments, **token)
        found += answer[member]
        if not answer.get("NextToken"):
            return found
        token = {"NextToken": answer["NextToken"]}


def timeless(value) -> str:
    """A cell, without the time of the run and what is made of it."""
    if value is None:
        return "\0null"
    value = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?", lambda found: "<now>" if is_now(found[0]) else found[0], value)
    # A snapshot's dbt_scd_id, and the invocation's id.
    value = re.sub(r"^[0-9a-f]{32}$|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", value)
    # dbt-athena drops such spaces of whatever it sends, of literals too (COMPAT.md).
    return value.replace("\n\n    ", "\n")


def is_now(time: str) -> bool:
    return abs(datetime.fromisoformat(time[:19]) - datetime.utcnow()) < timedelta(hours=2)


def built(command: list[str], options, lakehouse: Lakehouse, out: Path, name: str) -> list:
    """What each run gave: exit code, statuses, tables."""
    target = options.project / "target"
    runs = []
    for number in range(options.times):
        shutil.rmtree(target, ignore_errors=True)
        arguments = ["build", *([] if options.with_sources else LEFT_OUT), "--profiles-dir", str(out / "profiles"), "--profile", "parity", "--target-path", "target", "--vars", options.vars]
        done = subprocess.run([*command, *arguments, *options.arguments], cwd=options.project, env=lakehouse.environment, capture_output=True, text=True)
        (out / f"{name}{number}.log").write_text(done.stdout + done.stderr)
        results = target / "run_results.json"
        found = json.loads(results.read_text())["results"] if results.exists() else []
        runs.append({
            "exit": done.returncode,
            "statuses": {one["unique_id"]: [one["status"], one.get("failures")] for one in found},
            "messages": {one["unique_id"]: one.get("message") for one in found},
            "responses": {one["unique_id"]: response(one) for one in found},
            "nodes": nodes(target / "manifest.json"),
            "tables": lakehouse.tables(options.without),
        })
    return runs


def response(result: dict) -> dict:
    """What run_results.json says of the warehouse's answer, but for sizes, and the executions that only Owlet tells."""
    return {key: value for key, value in result["adapter_response"].items() if key not in ("data_scanned_in_bytes", "query_execution_ids")}


def nodes(manifest: Path) -> dict:
    """Those that the run left in manifest.json, with what was compiled."""
    found = json.loads(manifest.read_text())["nodes"] if manifest.exists() else {}
    for node in found.values():
        node["compiled_code"] = without_run(node.get("compiled_code"))
        node["extra_ctes"] = [{**one, "sql": without_run(one["sql"])} for one in node.get("extra_ctes", [])]
        node["depends_on"] = comparable("macros", node)["depends_on"] | {"nodes": node["depends_on"].get("nodes")}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--owlet", required=True)
    parser.add_argument("--lake", metavar="BIN", help="an owlet that serves the lakehouses, if not the one that builds")
    parser.add_argument("--python", default=sys.executable, help="the Python that has dbt Core")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--vars", default="{}")
    parser.add_argument("--with-sources", action="store_true", help="seeds are what the sources name")
    parser.add_argument("--without", action="append", default=[], metavar="COLUMN", help="a column whose values are not compared")
    parser.add_argument("-v", "--verbose", action="store_true", help="every difference, not two of a kind")
    options = parser.parse_args()
    options.project, out = options.project.resolve(), options.out.resolve()
    (out / "profiles").mkdir(parents=True, exist_ok=True)
    (out / "profiles" / "profiles.yml").write_text(json.dumps(PROFILE))
    dbt = str(Path(options.python).absolute().parent / "dbt")
    runs = {}
    for name, command in (("dbt", [dbt]), ("owlet", [options.owlet])):
        with Lakehouse(options.lake or options.owlet, out / "lake") as lakehouse:
            runs[name] = built(command, options, lakehouse, out, name)
        (out / f"{name}.json").write_text(json.dumps(runs[name], indent=1))
    differing = 0
    for number, (ours, theirs) in enumerate(zip(runs["owlet"], runs["dbt"], strict=True)):
        found = list(differences(ours, theirs))
        differing += len(found)
        for member, of_one in grouped(found).items():
            print(f"{len(of_one):6}  run {number + 1}: {member}")
            for what, mine, judged in of_one[: None if options.verbose else 2]:
                print(f"          {what}\n            ours   {json.dumps(mine)[:700]}\n            theirs {json.dumps(judged)[:700]}")
        states = sorted({status for status, _ in theirs["statuses"].values()})
        counts = ", ".join(f"{sum(status == state for status, _ in theirs['statuses'].values())} {state}" for state in states)
        rows = sum(len(table["rows"]) for table in theirs["tables"].values())
        print(f"run {number + 1}: exit {theirs['exit']}; {counts or 'nothing'}; {len(theirs['tables'])} tables, {rows} rows; {len(found)} differences")
    return 1 if differing else 0


def differences(ours: dict, theirs: dict):
    if ours["exit"] != theirs["exit"]:
        yield "exit code", ours["exit"], theirs["exit"]
    for unique_id in [*theirs["statuses"], *(one for one in ours["statuses"] if one not in theirs["statuses"])]:
        mine, judged = (side["statuses"].get(unique_id) for side in (ours, theirs))
        if mine != judged:
            yield unique_id, [mine, ours["messages"].get(unique_id)], [judged, theirs["messages"].get(unique_id)]
        elif unique_id in theirs["responses"] and ours["responses"][unique_id] != theirs["responses"][unique_id]:
            yield f"{unique_id}: adapter_response", ours["responses"][unique_id], theirs["responses"][unique_id]
    for unique_id, judged in theirs["nodes"].items():
        for member, mine, their in members("", ours["nodes"].get(unique_id, {}), judged):
            # dbt-athena has none of a table that failed; Owlet wrote the statement (COMPAT.md).
            if member == "build_path" and their is None and theirs["statuses"].get(unique_id, [""])[0] == "error":
                continue
            yield f"{unique_id}: {member}", mine, their
    for name in [*theirs["tables"], *(one for one in ours["tables"] if one not in theirs["tables"])]:
        mine, judged = (side["tables"].get(name) for side in (ours, theirs))
        if mine is None or judged is None:
            yield name, mine and mine["type"], judged and judged["type"]
            continue
        # A seed's table says with Owlet what its files are (COMPAT.md).
        if "classification" not in judged["properties"]:
            mine["properties"].pop("classification", None)
        for member in judged:
            if mine[member] != judged[member]:
                yield f"{name}: {member}", *apart(mine[member], judged[member])


def grouped(found: list) -> dict:
    """By what stands after the colon."""
    groups = {}
    for one in found:
        groups.setdefault(one[0].partition(": ")[2] or "status", []).append(one)
    return groups


def apart(ours, theirs) -> tuple:
    """Of two lists: what only one of them has."""
    if not (isinstance(ours, list) and isinstance(theirs, list)):
        return ours, theirs
    only = [one for one in ours if one not in theirs], [one for one in theirs if one not in ours]
    return only if any(only) else (ours, theirs)


if __name__ == "__main__":
    sys.exit(main())
