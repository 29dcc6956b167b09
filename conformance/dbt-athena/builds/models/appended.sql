{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='append_new_columns') }}
select {{ var('n') }} as id, 's' as s {% if var('n') > 1 %}, 5 as extra{% endif %}
