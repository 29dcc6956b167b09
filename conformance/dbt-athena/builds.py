"""Compares what two builds of the project `builds` left in two databases; looks for files that belong to no table.

    builds.py schemas LEFT RIGHT
    builds.py leftovers DATABASE
"""

import re
import sys

import boto3
from compare import query

# Moments of the build, and hashes over them.
MOMENT = r"\d{4}-\d\d-\d\d \d\d:"
IGNORED = {"dbt_updated_at", "dbt_valid_from", "dbt_scd_id"}
# Written by both; of the rest of Glue's parameters most tell how a table was made. Owlet classifies seeds and snapshots too.
PARAMETERS = ["comment", "dbt_project_name", "dbt_project_version", "materialized", "owner", "table_type", "unique_id"]


def pages(operation, key, **arguments):
    for page in boto3.client("glue").get_paginator(operation).paginate(**arguments):
        yield from page[key]


def current(table):
    """The columns that are there now; Glue also keeps those that an Iceberg table once had."""
    columns = table["StorageDescriptor"]["Columns"] + table.get("PartitionKeys", [])
    return [column for column in columns if column.get("Parameters", {}).get("iceberg.field.current") != "false"]


def described(database, table):
    columns = [(column["Name"], column["Type"], column.get("Comment", "")) for column in current(table)]
    partitions = 0
    if table.get("PartitionKeys"):
        partitions = len(list(pages("get_partitions", "Partitions", DatabaseName=database, TableName=table["Name"])))
    return {
        "type": table["TableType"],
        "description": table.get("Description") or "",
        # The order of a snapshot's own columns follows its statements.
        "columns": sorted(columns) if table["Name"].startswith("by_") else columns,
        "parameters": {key: table["Parameters"].get(key) for key in PARAMETERS},
        "partitions": partitions,
    }


def tags(found, key):
    return sorted((tag["TagKey"], tag["TagValues"]) for tag in found.get(key, []))


def governed(database, table):
    """What Lake Formation knows of a table."""
    client = boto3.client("lakeformation")
    place = {"DatabaseName": database, "Name": table["Name"]}
    found = client.get_resource_lf_tags(Resource={"Table": place}, ShowAssignedLFTags=True)
    filters = {}
    for item in client.list_data_cells_filter(Table={"CatalogId": table["CatalogId"], **place})["DataCellsFilters"]:
        of = {"TableCatalogId": table["CatalogId"], "DatabaseName": database, "TableName": table["Name"], "Name": item["Name"]}
        granted = client.list_permissions(Resource={"DataCellsFilter": of})["PrincipalResourcePermissions"]
        readers = sorted((one["Principal"]["DataLakePrincipalIdentifier"], one["Permissions"]) for one in granted)
        filters[item["Name"]] = item["RowFilter"]["FilterExpression"], item.get("ColumnNames"), readers
    return {
        "tags of the database": tags(found, "LFTagOnDatabase"),
        "tags": tags(found, "LFTagsOnTable"),
        "tags of columns": sorted((column["Name"], tags(column, "LFTags")) for column in found.get("LFTagsOnColumns", [])),
        "filters": filters,
    }


def rows(athena, database, table):
    names = sorted('"' + column["Name"] + '"' for column in current(table) if column["Name"] not in IGNORED)
    listed = ", ".join(names)
    found = query(athena, f'select {listed} from "{database}"."{table["Name"]}" order by {listed}')
    # A version that ended because its row had left ended during the build.
    return [["the build" if (value or "") > "2025-" and re.match(MOMENT, value) else value for value in row] for row in found]


def schemas(left, right):
    athena, failures, compared, tagged = boto3.client("athena"), [], 0, 0
    found = {side: {t["Name"]: t for t in pages("get_tables", "TableList", DatabaseName=side)} for side in (left, right)}
    if found[left].keys() != found[right].keys():
        failures.append(f"{sorted(found[left])} against {sorted(found[right])}")
    for name in sorted(found[left].keys() & found[right].keys()):
        sides = [(side, found[side][name]) for side in (left, right)]
        one, other = [described(*side) | governed(*side) for side in sides]
        tagged += sum(len(one[key]) for key in one if key.startswith("tags") or key == "filters")
        failures += [f"{name}: {key} {one[key]} against {other[key]}" for key in one if one[key] != other[key]]
        one, other = [rows(athena, *side) for side in sides]
        if one != other:
            failures.append(f"{name}: rows {one[:5]} against {other[:5]}")
        compared += len(one)
    if failures:
        sys.exit("\n".join(failures))
    print(f"{len(found[left])} tables, {compared} rows, {tagged} tags and filters, all the same")


def leftovers(database):
    """Objects under the database's folder that no table, and no kept version of one, reads."""
    read = []
    for name in (database, f"{database}_dbt_test__audit"):
        for table in pages("get_tables", "TableList", DatabaseName=name):
            versions = list(pages("get_table_versions", "TableVersions", DatabaseName=name, TableName=table["Name"]))
            for version in [table, *[version["Table"] for version in versions]]:
                location = version["StorageDescriptor"].get("Location")
                if location:
                    read.append(re.sub(r"^s3://[^/]+/", "", location).rstrip("/") + "/")
    s3, lost, kept = boto3.client("s3"), [], 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="results", Prefix=f"data-{database}/"):
        for item in page.get("Contents", []):
            kept += 1
            if not any(item["Key"].startswith(folder) for folder in read):
                lost.append(item["Key"])
    if lost:
        sys.exit("files of no table:\n" + "\n".join(lost))
    print(f"{kept} files, each of a table")


{"schemas": schemas, "leftovers": leftovers}[sys.argv[1]](*sys.argv[2:])
