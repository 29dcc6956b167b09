{{ config(materialized='incremental', table_type='iceberg', incremental_strategy='merge', unique_key='id', s3_data_naming='schema_table_unique', merge_exclude_columns=['s'], full_refresh=(var('n') == 3)) }}
select {{ var('n') }} as id, 's{{ var('n') }}' as s
