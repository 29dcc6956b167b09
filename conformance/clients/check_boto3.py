"""boto3: every service of the lakehouse through the client that most others are built on."""

import http.client
import io
import time
import urllib.request
import uuid
from urllib.parse import urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

import checks
from checks import equal, refused

NAME = "b" + uuid.uuid4().hex[:8]
athena = boto3.client("athena")
glue = boto3.client("glue")
lake_formation = boto3.client("lakeformation")
s3 = boto3.client("s3")


def run(sql, **arguments):
    started = athena.start_query_execution(QueryString=sql, **arguments)
    return wait(started["QueryExecutionId"])


def wait(query_execution_id):
    end = time.monotonic() + 60
    while True:
        execution = athena.get_query_execution(QueryExecutionId=query_execution_id)["QueryExecution"]
        if execution["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return execution
        assert time.monotonic() < end, execution
        time.sleep(0.02)


def succeed(sql, **arguments):
    execution = run(sql, **arguments)
    assert execution["Status"]["State"] == "SUCCEEDED", f"{sql}: {execution['Status']}"
    return execution


def rows(execution, **arguments):
    answer = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"], **arguments)
    return [[value.get("VarCharValue") for value in row["Data"]] for row in answer["ResultSet"]["Rows"]]


def read(location):
    bucket, key = location.removeprefix("s3://").split("/", 1)
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def check_identity():
    identity = boto3.client("sts").get_caller_identity()
    assert len(identity["Account"]) == 12 and identity["Arn"].endswith(":root"), identity


def check_assumed_role_is_accepted():
    sts = boto3.client("sts")
    role = sts.assume_role(RoleArn="arn:aws:iam::000000000000:role/etl", RoleSessionName="check")
    keys = role["Credentials"]
    assert role["AssumedRoleUser"]["Arn"].endswith("assumed-role/etl/check"), role
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    session.client("athena").get_work_group(WorkGroup="primary")


def check_buckets_and_objects():
    s3.create_bucket(Bucket=NAME)
    assert NAME in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.head_bucket(Bucket=NAME)
    stored = s3.put_object(Bucket=NAME, Key="a b/ü=1+%.txt", Body=b"hello world", ContentType="text/plain", Metadata={"who": "me"})
    equal(stored["ETag"], '"5eb63bbbe01eeed093cb22bb8f5acdc3"')
    read = s3.get_object(Bucket=NAME, Key="a b/ü=1+%.txt")
    equal((read["Body"].read(), read["ContentType"], read["Metadata"]), (b"hello world", "text/plain", {"who": "me"}))
    part = s3.get_object(Bucket=NAME, Key="a b/ü=1+%.txt", Range="bytes=6-")
    equal((part["Body"].read(), part["ContentRange"]), (b"world", "bytes 6-10/11"))
    equal(s3.get_object(Bucket=NAME, Key="a b/ü=1+%.txt", Range="bytes=-3")["Body"].read(), b"rld")
    equal(s3.head_object(Bucket=NAME, Key="a b/ü=1+%.txt")["ContentLength"], 11)
    refused("404", s3.head_object, Bucket=NAME, Key="none")
    equal(refused("NoSuchKey", s3.get_object, Bucket=NAME, Key="none"), "The specified key does not exist.")
    refused("NoSuchBucket", s3.list_objects_v2, Bucket=NAME + "none")
    refused("PreconditionFailed", s3.put_object, Bucket=NAME, Key="a b/ü=1+%.txt", Body=b"", IfNoneMatch="*")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=NAME)


def check_what_no_bucket_has():
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket=NAME)
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=NAME)
    refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=NAME)
    refused("NoSuchBucket", s3.get_bucket_policy, Bucket=NAME + "none")
    equal(s3.get_bucket_versioning(Bucket=NAME).get("Status"), None)
    equal(s3.get_bucket_acl(Bucket=NAME)["Grants"][0]["Permission"], "FULL_CONTROL")
    equal(s3.get_bucket_location(Bucket=NAME)["LocationConstraint"], None)


