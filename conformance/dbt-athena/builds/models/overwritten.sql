{{ config(materialized='incremental', partitioned_by=['p']) }}
select {{ var('n') }} as id, 'x' as p union all select {{ var('n') }} as id, 'y{{ var('n') }}' as p
