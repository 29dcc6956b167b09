{{ config(materialized='view') }}
select * from (values ({{ var('n') }}, 'a', 'p1'), (10, 'b', 'p2')) as t(id, s, p)