def check_listings():
    for number in range(25):
        s3.put_object(Bucket=NAME, Key=f"list/d={number % 5}/{number:02}", Body=b"x")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=NAME, Prefix="list/", PaginationConfig={"PageSize": 10}))
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    equal((len(pages), len(keys), keys), (3, 25, sorted(keys)))
    folders = s3.list_objects_v2(Bucket=NAME, Prefix="list/", Delimiter="/")
    equal([folder["Prefix"] for folder in folders["CommonPrefixes"]], [f"list/d={number}/" for number in range(5)])
    # ListObjects of version 1, as the resource has it.
    bucket = boto3.resource("s3").Bucket(NAME)
    equal(len(list(bucket.objects.filter(Prefix="list/").page_size(7))), 25)
    bucket.objects.filter(Prefix="list/").delete()
    equal(s3.list_objects_v2(Bucket=NAME, Prefix="list/")["KeyCount"], 0)


def check_copy_and_delete():
    s3.put_object(Bucket=NAME, Key="from/a b", Body=b"copied", Metadata={"k": "v"})
    s3.copy_object(Bucket=NAME, Key="to", CopySource={"Bucket": NAME, "Key": "from/a b"})
    copy = s3.get_object(Bucket=NAME, Key="to")
    equal((copy["Body"].read(), copy["Metadata"]), (b"copied", {"k": "v"}))
    answer = s3.delete_objects(Bucket=NAME, Delete={"Objects": [{"Key": "to"}, {"Key": "from/a b"}, {"Key": "never"}]})
    equal(len(answer["Deleted"]), 3)
    s3.delete_object(Bucket=NAME, Key="never")


def check_multipart():
    body = bytes(range(256)) * (11 * 4096)
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.upload_fileobj(io.BytesIO(body), NAME, "large", Config=config)
    head = s3.head_object(Bucket=NAME, Key="large")
    equal(head["ContentLength"], len(body))
    assert head["ETag"].endswith('-3"'), head["ETag"]
    found = io.BytesIO()
    s3.download_fileobj(NAME, "large", found, Config=config)
    assert found.getvalue() == body
    upload = s3.create_multipart_upload(Bucket=NAME, Key="aborted")["UploadId"]
    s3.upload_part(Bucket=NAME, Key="aborted", UploadId=upload, PartNumber=1, Body=b"x")
    equal([part["PartNumber"] for part in s3.list_parts(Bucket=NAME, Key="aborted", UploadId=upload)["Parts"]], [1])
    s3.abort_multipart_upload(Bucket=NAME, Key="aborted", UploadId=upload)
    refused("NoSuchUpload", s3.list_parts, Bucket=NAME, Key="aborted", UploadId=upload)


def check_presigned_urls():
    for config in (Config(signature_version="s3v4"), Config(signature_version="s3"), None):
        client = boto3.client("s3", config=config)
        url = client.generate_presigned_url("put_object", Params={"Bucket": NAME, "Key": "signed url"})
        urllib.request.urlopen(urllib.request.Request(url, data=b"by url", method="PUT")).close()
        url = client.generate_presigned_url("get_object", Params={"Bucket": NAME, "Key": "signed url", "ResponseContentType": "text/x"})
        with urllib.request.urlopen(url) as answer:
            equal((answer.read(), answer.headers["Content-Type"]), (b"by url", "text/x"))


def check_virtual_host_style():
    # Not by name: few resolvers know `bucket.localhost`.
    server = urlsplit(s3.meta.endpoint_url)
    host = f"{NAME}.localhost:{server.port}"
    for method, body in (("PUT", b"by host"), ("GET", None)):
        connection = http.client.HTTPConnection(server.hostname, server.port)
        connection.request(method, "/virtual/key", body=body, headers={"Host": host})
        answer = connection.getresponse()
        equal((answer.status, answer.read()), (200, b"" if body else b"by host"))
        connection.close()
    equal(s3.get_object(Bucket=NAME, Key="virtual/key")["Body"].read(), b"by host")


def check_checksums():
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        s3.put_object(Bucket=NAME, Key="sum", Body=b"summed", ChecksumAlgorithm=algorithm)
        found = s3.get_object(Bucket=NAME, Key="sum", ChecksumMode="ENABLED")
        equal(found["Body"].read(), b"summed")
        assert found.get(f"Checksum{algorithm}"), found
    refused("BadDigest", s3.put_object, Bucket=NAME, Key="wrong", Body=b"summed", ChecksumCRC32="AAAAAA==")
    refused("404", s3.head_object, Bucket=NAME, Key="wrong")


