"""PyAthena: the DB-API cursors and SQLAlchemy."""

import uuid
from datetime import date, datetime
from decimal import Decimal

import boto3
from pyathena import connect
from pyathena.cursor import DictCursor
from pyathena.error import DatabaseError, OperationalError
from pyathena.pandas.cursor import PandasCursor
from sqlalchemy import MetaData, Table, create_engine, inspect, text

import checks
from checks import equal

NAME = "p" + uuid.uuid4().hex[:8]
STAGING = f"s3://{NAME}/staging/"
ENDPOINT = boto3.client("s3").meta.endpoint_url
boto3.client("s3").create_bucket(Bucket=NAME)


def cursor(**arguments):
    return connect(s3_staging_dir=STAGING, schema_name=NAME, poll_interval=0.05, **arguments).cursor()


def check_setup():
    client = boto3.client("s3")
    client.put_object(Bucket=NAME, Key="many/rows.tsv", Body="".join(f"{number}\tname {number}\n" for number in range(3000)).encode())
    with cursor() as c:
        c.execute(f"CREATE DATABASE IF NOT EXISTS {NAME}")
        equal(c.description, [])
        c.execute(
            f"CREATE EXTERNAL TABLE {NAME}.many (id INT, name STRING) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' "
            f"STORED AS TEXTFILE LOCATION 's3://{NAME}/many/'"
        )


def check_cursor():
    with cursor() as c:
        c.execute("SELECT * FROM many ORDER BY id")
        equal(c.fetchone(), (0, "name 0"))
        equal(c.fetchmany(2), [(1, "name 1"), (2, "name 2")])
        equal(len(c.fetchall()), 2997)
        equal([column[:2] for column in c.description], [("id", "integer"), ("name", "varchar")])
        equal(c.output_location, f"{STAGING}{c.query_id}.csv")
        assert c.data_scanned_in_bytes > 0 and c.engine_execution_time_in_millis and c.total_execution_time_in_millis
        assert c.data_manifest_location is None
        equal(c.state, "SUCCEEDED")


def check_types():
    with cursor() as c:
        c.execute(
            "SELECT true AS a, CAST(1 AS tinyint) AS b, CAST(2 AS bigint) AS c, 0.5e0 AS d, DECIMAL '1.10' AS e, 'x' AS f, DATE '2020-01-15' AS g, "
            "TIMESTAMP '2020-01-15 12:34:56.789' AS h, ARRAY[1, 2] AS i, CAST(NULL AS varchar) AS j, '' AS k"
        )
        found = c.fetchone()
        expected = (True, 1, 2, 0.5, Decimal("1.10"), "x", date(2020, 1, 15), datetime(2020, 1, 15, 12, 34, 56, 789000), [1, 2], None, "")
        equal(tuple(found), expected)
        equal(c.description[4][4:6], (3, 2))


def check_parameters():
    with cursor() as c:
        c.execute("SELECT count(*) FROM many WHERE id < %(most)d AND name LIKE %(like)s", {"most": 100, "like": "name 1%"})
        equal(c.fetchone(), (11,))
        c.execute("SELECT name FROM many WHERE id = ?", ["7"], paramstyle="qmark")
        equal(c.fetchone(), ("name 7",))


def check_dict_cursor():
    with connect(s3_staging_dir=STAGING, schema_name=NAME, poll_interval=0.05, cursor_class=DictCursor).cursor() as c:
        c.execute("SELECT id, name FROM many WHERE id = 3")
        equal(c.fetchall(), [{"id": 3, "name": "name 3"}])


def check_pandas_cursor():
    with connect(s3_staging_dir=STAGING, schema_name=NAME, poll_interval=0.05, cursor_class=PandasCursor).cursor() as c:
        frame = c.execute("SELECT id, nullif(name, 'name 1') AS name FROM many WHERE id < 3 ORDER BY id").as_pandas()
        equal(list(frame["id"]), [0, 1, 2])
        equal([None if value != value else value for value in frame["name"]], ["name 0", None, "name 2"])


def check_errors():
    with cursor() as c:
        try:
            c.execute("SELECT nosuch FROM many")
        except OperationalError as error:
            assert "COLUMN_NOT_FOUND: line 1:8: Column 'nosuch' cannot be resolved" in str(error), error
        else:
            raise AssertionError("no error")
        try:
            c.execute("SELEC 1")
        except DatabaseError as error:
            assert "mismatched input 'SELEC'" in str(error), error
        else:
            raise AssertionError("no error")


def check_ctas_and_row_counts():
    with cursor() as c:
        c.execute("CREATE TABLE few WITH (format = 'PARQUET') AS SELECT * FROM many WHERE id < 5")
        equal([column[:2] for column in c.description], [("rows", "bigint")])
        equal(c.rowcount, 5)
        c.execute("INSERT INTO few VALUES (5, 'five')")
        equal(c.rowcount, 1)
        c.execute("SELECT count(*), max(name) FROM few")
        equal(c.fetchone(), (6, "name 4"))


def check_iceberg():
    with cursor() as c:
        c.execute(f"CREATE TABLE ice (id bigint, name string) LOCATION 's3://{NAME}/ice/' TBLPROPERTIES ('table_type'='ICEBERG')")
        c.execute("INSERT INTO ice SELECT id, name FROM many WHERE id < 10")
        equal(c.rowcount, 10)
        c.execute("UPDATE ice SET name = 'changed' WHERE id < 2")
        equal(c.rowcount, 2)
        c.execute("DELETE FROM ice WHERE id >= 8")
        equal(c.rowcount, 2)
        c.execute("MERGE INTO ice t USING (SELECT * FROM (VALUES (0, 'merged'), (100, 'new')) AS v(id, name)) s ON t.id = s.id "
                  "WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)")
        equal(c.rowcount, 2)
        c.execute("SELECT count(*), count_if(name = 'merged'), max(id) FROM ice")
        equal(c.fetchone(), (9, 1, 100))


def check_metadata():
    with cursor() as c:
        assert NAME in [database.name for database in c.list_databases("awsdatacatalog")]
        equal([column.name for column in c.get_table_metadata("many").columns], ["id", "name"])
        c.execute("SHOW COLUMNS IN many")
        equal([row[0] for row in c.fetchall()], ["id                  ", "name                "])
        c.execute("SHOW TABLES")
        assert ("many",) in c.fetchall()


def check_sqlalchemy():
    url = f"awsathena+rest://owlet:owlet@athena.us-east-1.amazonaws.com:443/{NAME}?s3_staging_dir={STAGING}&endpoint_url={ENDPOINT}&poll_interval=0.05"
    engine = create_engine(url)
    with engine.connect() as connection:
        equal(connection.execute(text("SELECT id, name FROM many WHERE id = :id"), {"id": 4}).fetchall(), [(4, "name 4")])
        assert "many" in inspect(engine).get_table_names()
        assert not inspect(engine).has_table("nosuch")
        table = Table("many", MetaData(), autoload_with=connection)
        equal([column.name for column in table.columns], ["id", "name"])
        equal(connection.execute(table.select().where(table.c.id == 9)).fetchall(), [(9, "name 9")])


def check_cleanup():
    with cursor() as c:
        c.execute(f"DROP DATABASE {NAME} CASCADE")


if __name__ == "__main__":
    checks.run(__name__)
