def model(dbt, session):
    dbt.config(
        materialized="incremental", incremental_strategy="merge", unique_key="id", table_type="iceberg", s3_data_naming="table_unique"
    )
    frame = dbt.ref("base")
    return frame.filter("id < 100") if dbt.is_incremental else frame
