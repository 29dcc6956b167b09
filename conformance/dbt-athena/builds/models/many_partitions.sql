{{ config(materialized='table', partitioned_by=['p']) }}
select i * {{ var('n') }} as id, i as p from unnest(sequence(1, 230)) as t(i)
