"""Reads the tables that examples/write_iceberg.rs wrote, with pyiceberg and DuckDB. Usage: check.py DIR [readable]"""

import datetime
import json
import pathlib
import sqlite3
import sys
from decimal import Decimal

import duckdb
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem
from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, IsNull, LessThan
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import StaticTable

ROOT = pathlib.Path(sys.argv[1])


class LakeIO(PyArrowFileIO):
    """s3://bucket/key is ROOT/s3/bucket/key."""

    def __init__(self, properties={}):
        super().__init__(properties)
        self.fs_by_scheme = lambda scheme, netloc=None: SubTreeFileSystem(str(ROOT / "s3"), LocalFileSystem())

    @staticmethod
    def parse_location(location, properties={}):
        scheme, _, path = location.partition("://")
        return scheme, path.split("/")[0], path


def row(number):
    """What batch() of the writer makes of a number."""
    name = None if number % 5 == 0 else f"n{number}"
    return {
        "id": number,
        "flag": number % 2 == 0,
        "name": name,
        "cost": number / 4,
        "money": Decimal(number) / 100,
        "day": datetime.date(1970, 1, 1) + datetime.timedelta(days=19_000 + number // 10),
        "at": datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=1_700_000_000_000_001 + number * 3_600_000_000),
        "clock": (datetime.datetime.min + datetime.timedelta(seconds=number)).time(),
        "tags": None if number % 4 == 0 else [f"t{tag}" for tag in range(number % 3)],
        "pair": {"x": number, "y": name},
        "extra": None,
    }


def ids(table, **scan):
    return sorted(table.scan(**scan).to_arrow()["id"].to_pylist())


def check(name, document):
    location = document["Parameters"]["metadata_location"]
    properties = {"py-io-impl": f"{LakeIO.__module__}.{LakeIO.__name__}"}
    table = StaticTable.from_metadata(location, properties)
    rows = sorted(table.scan().to_arrow().to_pylist(), key=lambda row: row["id"])
    assert rows == [row(number) for number in range(50)], (name, rows[:2], row(0))
    # Filters must prune without losing rows: the statistics and partition values in the manifests are right.
    for number in range(50):
        assert ids(table, row_filter=EqualTo("id", number)) == [number], (name, number)
    assert ids(table, row_filter=IsNull("name")) == list(range(0, 50, 5)), name
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=19_002)
    assert ids(table, row_filter=EqualTo("day", day.isoformat())) == list(range(20, 30)), name
    some = And(GreaterThanOrEqual("cost", 2.0), LessThan("cost", 3.0))
    assert ids(table, row_filter=some) == [8, 9, 10, 11], name
    # Time travel and what the snapshots say of themselves.
    history = sorted(table.metadata.snapshots, key=lambda snapshot: snapshot.sequence_number)
    assert [snapshot.summary.operation.value for snapshot in history] == ["append", "append", "overwrite"], name
    assert [len(ids(table, snapshot_id=snapshot.snapshot_id)) for snapshot in history] == [30, 60, 50], name
    assert [snapshot.sequence_number for snapshot in history] == [1, 2, 3], name
    totals = [int(snapshot.summary["total-records"]) for snapshot in history]
    assert totals == [30, 60, 50], (name, totals)
    files = table.inspect.files()
    assert int(history[-1].summary["total-data-files"]) == len(files), name
    assert int(history[-1].summary["total-files-size"]) == sum(files["file_size_in_bytes"].to_pylist()), name
    # The files themselves, with an engine that knows nothing of Iceberg.
    paths = [str(ROOT / "s3" / path.removeprefix("s3://")) for path in files["file_path"].to_pylist()]
    counted = duckdb.sql(f"select count(*), sum(id), count(name), max(len(tags)) from read_parquet({paths!r}, hive_partitioning = false)").fetchall()[0]
    assert counted == (50, sum(range(50)), 40, 2), (name, counted)
    print(f"{name}: {len(rows)} rows, {len(files)} files, {len(history)} snapshots: the same in pyiceberg and DuckDB")


def readable(name, document):
    """After a writer was killed: every committed state is whole."""
    location = document["Parameters"]["metadata_location"]
    table = StaticTable.from_metadata(location, {"py-io-impl": f"{LakeIO.__module__}.{LakeIO.__name__}"})
    found = ids(table) if table.metadata.snapshots else []
    assert found in ([], list(range(30)), list(range(60)), list(range(50))), (name, found)
    return len(found)


def main():
    if sys.argv[2:] == ["readable"]:
        database = sqlite3.connect(ROOT / "owlet.db")
        # It may have died before it had made its tables.
        begun = database.execute("select 1 from sqlite_master where name = 'glue_table'").fetchall()
        rows = database.execute("select name, document from glue_table").fetchall() if begun else []
        print("after the kill:", {name: readable(name, json.loads(document)) for name, document in rows})
        return
    database = sqlite3.connect(ROOT / "owlet.db")
    tables = database.execute("select name, document from glue_table order by name").fetchall()
    assert len(tables) == 5
    for name, document in tables:
        check(name, json.loads(document))


# pyiceberg imports the FileIO by its module's name.
if __name__ == "__main__":
    sys.modules["check"] = sys.modules["__main__"]
    LakeIO.__module__ = "check"
    main()
