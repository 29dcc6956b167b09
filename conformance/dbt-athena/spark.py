"""A stand-in for Athena for Apache Spark before a lakehouse that has none: it passes every call on, but runs calculations itself, with a
`spark` that turns what dbt's code does with data frames into SQL for the lakehouse.

    spark.py PORT ENDPOINT LOG

LOG gets a line of JSON for each session that starts or ends, and each calculation.
"""

import http.client
import json
import re
import sys
import threading
import time
import traceback
import types
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import boto3

PORT, ENDPOINT, LOG = int(sys.argv[1]), sys.argv[2], sys.argv[3]
athena, glue, s3 = [boto3.client(name, endpoint_url=ENDPOINT) for name in ("athena", "glue", "s3")]


def log(**line):
    with open(LOG, "a") as file:
        file.write(json.dumps(line) + "\n")


def query(sql):
    started = athena.start_query_execution(QueryString=sql, ResultConfiguration={"OutputLocation": "s3://results/spark/"})
    while True:
        found = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]
        if found["Status"]["State"] in ("SUCCEEDED", "FAILED"):
            break
        time.sleep(0.01)
    if found["Status"]["State"] == "FAILED":
        raise RuntimeError(f"{found['Status']['StateChangeReason']}\n{sql}")
    return athena.get_query_results(QueryExecutionId=started["QueryExecutionId"])["ResultSet"]


def split(location):
    url = urlsplit(location)
    return url.netloc, url.path.lstrip("/").rstrip("/") + "/"


class DataFrame:
    def __init__(self, sql, spark):
        self.sql, self.spark = sql, spark

    def columns(self):
        return [column["Name"] for column in query(f"select * from ({self.sql}) limit 0")["ResultSetMetadata"]["ColumnInfo"]]

    def select(self, *names):
        return DataFrame(f"select {', '.join(names)} from ({self.sql})", self.spark)

    def filter(self, condition):
        return DataFrame(f"select * from ({self.sql}) where {condition}", self.spark)

    def limit(self, count):
        return DataFrame(f"select * from ({self.sql}) limit {count}", self.spark)

    def createOrReplaceTempView(self, name):
        self.spark.views[name] = self.sql

    @property
    def write(self):
        return Writer(self)


class Writer:
    def __init__(self, frame):
        self.frame, self.options, self.partitions = frame, {}, []

    def format(self, name):
        self.options["format"] = name
        return self

    def mode(self, name):
        assert name == "overwrite", name
        return self

    def option(self, key, value):
        self.options[key] = value
        return self

    def partitionBy(self, names):
        self.partitions = names
        return self

    def saveAsTable(self, name):
        schema, table = name.split(".")
        try:
            glue.delete_table(DatabaseName=schema, Name=table)
        except glue.exceptions.EntityNotFoundException:
            pass
        bucket, prefix = split(self.options["path"])
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=item["Key"])
        # Spark puts them behind the others.
        columns = [name for name in self.frame.columns() if name not in self.partitions] + self.partitions
        keys = "partitioned_by=ARRAY[" + ", ".join(f"'{key}'" for key in self.partitions) + "], " if self.partitions else ""
        path = self.options["path"].rstrip("/") + "/"
        query(
            f"create table \"{schema}\".\"{table}\" with (external_location='{path}', {keys}format='{self.options['format']}') "
            f"as select {', '.join(columns)} from ({self.frame.sql})"
        )


class Spark:
    def __init__(self):
        self.views = {}

    def table(self, name):
        return DataFrame(f"select * from {name}", self)

    def createDataFrame(self, frame):
        rows = zip(*frame.values())
        values = ", ".join("(" + ", ".join(repr(value) for value in row) + ")" for row in rows)
        return DataFrame(f"select * from (values {values}) as t({', '.join(frame)})", self)

    def sql(self, text):
        for name, sql in self.views.items():
            text = re.sub(rf"\b{name}\b", f"({sql})", text)
        created = re.match(
            r"\s*create table (\w+)\.(\w+)\s+using iceberg\s+location '([^']*)'\s*(?:partitioned by\s*\(([^)]*)\))?\s*as\s(.*)", text, re.S
        )
        if not created:
            return DataFrame(text, self)
        schema, table, location, keys, rows = created.groups()
        keys = "partitioning=ARRAY[" + ", ".join(f"'{key.strip()}'" for key in keys.split(",")) + "], " if keys else ""
        query(
            f"create table \"{schema}\".\"{table}\" with (table_type='ICEBERG', is_external=false, {keys}location='{location}') as {rows}"
        )


