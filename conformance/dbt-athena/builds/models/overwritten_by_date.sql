{{ config(materialized='incremental', partitioned_by=['k', 'd'], unique_tmp_table_suffix=true) }}
select {{ var('n') }} as id, 7 as k, date '2020-01-01' as d
