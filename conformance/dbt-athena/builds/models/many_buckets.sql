{{ config(materialized='table', table_type='iceberg', s3_data_naming='schema_table_unique', partitioned_by=['bucket(id, 5)', 'p']) }}
select i as id, i % 130 as p from unnest(sequence(1, 230)) as t(i)
