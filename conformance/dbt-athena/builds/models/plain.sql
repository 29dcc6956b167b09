{{ config(materialized='table', pre_hook="select 'pre {{ this.render_hive() }}'", post_hook="select 'post'") }}
select {{ var('n') }} as id, 'a' as s, cast(1.5 as decimal(10,2)) as d
union all select 10, 'b', null
