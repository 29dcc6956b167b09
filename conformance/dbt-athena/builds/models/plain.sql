{{ config(materialized='table', pre_hook="select 'pre {{ this.render_hive() }}'", post_hook="select 'post'",
  lf_tags_config={'enabled': true, 'tags_columns': {'level': {'l' ~ var('n'): ['s'], 'l9': ['d']}, 'c' ~ var('n'): {'yes': ['id']}}, 'inherited_tags': ['team']}) }}
select {{ var('n') }} as id, 'a' as s, cast(1.5 as decimal(10,2)) as d
union all select 10, 'b', null
