{% macro snapshot_get_time() -%}
    {{ adapter.dispatch('snapshot_get_time', 'dbt')() }}
{%- endmacro %}

{% macro default__snapshot_get_time() %}
    {{ current_timestamp() }}
{% endmacro %}

{% macro get_snapshot_get_time_data_type() %}
  {% set columns = get_column_schema_from_query('select ' ~ snapshot_get_time() ~ ' as t') %}
  {{ return(columns[0].dtype if columns else none) }}
{% endmacro %}

{% macro snapshot_hash_arguments(args) -%}
  {{ return(adapter.dispatch('snapshot_hash_arguments', 'dbt')(args)) }}
{%- endmacro %}

{% macro default__snapshot_hash_arguments(args) -%}
    md5({%- for arg in args -%}
        coalesce(cast({{ arg }} as varchar ), '')
        {% if not loop.last %} || '|' || {% endif %}
    {%- endfor -%})
{%- endmacro %}

{% macro snapshot_string_as_time(timestamp) -%}
  {{ return(adapter.dispatch('snapshot_string_as_time', 'dbt')(timestamp)) }}
{%- endmacro %}

{% macro default__snapshot_string_as_time(timestamp) -%}
  {{ exceptions.raise_not_implemented('snapshot_string_as_time macro not implemented for adapter ' ~ adapter.type()) }}
{%- endmacro %}

{% macro get_true_sql() %}
  {{ adapter.dispatch('get_true_sql', 'dbt')() }}
{% endmacro %}

{% macro default__get_true_sql() %}
  {{ return('TRUE') }}
{% endmacro %}

{% macro unique_key_fields(unique_key) %}
  {%- if unique_key is string -%}
    {{ unique_key }} as dbt_unique_key
  {%- else -%}
    {%- for key in unique_key -%}{{ key }} as dbt_unique_key_{{ loop.index }}{{ ', ' if not loop.last }}{%- endfor -%}
  {%- endif -%}
{% endmacro %}

{% macro unique_key_join_on(unique_key, identifier, from_identifier) %}
  {%- if unique_key is string -%}
    {{ identifier }}.dbt_unique_key = {{ from_identifier }}.dbt_unique_key
  {%- else -%}
    {%- for key in unique_key -%}
    {%- set name = '.dbt_unique_key_' ~ loop.index -%}
    {{ equals(identifier ~ name, from_identifier ~ name) }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}

{% macro unique_key_is_null(unique_key, identifier) %}
  {{- identifier }}.dbt_unique_key{{ '' if unique_key is string else '_1' }} is null
{%- endmacro %}

{% macro unique_key_is_not_null(unique_key, identifier) %}
  {{- identifier }}.dbt_unique_key{{ '' if unique_key is string else '_1' }} is not null
{%- endmacro %}

{% macro get_snapshot_table_column_names() %}
  {{ return({'dbt_valid_to': 'dbt_valid_to', 'dbt_valid_from': 'dbt_valid_from', 'dbt_scd_id': 'dbt_scd_id', 'dbt_updated_at': 'dbt_updated_at', 'dbt_is_deleted': 'dbt_is_deleted'}) }}
{% endmacro %}

{% macro strategy_dispatch(name) -%}
  {%- set parts = name.split('.') -%}
  {%- set macro_name = 'snapshot_' ~ parts[-1] ~ '_strategy' -%}
  {%- set place = context.get(parts[0]) if parts | length > 1 else context -%}
  {%- if place is none or macro_name not in place -%}
    {{ exceptions.raise_compiler_error('Could not find strategy macro \'' ~ macro_name ~ '\'') }}
  {%- endif -%}
  {{ return(place[macro_name]) }}
{%- endmacro %}

{% macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {%- set key = config.get('unique_key') -%}
  {%- set updated_at = config.get('updated_at') -%}
  {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
  {%- set changed = snapshotted_rel ~ '.' ~ names.dbt_valid_from ~ ' < ' ~ current_rel ~ '.' ~ updated_at -%}
  {{ return({
    'unique_key': key,
    'updated_at': updated_at,
    'row_changed': changed,
    'scd_id': snapshot_hash_arguments(api.Relation.scd_args(key, updated_at)),
    'hard_deletes': adapter.get_hard_deletes_behavior(config)
  }) }}
{% endmacro %}

{#- Whether the query has columns that the snapshot lacks, and those of the compared ones that both have. -#}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) -%}
  {%- if not target_exists -%}
    {{ return((false, [])) }}
  {%- endif -%}
  {%- if check_cols_config == 'all' -%}
    {%- set wanted = get_columns_in_query(node['compiled_code']) -%}
  {%- elif check_cols_config is iterable and check_cols_config is not string and check_cols_config | length > 0 -%}
    {%- set wanted = get_columns_in_query('select ' ~ check_cols_config | join(', ') ~ ' from (\n' ~ node['compiled_code'] ~ '\n) subq') -%}
  {%- else -%}
    {%- do exceptions.raise_compiler_error("Invalid value for 'check_cols': " ~ check_cols_config) -%}
  {%- endif -%}
  {%- set target_relation = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
  {%- set existing = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | list -%}
  {%- set both = [] -%}
  {%- for column in wanted if column in existing -%}{%- do both.append(adapter.quote(column)) -%}{%- endfor -%}
  {{ return((both | length < wanted | length, both)) }}
{%- endmacro %}

{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {%- set key = config.get('unique_key') -%}
  {%- set updated_at = config.get('updated_at') or snapshot_get_time() -%}
  {%- set column_added, columns = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) -%}
  {%- set parts = [] -%}
  {%- for column in columns -%}
    {%- set old = snapshotted_rel ~ '.' ~ column -%}
    {%- set new = current_rel ~ '.' ~ column -%}
    {%- do parts.append(old ~ ' != ' ~ new ~ ' or (' ~ old ~ ' is null and not ' ~ new ~ ' is null) or (not ' ~ old ~ ' is null and ' ~ new ~ ' is null)') -%}
  {%- endfor -%}
  {%- if column_added -%}
    {%- set parts = [get_true_sql()] -%}
  {%- endif -%}
  {{ return({
    'unique_key': key,
    'updated_at': updated_at,
    'row_changed': '(' ~ parts | join(' or ') ~ ')',
    'scd_id': snapshot_hash_arguments(api.Relation.scd_args(key, updated_at)),
    'hard_deletes': adapter.get_hard_deletes_behavior(config)
  }) }}
{% endmacro %}

{% macro get_dbt_valid_to_current(strategy, columns) -%}
  coalesce(nullif({{ strategy.updated_at }}, {{ strategy.updated_at }}), {{ config.get('dbt_valid_to_current') or 'null' }}) as {{ columns.dbt_valid_to }}
{%- endmacro %}

{% macro build_snapshot_table(strategy, sql) -%}
  {{ return(adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql)) }}
{%- endmacro %}

{% macro default__build_snapshot_table(strategy, sql) -%}
  {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() %}
    select *,
      {{ strategy.scd_id }} as {{ names.dbt_scd_id }},
      {{ strategy.updated_at }} as {{ names.dbt_updated_at }},
      {{ strategy.updated_at }} as {{ names.dbt_valid_from }},
      {{ get_dbt_valid_to_current(strategy, names) }}
      {%- if strategy.hard_deletes == 'new_record' %},
      'False' as {{ names.dbt_is_deleted }}
      {%- endif %}
    from (
      {{ sql }}
    ) sbq
{%- endmacro %}

{% macro build_snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- set relation = make_temp_relation(target_relation) -%}
  {%- set rows = snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- call statement('build_snapshot_staging_relation') -%}
    {{ create_table_as(True, relation, rows) }}
  {%- endcall -%}
  {{ return(relation) }}
{%- endmacro %}

{% macro snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {{ return(adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation)) }}
{%- endmacro %}

{#- Versions to insert, to close and to end, told apart by dbt_change_type. -#}
{% macro default__snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
  {%- set key, current = strategy.unique_key, config.get('dbt_valid_to_current') -%}
  {%- set ends, flags_deleted = strategy.hard_deletes in ['invalidate', 'new_record'], strategy.hard_deletes == 'new_record' -%}
  {%- set joined = unique_key_join_on(key, 'snapshotted_data', 'source_data') -%}
  {%- set came_back = 'or snapshotted_data.' ~ names.dbt_is_deleted ~ " = 'True'" if flags_deleted else '' -%}
  {%- set still_open -%}
    {%- if current -%}snapshotted_data.{{ names.dbt_valid_to }} = {{ current }}{%- else -%}snapshotted_data.{{ names.dbt_valid_to }} is null{%- endif -%}
  {%- endset -%}
  {%- set unless_flagged -%}
    {%- if flags_deleted %}
      and not (snapshotted_data.{{ names.dbt_is_deleted }} = 'True' and {{ still_open }})
    {%- endif -%}
  {%- endset %}
  with snapshot_query as (
    {{ source_sql }}
  ),
  snapshotted_data as (
    select *, {{ unique_key_fields(key) }}
    from {{ target_relation }}
    where {% if current -%}
      ({{ names.dbt_valid_to }} = {{ current }} or {{ names.dbt_valid_to }} is null)
    {%- else -%}
      {{ names.dbt_valid_to }} is null
    {%- endif %}
  ),
  insertions_source_data as (
    select *, {{ unique_key_fields(key) }},
      {{ strategy.updated_at }} as {{ names.dbt_updated_at }},
      {{ strategy.updated_at }} as {{ names.dbt_valid_from }},
      {{ get_dbt_valid_to_current(strategy, names) }},
      {{ strategy.scd_id }} as {{ names.dbt_scd_id }}
    from snapshot_query
  ),
  updates_source_data as (
    select *, {{ unique_key_fields(key) }},
      {{ strategy.updated_at }} as {{ names.dbt_updated_at }},
      {{ strategy.updated_at }} as {{ names.dbt_valid_from }},
      {{ strategy.updated_at }} as {{ names.dbt_valid_to }}
    from snapshot_query
  ),
  {%- if ends %}
  deletes_source_data as (
    select *, {{ unique_key_fields(key) }}
    from snapshot_query
  ),
  {%- endif %}
  insertions as (
    select 'insert' as dbt_change_type, source_data.*{{ ", 'False' as " ~ names.dbt_is_deleted if flags_deleted }}
    from insertions_source_data as source_data
    left outer join snapshotted_data on {{ joined }}
    where {{ unique_key_is_null(key, 'snapshotted_data') }}
      or ({{ unique_key_is_not_null(key, 'snapshotted_data') }} and ({{ strategy.row_changed }} {{ came_back }}))
  ),
  updates as (
    select 'update' as dbt_change_type, source_data.*, snapshotted_data.{{ names.dbt_scd_id }}
      {{- ', snapshotted_data.' ~ names.dbt_is_deleted if flags_deleted }}
    from updates_source_data as source_data
    join snapshotted_data on {{ joined }}
    where ({{ strategy.row_changed }} {{ came_back }})
  )
  {%- if ends %},
  deletes as (
    select 'delete' as dbt_change_type, source_data.*,
      {{ snapshot_get_time() }} as {{ names.dbt_valid_from }},
      {{ snapshot_get_time() }} as {{ names.dbt_updated_at }},
      {{ snapshot_get_time() }} as {{ names.dbt_valid_to }},
      snapshotted_data.{{ names.dbt_scd_id }}
      {{- ', snapshotted_data.' ~ names.dbt_is_deleted if flags_deleted }}
    from snapshotted_data
    left join deletes_source_data as source_data on {{ joined }}
    where {{ unique_key_is_null(key, 'source_data') }}{{ unless_flagged }}
  )
  {%- endif %}
  {%- if flags_deleted %}
  {%- set existing = get_list_of_column_names(get_columns_in_relation(target_relation)) %},
  deletion_records as (
    select 'insert' as dbt_change_type,
      {% for column in get_columns_in_query(source_sql) -%}
      {{ 'snapshotted_data' if column in existing else 'source_data' }}.{{ adapter.quote(column) }},
      {% endfor -%}
      {%- if key is string -%}
      snapshotted_data.dbt_unique_key as dbt_unique_key,
      {%- else -%}
      {%- for part in key -%}snapshotted_data.{{ part }} as dbt_unique_key_{{ loop.index }}, {% endfor -%}
      {%- endif %}
      {{ snapshot_get_time() }} as {{ names.dbt_valid_from }},
      {{ snapshot_get_time() }} as {{ names.dbt_updated_at }},
      snapshotted_data.{{ names.dbt_valid_to }} as {{ names.dbt_valid_to }},
      {{ snapshot_hash_arguments([names.dbt_scd_id, snapshot_get_time()]) }} as {{ names.dbt_scd_id }},
      'True' as {{ names.dbt_is_deleted }}
    from snapshotted_data
    left join deletes_source_data as source_data on {{ joined }}
    where {{ unique_key_is_null(key, 'source_data') }}{{ unless_flagged }}
  )
  {%- endif %}
  select * from insertions
  union all
  select * from updates
  {%- if ends %}
  union all
  select * from deletes
  {%- endif %}
  {%- if flags_deleted %}
  union all
  select * from deletion_records
  {%- endif %}
{%- endmacro %}

{% macro snapshot_merge_sql(target, source, insert_cols) -%}
  {{ return(adapter.dispatch('snapshot_merge_sql', 'dbt')(target, source, insert_cols)) }}
{%- endmacro %}

{% macro default__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
  {%- set open, current = 'DBT_INTERNAL_DEST.' ~ names.dbt_valid_to, config.get('dbt_valid_to_current') %}
    merge into {{ target.render() }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on DBT_INTERNAL_SOURCE.{{ names.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ names.dbt_scd_id }}
    when matched
        and {{ '(' ~ open ~ ' = ' ~ current ~ ' or ' ~ open ~ ' is null)' if current else open ~ ' is null' }}
        and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
        then update set {{ names.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ names.dbt_valid_to }}
    when not matched and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
        then insert ({{ insert_cols | join(', ') }})
        values ({{ insert_cols | join(', ') }})
{%- endmacro %}

{% macro create_columns(relation, columns) -%}
  {{ return(adapter.dispatch('create_columns', 'dbt')(relation, columns)) }}
{%- endmacro %}

{% macro default__create_columns(relation, columns) -%}
  {%- for column in columns -%}
    {%- call statement() -%}
      alter table {{ relation.render() }} add column {{ adapter.quote(column.name) }} {{ column.expanded_data_type }}
    {%- endcall -%}
  {%- endfor -%}
{%- endmacro %}

{% macro post_snapshot(staging_relation) -%}
  {{ return(adapter.dispatch('post_snapshot', 'dbt')(staging_relation)) }}
{%- endmacro %}

{% macro default__post_snapshot(staging_relation) -%}

{%- endmacro %}