def check_glue_tables():
    glue.create_database(DatabaseInput={"Name": NAME})
    refused("AlreadyExistsException", glue.create_database, DatabaseInput={"Name": NAME})
    storage = {
        "Columns": [{"Name": "id", "Type": "bigint"}],
        "Location": f"s3://{NAME}/t/",
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", "Parameters": {"field.delim": ","}},
    }
    table = {"Name": "T", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage, "PartitionKeys": [{"Name": "d", "Type": "string"}]}
    glue.create_table(DatabaseName=NAME, TableInput=table)
    found = glue.get_table(DatabaseName=NAME, Name="t")["Table"]
    equal((found["Name"], found["VersionId"], found["Parameters"]), ("t", "0", {}))
    glue.update_table(DatabaseName=NAME, TableInput={**table, "Name": "t", "Description": "changed"}, VersionId="0")
    refused("ConcurrentModificationException", glue.update_table, DatabaseName=NAME, TableInput=table, VersionId="0")
    equal([version["VersionId"] for version in glue.get_table_versions(DatabaseName=NAME, TableName="t")["TableVersions"]], ["1", "0"])
    refused("EntityNotFoundException", glue.get_table, DatabaseName=NAME, Name="none")
    equal([table["Name"] for page in glue.get_paginator("get_tables").paginate(DatabaseName=NAME) for table in page["TableList"]], ["t"])


def check_glue_partitions_are_queried():
    for day, text in (("1", b"1\n2\n"), ("2", b"3\n")):
        s3.put_object(Bucket=NAME, Key=f"t/d={day}/data.csv", Body=text)
    storage = glue.get_table(DatabaseName=NAME, Name="t")["Table"]["StorageDescriptor"]
    inputs = [{"Values": [day], "StorageDescriptor": {**storage, "Location": f"s3://{NAME}/t/d={day}/"}} for day in ("1", "2")]
    equal(glue.batch_create_partition(DatabaseName=NAME, TableName="t", PartitionInputList=inputs)["Errors"], [])
    errors = glue.batch_create_partition(DatabaseName=NAME, TableName="t", PartitionInputList=inputs[:1])["Errors"]
    equal(errors[0]["ErrorDetail"]["ErrorCode"], "AlreadyExistsException")
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=NAME, TableName="t", Expression="d > '1'")
    equal([partition["Values"] for page in pages for partition in page["Partitions"]], [["2"]])
    execution = succeed(f"SELECT d, sum(id) AS total FROM {NAME}.t GROUP BY d ORDER BY d")
    equal(rows(execution), [["d", "total"], ["1", "3"], ["2", "3"]])
    assert execution["Statistics"]["DataScannedInBytes"] == 6, execution["Statistics"]
    equal(rows(succeed(f"SHOW PARTITIONS {NAME}.t")), [["d=1"], ["d=2"]])
    glue.delete_partition(DatabaseName=NAME, TableName="t", PartitionValues=["2"])
    equal(rows(succeed(f"SELECT count(*) FROM {NAME}.t"))[1], ["2"])


