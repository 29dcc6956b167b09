"""awswrangler: frames to Parquet datasets and back, with and without CTAS."""

import datetime
import uuid

import awswrangler as wr
import boto3
import pandas as pd

import checks
from checks import equal

NAME = "w" + uuid.uuid4().hex[:8]
RESULTS = f"s3://{NAME}/results/"
boto3.client("s3").create_bucket(Bucket=NAME)

FRAME = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "name": ["one", None, "three \"quoted\""],
        "price": [1.5, 2.0, None],
        "day": [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2), datetime.date(2020, 1, 3)],
        "kind": ["a", "b", "a"],
    }
)


def check_write_dataset():
    wr.catalog.create_database(NAME, exist_ok=True)
    assert NAME in wr.catalog.databases()["Database"].values
    written = wr.s3.to_parquet(FRAME, path=f"s3://{NAME}/sales/", dataset=True, database=NAME, table="sales", partition_cols=["kind"])
    equal(len(written["paths"]), 2)
    equal(wr.catalog.does_table_exist(NAME, "sales"), True)
    equal(wr.catalog.get_table_types(NAME, "sales"), {"id": "bigint", "name": "string", "price": "double", "day": "date", "kind": "string"})
    equal(sorted(wr.catalog.get_parquet_partitions(NAME, "sales").values()), [["a"], ["b"]])


def check_read_with_ctas():
    found = wr.athena.read_sql_query("SELECT * FROM sales ORDER BY id", database=NAME, s3_output=RESULTS, ctas_approach=True)
    equal(sorted(found["id"]), [1, 2, 3])
    equal({row.id: row.kind for row in found.itertuples()}, {1: "a", 2: "b", 3: "a"})


def check_read_without_ctas():
    found = wr.athena.read_sql_query("SELECT * FROM sales ORDER BY id", database=NAME, s3_output=RESULTS, ctas_approach=False)
    equal(list(found["id"]), [1, 2, 3])
    equal([None if pd.isna(value) else value for value in found["name"]], ["one", None, "three \"quoted\""])
    equal([None if pd.isna(value) else value for value in found["price"]], [1.5, 2.0, None])
    equal(list(found["day"]), list(FRAME["day"]))


def check_read_in_chunks():
    chunks = wr.athena.read_sql_query("SELECT id FROM sales", database=NAME, s3_output=RESULTS, ctas_approach=False, chunksize=2)
    equal(sorted(value for chunk in chunks for value in chunk["id"]), [1, 2, 3])


def check_parameters():
    found = wr.athena.read_sql_query(
        "SELECT id FROM sales WHERE kind = ?", params=["b"], paramstyle="qmark", database=NAME, s3_output=RESULTS, ctas_approach=False
    )
    equal(list(found["id"]), [2])


def check_unload():
    found = wr.athena.read_sql_query("SELECT id, kind FROM sales", database=NAME, s3_output=f"s3://{NAME}/unload/", ctas_approach=False, unload_approach=True)
    equal(sorted(found["id"]), [1, 2, 3])


def check_append_and_overwrite():
    more = FRAME.assign(id=[4, 5, 6])
    wr.s3.to_parquet(more, path=f"s3://{NAME}/sales/", dataset=True, database=NAME, table="sales", partition_cols=["kind"], mode="append")
    equal(wr.athena.read_sql_query("SELECT count(*) AS n FROM sales", database=NAME, s3_output=RESULTS, ctas_approach=False)["n"][0], 6)
    wr.s3.to_parquet(FRAME, path=f"s3://{NAME}/sales/", dataset=True, database=NAME, table="sales", partition_cols=["kind"], mode="overwrite")
    equal(wr.athena.read_sql_query("SELECT count(*) AS n FROM sales", database=NAME, s3_output=RESULTS, ctas_approach=False)["n"][0], 3)


def check_csv_and_read_table():
    wr.s3.to_csv(FRAME[["id", "kind"]], path=f"s3://{NAME}/csv/", dataset=True, database=NAME, table="csv", index=False)
    found = wr.athena.read_sql_table("csv", database=NAME, s3_output=RESULTS, ctas_approach=False)
    equal(sorted(zip(found["id"], found["kind"])), [(1, "a"), (2, "b"), (3, "a")])


def check_catalog():
    columns = wr.catalog.table(NAME, "sales")
    equal(list(columns["Column Name"]), ["id", "name", "price", "day", "kind"])
    equal(list(columns["Partition"]), [False, False, False, False, True])
    assert "sales" in [table["Name"] for table in wr.catalog.get_tables(database=NAME)]
    equal(list(wr.catalog.search_tables(text="sales"))[0]["Name"], "sales")
    described = wr.athena.describe_table("sales", database=NAME, s3_output=RESULTS)
    assert list(described["Column Name"]) == ["id", "name", "price", "day", "kind"], described


def check_repair_table():
    wr.s3.to_parquet(FRAME[["id"]], path=f"s3://{NAME}/sales/kind=c/part.parquet")
    equal(wr.athena.repair_table("sales", database=NAME, s3_output=RESULTS), "SUCCEEDED")
    equal(sorted(wr.catalog.get_parquet_partitions(NAME, "sales").values()), [["a"], ["b"], ["c"]])


def check_failed_query():
    try:
        wr.athena.read_sql_query("SELECT * FROM nosuch", database=NAME, s3_output=RESULTS, ctas_approach=False)
    except wr.exceptions.QueryFailed as error:
        assert "TABLE_NOT_FOUND" in str(error), error
    else:
        raise AssertionError("no error")


def check_iceberg():
    wr.athena.to_iceberg(FRAME[["id", "kind"]], database=NAME, table="ice", temp_path=f"s3://{NAME}/temp/", table_location=f"s3://{NAME}/ice/", s3_output=RESULTS)
    found = wr.athena.read_sql_query("SELECT * FROM ice ORDER BY id", database=NAME, s3_output=RESULTS, ctas_approach=False)
    equal(list(found["kind"]), ["a", "b", "a"])


def check_delete():
    equal(wr.catalog.delete_table_if_exists(NAME, "sales"), True)
    equal(wr.catalog.does_table_exist(NAME, "sales"), False)
    wr.s3.delete_objects(f"s3://{NAME}/sales/")
    equal(wr.s3.list_objects(f"s3://{NAME}/sales/"), [])
    wr.catalog.delete_database(NAME)


if __name__ == "__main__":
    checks.run(__name__)
