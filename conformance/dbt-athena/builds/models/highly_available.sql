{{ config(materialized='table', ha=true, s3_data_naming='table_unique', partitioned_by=['p']) }}
select {{ var('n') }} as id, 'p{{ var('n') }}' as p
