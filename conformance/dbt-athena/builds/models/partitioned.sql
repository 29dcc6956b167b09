{{ config(materialized='table', partitioned_by=['p'], field_delimiter=none, format='parquet', write_compression='snappy') }}
select id, s, 'p' || cast(id as varchar) as p from {{ ref('plain') }}
