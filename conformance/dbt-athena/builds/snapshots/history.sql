{% snapshot by_time %}
{{ config(target_schema=target.schema, unique_key='id', strategy='timestamp', updated_at='u', hard_deletes='invalidate') }}
select * from (values (1, 'a{{ var('n') }}', timestamp '2024-01-0{{ var('n') }} 00:00:00'), ({{ var('n') + 1 }}, 'b', timestamp '2024-01-01 00:00:00')) as t(id, v, u)
{% endsnapshot %}
{% snapshot by_value %}
{{ config(target_schema=target.schema, unique_key='id', strategy='check', check_cols='all', table_type='iceberg', s3_data_naming='table_unique', hard_deletes='new_record') }}
select * from (values (1, 2, 'a{{ var('n') }}'), ({{ var('n') + 1 }}, 2, 'b')) as t(id, k, v)
{% endsnapshot %}
