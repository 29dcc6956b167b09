{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='sync_all_columns', partitioned_by=['p']) }}
select {{ var('n') }} as id {% if var('n') > 1 %}, 'x' as s{% endif %}, 'p' as p