# What the code imports. A pandas frame is its columns.
pandas, pyspark = types.ModuleType("pandas"), types.ModuleType("pyspark")
pandas.DataFrame = type("DataFrame", (dict,), {})
pandas.core = types.SimpleNamespace(frame=types.SimpleNamespace(DataFrame=pandas.DataFrame))
pyspark.sql = types.SimpleNamespace(DataFrame=DataFrame, dataframe=types.SimpleNamespace(DataFrame=DataFrame))
sys.modules |= {"pandas": pandas, "pyspark": pyspark}

sessions, calculations, lock = {}, {}, threading.Lock()


def calculate(identity, session, code):
    calculation = calculations[identity]
    try:
        exec(compile(code, "<calculation>", "exec"), {"spark": Spark(), "__name__": "__main__"})
        state = "COMPLETED"
    except BaseException:
        state = "FAILED"
        s3.put_object(Bucket="results", Key=f"spark/{identity}/stderr", Body=traceback.format_exc().encode())
    calculation["Result"] = {"StdErrorS3Uri": f"s3://results/spark/{identity}/stderr", "ResultType": "text/plain"}
    sessions[session] = "IDLE"
    calculation["Status"] = {"State": state}


def answer(operation, request):
    """The body of an answer and its status; None for what the lakehouse answers."""
    with lock:
        if operation == "StartSession":
            identity = str(uuid.uuid4())
            sessions[identity] = "CREATING"
            log(start=identity, group=request["WorkGroup"], engine=request["EngineConfiguration"], idle=request["SessionIdleTimeoutInMinutes"])
            return {"SessionId": identity, "State": "CREATING"}, 200
        if operation == "GetSessionStatus":
            state = sessions[request["SessionId"]]
            if state == "CREATING":
                sessions[request["SessionId"]] = "IDLE"
            return {"SessionId": request["SessionId"], "Status": {"State": state}}, 200
        if operation == "TerminateSession":
            sessions[request["SessionId"]] = "TERMINATED"
            log(end=request["SessionId"])
            return {"State": "TERMINATED"}, 200
        if operation == "StartCalculationExecution":
            session = request["SessionId"]
            if sessions[session] == "BUSY":
                message = "Session is in the BUSY state; needs to be IDLE to accept Calculations."
                return {"__type": "InvalidRequestException", "Message": message}, 400
            sessions[session] = "BUSY"
            identity = str(uuid.uuid4())
            calculations[identity] = {"CalculationExecutionId": identity, "SessionId": session, "Status": {"State": "RUNNING"}}
            threading.Thread(target=calculate, args=(identity, session, request["CodeBlock"]), daemon=True).start()
            return {"CalculationExecutionId": identity, "State": "CREATED"}, 200
        if operation == "GetCalculationExecution":
            return calculations[request["CalculationExecutionId"]], 200
    return None, None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = (self.headers.get("X-Amz-Target") or "").removeprefix("AmazonAthena.")
        found, status = answer(operation, json.loads(body)) if operation and body.startswith(b"{") else (None, None)
        if found is not None:
            text = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
        else:
            connection = http.client.HTTPConnection(urlsplit(ENDPOINT).netloc)
            headers = {key: value for key, value in self.headers.items() if key.lower() != "connection"}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            text = response.read()
            self.send_response(response.status)
            for key, value in response.getheaders():
                if key.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                    self.send_header(key, value)
            if self.command == "HEAD":
                self.send_header("Content-Length", response.getheader("Content-Length") or "0")
                self.end_headers()
                return
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