def check_lake_formation():
    account = boto3.client("sts").get_caller_identity()["Account"]
    database, table = {"Database": {"Name": NAME}}, {"DatabaseName": NAME, "Name": "t"}
    columns = {"TableWithColumns": {**table, "ColumnNames": ["id"]}}
    for resource, key in ((database, "team"), ({"Table": table}, "domain"), (columns, "pii")):
        tags = [{"TagKey": key, "TagValues": ["x"]}]
        equal(lake_formation.add_lf_tags_to_resource(Resource=resource, LFTags=tags)["Failures"], [])
    found = lake_formation.get_resource_lf_tags(Resource={"Table": table})
    equal([tag["TagKey"] for tag in found["LFTagsOnTable"]], ["domain", "team"])
    equal([(column["Name"], column["LFTags"][0]["TagKey"]) for column in found["LFTagsOnColumns"]], [("id", "pii")])
    found = lake_formation.get_resource_lf_tags(Resource={"Table": table}, ShowAssignedLFTags=True)
    equal([tag["TagKey"] for tag in found["LFTagsOnTable"]], ["domain"])
    tags = [{"TagKey": key, "TagValues": ["x"]} for key in ("domain", "team")]
    failures = lake_formation.remove_lf_tags_from_resource(Resource={"Table": table}, LFTags=tags)["Failures"]
    equal([failure["LFTag"]["TagKey"] for failure in failures], ["team"])
    refused("EntityNotFoundException", lake_formation.get_resource_lf_tags, Resource={"Table": {**table, "Name": "none"}})

    of = {"TableCatalogId": account, "DatabaseName": NAME, "TableName": "t", "Name": "ours"}
    rows = {"RowFilter": {"FilterExpression": "id = 1"}, "ColumnWildcard": {"ExcludedColumnNames": []}}
    lake_formation.create_data_cells_filter(TableData={**of, **rows})
    refused("AlreadyExistsException", lake_formation.create_data_cells_filter, TableData={**of, **rows})
    lake_formation.update_data_cells_filter(TableData={**of, **rows, "RowFilter": {"AllRowsWildcard": {}}})
    filters = lake_formation.list_data_cells_filter(Table={"CatalogId": account, **table})["DataCellsFilters"]
    equal([(item["Name"], item["RowFilter"]) for item in filters], [("ours", {"AllRowsWildcard": {}})])
    entry = {
        "Id": "1",
        "Principal": {"DataLakePrincipalIdentifier": f"arn:aws:iam::{account}:role/reader"},
        "Resource": {"DataCellsFilter": of},
        "Permissions": ["SELECT"],
    }
    equal(lake_formation.batch_grant_permissions(Entries=[entry])["Failures"], [])
    granted = lake_formation.list_permissions(Resource={"DataCellsFilter": of})["PrincipalResourcePermissions"]
    equal([(one["Principal"], one["Permissions"]) for one in granted], [(entry["Principal"], ["SELECT"])])
    equal(lake_formation.batch_revoke_permissions(Entries=[entry])["Failures"], [])
    equal(len(lake_formation.batch_revoke_permissions(Entries=[entry])["Failures"]), 1)
    lake_formation.delete_data_cells_filter(**of)
    refused("EntityNotFoundException", lake_formation.list_permissions, Resource={"DataCellsFilter": of})
    refused("NotImplementedException", lake_formation.list_lf_tags)


