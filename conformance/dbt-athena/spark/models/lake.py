def model(dbt, session):
    dbt.config(materialized="table", table_type="iceberg", partitioned_by=["p"], s3_data_naming="table_unique")
    return dbt.ref("base")
