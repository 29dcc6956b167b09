{{ config(materialized='incremental', table_type='iceberg', incremental_strategy='merge', unique_key=['id'], on_schema_change='sync_all_columns',
  delete_condition="src.s = 'del'", merge_update_columns_rules={'c': 'sum'}, incremental_predicates=["target.id > 0"] ) }}
{% if is_incremental() %}
select 1 as id, 'new' as s, 5 as c, 'z' as added union all select 2, 'del', 1, 'z' union all select 3, 'ins', 1, 'q'
{% else %}
select 1 as id, 'old' as s, 2 as c, 9 as gone union all select 2, 'old', 2, 9
{% endif %}