def check_query_pages_and_file():
    execution = succeed("SELECT x, CAST(x AS double) / 2 AS half FROM UNNEST(sequence(1, 2500)) AS t(x) ORDER BY x")
    query_execution_id = execution["QueryExecutionId"]
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_execution_id)
    found = [row["Data"][0]["VarCharValue"] for page in pages for row in page["ResultSet"]["Rows"]]
    equal(found, ["x"] + [str(number) for number in range(1, 2501)])
    first = athena.get_query_results(QueryExecutionId=query_execution_id, MaxResults=1)
    columns = first["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    equal([(column["Name"], column["Type"], column["Precision"]) for column in columns], [("x", "bigint", 19), ("half", "double", 17)])
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location.endswith(f"/{query_execution_id}.csv"), location
    lines = read(location).decode().splitlines()
    equal((len(lines), lines[:2]), (2501, ['"x","half"', '"1","0.5"']))
    assert read(location + ".metadata").startswith(b"\n")


def check_output_location_of_the_request():
    # A bucket that is not there is made.
    execution = succeed("SELECT 1", ResultConfiguration={"OutputLocation": f"s3://{NAME}-made/"})
    equal(read(execution["ResultConfiguration"]["OutputLocation"]), b'"_col0"\n"1"\n')
    execution = succeed("SELECT 1", ResultConfiguration={"OutputLocation": f"s3://{NAME}/results"})
    equal(execution["ResultConfiguration"]["OutputLocation"], f"s3://{NAME}/results/{execution['QueryExecutionId']}.csv")
    equal(read(execution["ResultConfiguration"]["OutputLocation"]), b'"_col0"\n"1"\n')


def check_failures():
    message = refused("InvalidRequestException", athena.start_query_execution, QueryString="SELEC 1")
    assert message.startswith("line 1:1: mismatched input 'SELEC'. Expecting: "), message
    execution = run(f"SELECT * FROM {NAME}.nosuch")
    equal(execution["Status"]["State"], "FAILED")
    reason = execution["Status"]["StateChangeReason"]
    equal(reason, f"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{NAME}.nosuch' does not exist")
    error = execution["Status"]["AthenaError"]
    equal((error["ErrorCategory"], error["ErrorType"], error["ErrorMessage"]), (2, 1301, reason))
    refused("InvalidRequestException", athena.get_query_results, QueryExecutionId=execution["QueryExecutionId"])
    equal(run("SELECT 1 / 0")["Status"]["StateChangeReason"], "DIVISION_BY_ZERO: Division by zero")


def check_parameters_and_prepared_statements():
    equal(rows(succeed("SELECT ? AS a, ? AS b", ExecutionParameters=["'x'", "1 + 1"])), [["a", "b"], ["x", "2"]])
    athena.create_prepared_statement(StatementName=NAME, WorkGroup="primary", QueryStatement="SELECT ? AS a")
    equal(rows(succeed(f"EXECUTE {NAME} USING 'y'")), [["a"], ["y"]])
    equal(rows(succeed(f"EXECUTE {NAME}", ExecutionParameters=["z"])), [["a"], ["z"]])
    athena.delete_prepared_statement(StatementName=NAME, WorkGroup="primary")


def check_cancel():
    sql = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), UNNEST(sequence(1, 10000)) c(z) WHERE x * y + z = -1"
    query_execution_id = athena.start_query_execution(QueryString=sql)["QueryExecutionId"]
    athena.stop_query_execution(QueryExecutionId=query_execution_id)
    status = wait(query_execution_id)["Status"]
    equal((status["State"], status["StateChangeReason"]), ("CANCELLED", "Query cancelled by user"))


def check_metadata_and_lists():
    databases = [database["Name"] for page in athena.get_paginator("list_databases").paginate(CatalogName="AwsDataCatalog") for database in page["DatabaseList"]]
    assert NAME in databases, databases
    pages = athena.get_paginator("list_table_metadata").paginate(CatalogName="AwsDataCatalog", DatabaseName=NAME)
    equal([table["Name"] for page in pages for table in page["TableMetadataList"]], ["t"])
    table = athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName=NAME, TableName="t")["TableMetadata"]
    equal(table["Parameters"]["location"], f"s3://{NAME}/t/")
    refused("MetadataException", athena.get_table_metadata, CatalogName="AwsDataCatalog", DatabaseName=NAME, TableName="none")
    newest = succeed("SELECT 'newest'")["QueryExecutionId"]
    equal(athena.list_query_executions(MaxResults=1)["QueryExecutionIds"], [newest])
    batch = athena.batch_get_query_execution(QueryExecutionIds=[newest, str(uuid.uuid4())])
    equal((len(batch["QueryExecutions"]), len(batch["UnprocessedQueryExecutionIds"])), (1, 1))


def check_work_groups():
    configuration = {"ResultConfiguration": {"OutputLocation": f"s3://{NAME}/enforced/"}, "EnforceWorkGroupConfiguration": True}
    athena.create_work_group(Name=NAME, Configuration=configuration)
    execution = succeed("SELECT 1", WorkGroup=NAME, ResultConfiguration={"OutputLocation": "s3://elsewhere/"})
    assert execution["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{NAME}/enforced/"), execution
    athena.update_work_group(WorkGroup=NAME, State="DISABLED")
    refused("InvalidRequestException", athena.start_query_execution, QueryString="SELECT 1", WorkGroup=NAME)
    athena.delete_work_group(WorkGroup=NAME, RecursiveDeleteOption=True)
    refused("InvalidRequestException", athena.get_work_group, WorkGroup=NAME)


def check_drop_database():
    succeed(f"DROP DATABASE {NAME} CASCADE")
    refused("EntityNotFoundException", glue.get_database, Name=NAME)


if __name__ == "__main__":
    checks.run(__name__)
