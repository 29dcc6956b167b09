{{ config(materialized='table', table_type='iceberg', s3_data_naming='table_unique') }}
select 1 as id, 'x' as s
