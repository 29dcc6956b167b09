{% macro athena__snapshot_hash_arguments(args) -%}
    to_hex(md5(to_utf8({%- for arg in args -%}
        coalesce(cast({{ arg }} as varchar ), '')
        {% if not loop.last %} || '|' || {% endif %}
    {%- endfor -%})))
{%- endmacro %}

{#- Whether a version of the snapshot is the one that holds now. -#}
{% macro owlet_snapshot_is_open(prefix, names) -%}
    {%- set column, current = prefix ~ names.dbt_valid_to, config.get('dbt_valid_to_current') -%}
    {%- if current -%}
        ({{ column }} = {{ current }} or {{ column }} is null)
    {%- else -%}
        {{ column }} is null
    {%- endif -%}
{%- endmacro %}

{% macro iceberg_snapshot_merge_sql(target, source, insert_cols) -%}
    {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set values = [] -%}
    {%- for column in insert_cols -%}{%- do values.append('dbt_internal_source.' ~ column) -%}{%- endfor %}
    merge into {{ target }} as dbt_internal_dest
    using {{ source }} as dbt_internal_source
    on dbt_internal_source.{{ names.dbt_scd_id }} = dbt_internal_dest.{{ names.dbt_scd_id }}
    when matched
        and {{ owlet_snapshot_is_open('dbt_internal_dest.', names) }}
        and dbt_internal_source.dbt_change_type in ('update', 'delete')
        then update set {{ names.dbt_valid_to }} = dbt_internal_source.{{ names.dbt_valid_to }}
    when not matched and dbt_internal_source.dbt_change_type = 'insert'
        then insert ({{ insert_cols | join(', ') }})
        values ({{ values | join(', ') }})
{%- endmacro %}

{#- A Hive table cannot be updated: the whole history is written beside it. -#}
{% macro hive_create_new_snapshot_table(target, source, insert_cols) -%}
    {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- set new_relation = make_temp_relation(target, '__dbt_tmp_snapshot') -%}
    {%- if load_cached_relation(new_relation) is not none -%}
        {%- do drop_relation(new_relation) -%}
    {%- endif -%}
    {%- set kept, added, closed = [], [], [] -%}
    {%- for column in insert_cols -%}
        {%- do kept.append('dbt_internal_dest.' ~ column) -%}
        {%- do added.append('dbt_internal_source.' ~ column) -%}
        {%- do closed.append(('dbt_internal_source.' if column | replace('"', '') == names.dbt_valid_to else 'dbt_internal_dest.') ~ column) -%}
    {%- endfor -%}
    {%- set same = 'dbt_internal_source.' ~ names.dbt_scd_id ~ ' = dbt_internal_dest.' ~ names.dbt_scd_id -%}
    {%- set history -%}
      select {{ kept | join(', ') }}
      from {{ target }} as dbt_internal_dest
      left join {{ source }} as dbt_internal_source on {{ same }}
      where dbt_internal_source.{{ names.dbt_scd_id }} is null
      union all
      select {{ closed | join(', ') }}
      from {{ target }} as dbt_internal_dest
      inner join {{ source }} as dbt_internal_source on {{ same }}
      where {{ owlet_snapshot_is_open('dbt_internal_dest.', names) }}
        and dbt_internal_source.dbt_change_type in ('update', 'delete')
      union all
      select {{ added | join(', ') }}
      from {{ source }} as dbt_internal_source
      left join {{ target }} as dbt_internal_dest on {{ same }}
      where dbt_internal_dest.{{ names.dbt_scd_id }} is null
    {%- endset -%}
    {%- call statement('create_new_snapshot_table') -%}
        {{ create_table_as(False, new_relation, history) }}
    {%- endcall -%}
    {{ return(new_relation) }}
{%- endmacro %}

{% macro hive_snapshot_merge_sql(target, source, insert_cols=none, table_type='hive') -%}
    {%- do drop_relation(target) -%}
    {{ create_table_as(False, target, 'select * from ' ~ source) }}
{%- endmacro %}

{% materialization snapshot, adapter='athena' -%}
    {%- set table_type = resolve_table_type() -%}
    {%- set exists, target_relation = get_or_create_relation(
        database=model.database, schema=model.schema, identifier=model.get('alias', model.get('name')), type='table'
    ) -%}
    {%- if not target_relation.is_table -%}
        {%- do exceptions.relation_wrong_type(target_relation, 'table') -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set strategy = strategy_dispatch(config.get('strategy'))(model, 'snapshotted_data', 'source_data', model['config'], exists) -%}
    {%- set to_drop = [] -%}
    {%- if not exists -%}
        {%- set final_sql = create_table_as(False, target_relation, build_snapshot_table(strategy, model['compiled_code'])) -%}
    {%- else -%}
        {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
        {%- do adapter.assert_valid_snapshot_target_given_strategy(target_relation, names, strategy) -%}
        {%- set leftover = load_cached_relation(make_temp_relation(target_relation)) -%}
        {%- if leftover is not none -%}
            {%- do drop_relation(leftover) -%}
        {%- endif -%}
        {%- set staging = build_snapshot_staging_table(strategy, sql, target_relation) -%}
        {%- do to_drop.append(staging) -%}
        {%- set helpers = ['dbt_change_type', 'dbt_unique_key'] -%}
        {%- if strategy.unique_key is not string -%}
            {%- for key in strategy.unique_key -%}{%- do helpers.append('dbt_unique_key_' ~ loop.index) -%}{%- endfor -%}
        {%- endif -%}
        {%- set added = adapter.get_missing_columns(staging, target_relation) | rejectattr('name', 'in', helpers) | list -%}
        {%- if added -%}
            {%- do alter_relation_add_columns(target_relation, added, table_type) -%}
        {%- endif -%}
        {%- set columns = [] -%}
        {%- for column in adapter.get_columns_in_relation(staging) | rejectattr('name', 'in', helpers) -%}
            {%- do columns.append(adapter.quote(column.name)) -%}
        {%- endfor -%}
        {%- if table_type == 'iceberg' -%}
            {%- set final_sql = iceberg_snapshot_merge_sql(target=target_relation, source=staging, insert_cols=columns) -%}
        {%- else -%}
            {%- set history = hive_create_new_snapshot_table(target=target_relation, source=staging, insert_cols=columns) -%}
            {%- do to_drop.append(history) -%}
            {%- set final_sql = hive_snapshot_merge_sql(target=target_relation, source=history) -%}
        {%- endif -%}
    {%- endif -%}

    {% call statement('main') -%}
        {{ final_sql }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- for relation in to_drop -%}
        {%- do drop_relation(relation) -%}
    {%- endfor -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {%- do owlet_apply_lake_formation(target_relation) -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}
