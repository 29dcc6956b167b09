def model(dbt, session):
    dbt.config(materialized="table", partitioned_by=["p"], format="parquet", write_compression="snappy")
    return dbt.ref("base").select("p", "id")
