{% macro snapshot_get_time() -%}
  {{ return(adapter.dispatch('snapshot_get_time', 'dbt')()) }}
{%- endmacro %}

{% macro default__snapshot_get_time() -%}
  {{ current_timestamp() }}
{%- endmacro %}

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
    {{ identifier }}.dbt_unique_key_{{ loop.index }} = {{ from_identifier }}.dbt_unique_key_{{ loop.index }}{{ ' and ' if not loop.last }}
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

{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {%- set wanted = config.get('check_cols') -%}
  {%- set key = config.get('unique_key') -%}
  {%- set updated_at = config.get('updated_at') or snapshot_get_time() -%}
  {%- set columns = get_columns_in_query(node['compiled_code']) if wanted == 'all' else wanted -%}
  {%- set parts = [] -%}
  {%- for column in columns -%}
    {%- set old = snapshotted_rel ~ '.' ~ column -%}
    {%- set new = current_rel ~ '.' ~ column -%}
    {%- do parts.append(old ~ ' != ' ~ new ~ ' or (' ~ old ~ ' is null and not ' ~ new ~ ' is null) or (not ' ~ old ~ ' is null and ' ~ new ~ ' is null)') -%}
  {%- endfor -%}
  {{ return({
    'unique_key': key,
    'updated_at': updated_at,
    'row_changed': '(' ~ parts | join(' or ') ~ ')',
    'scd_id': snapshot_hash_arguments(api.Relation.scd_args(key, updated_at)),
    'hard_deletes': adapter.get_hard_deletes_behavior(config)
  }) }}
{% endmacro %}
