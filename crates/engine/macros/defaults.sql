{#- dbt's materializations for warehouses that rename relations: nothing on Athena is built by them, but a project may call them. -#}

{#- What an earlier run left of the names that a new relation is made under. -#}
{% macro owlet_drop_leftovers(relations) -%}
  {%- for relation in relations -%}
    {%- do drop_relation_if_exists(load_cached_relation(relation)) -%}
  {%- endfor -%}
{%- endmacro %}

{#- Puts a new relation in the place of the old one, which keeps a name of its own until it is dropped. -#}
{% macro owlet_exchange(old_relation, new_relation, target_relation, backup_relation) -%}
  {%- if old_relation is not none and load_cached_relation(old_relation) is not none -%}
    {%- do adapter.rename_relation(old_relation, backup_relation) -%}
  {%- endif -%}
  {%- do adapter.rename_relation(new_relation, target_relation) -%}
{%- endmacro %}

{% materialization table, default -%}
  {%- set old_relation, target_relation = load_cached_relation(this), this.incorporate(type='table') -%}
  {%- set new_relation = make_intermediate_relation(target_relation) -%}
  {%- set backup_relation = make_backup_relation(target_relation, old_relation.type if old_relation is not none else 'table') -%}
  {%- do owlet_drop_leftovers([new_relation, backup_relation]) -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% call statement('main') -%}
    {{ get_create_table_as_sql(False, new_relation, sql) }}
  {%- endcall %}
  {%- do create_indexes(new_relation) -%}
  {%- do owlet_exchange(old_relation, new_relation, target_relation, backup_relation) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(old_relation, full_refresh_mode=True)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ adapter.commit() }}
  {%- do drop_relation_if_exists(backup_relation) -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}

{% materialization view, default -%}
  {%- set old_relation, target_relation = load_cached_relation(this), this.incorporate(type='view') -%}
  {%- set new_relation = make_intermediate_relation(target_relation) -%}
  {%- set backup_relation = make_backup_relation(target_relation, old_relation.type if old_relation is not none else 'view') -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {%- do owlet_drop_leftovers([new_relation, backup_relation]) -%}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% call statement('main') -%}
    {{ get_create_view_as_sql(new_relation, sql) }}
  {%- endcall %}
  {%- do owlet_exchange(old_relation, new_relation, target_relation, backup_relation) -%}
  {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(old_relation, full_refresh_mode=True)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {%- do drop_relation_if_exists(backup_relation) -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}

{% materialization incremental, default -%}
  {%- set old_relation, target_relation = load_cached_relation(this), this.incorporate(type='table') -%}
  {%- set temp_relation, new_relation = make_temp_relation(target_relation), make_intermediate_relation(target_relation) -%}
  {%- set backup_relation = make_backup_relation(target_relation, old_relation.type if old_relation is not none else 'table') -%}
  {%- set is_rebuilt = should_full_refresh() or (old_relation is not none and old_relation.is_view) -%}
  {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {%- do owlet_drop_leftovers([new_relation, backup_relation]) -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}
  {%- if old_relation is none -%}
    {%- set built = target_relation -%}
    {%- set build_sql = get_create_table_as_sql(False, built, sql) -%}
  {%- elif is_rebuilt -%}
    {%- set built = new_relation -%}
    {%- set build_sql = get_create_table_as_sql(False, built, sql) -%}
  {%- else -%}
    {%- set built = temp_relation -%}
    {%- do run_query(get_create_table_as_sql(True, built, sql)) -%}
    {%- if not config.get('contract').enforced -%}
      {%- do adapter.expand_target_column_types(from_relation=built, to_relation=target_relation) -%}
    {%- endif -%}
    {%- set columns = process_schema_changes(on_schema_change, built, old_relation) -%}
    {%- set build_sql = strategy({
      'target_relation': target_relation,
      'temp_relation': built,
      'unique_key': config.get('unique_key'),
      'dest_columns': columns or adapter.get_columns_in_relation(old_relation),
      'incremental_predicates': config.get('predicates', none) or config.get('incremental_predicates', none)
    }) -%}
  {%- endif -%}
  {% call statement('main') -%}
    {{ build_sql }}
  {%- endcall %}
  {%- if old_relation is none or is_rebuilt -%}
    {%- do create_indexes(built) -%}
  {%- endif -%}
  {%- if old_relation is not none and is_rebuilt -%}
    {%- do owlet_exchange(old_relation, new_relation, target_relation, backup_relation) -%}
  {%- endif -%}
  {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(old_relation, is_rebuilt)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do adapter.commit() -%}
  {%- if old_relation is not none and is_rebuilt -%}
    {%- do adapter.drop_relation(backup_relation) -%}
  {%- endif -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}

{% materialization snapshot, default -%}
  {%- set exists, target_relation = get_or_create_relation(
    database=model.database, schema=model.schema, identifier=model.get('alias', model.get('name')), type='table'
  ) -%}
  {%- if not target_relation.is_table -%}
    {%- do exceptions.relation_wrong_type(target_relation, 'table') -%}
  {%- endif -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- set strategy = strategy_dispatch(config.get('strategy'))(model, 'snapshotted_data', 'source_data', model['config'], exists) -%}
  {%- set staging = [] -%}
  {%- if not exists -%}
    {%- set read_sql = build_snapshot_table(strategy, model['compiled_code']) -%}
    {%- set final_sql = create_table_as(False, target_relation, read_sql) -%}
  {%- else -%}
    {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
    {%- do adapter.assert_valid_snapshot_target_given_strategy(target_relation, names, strategy) -%}
    {%- set read_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- set staged = build_snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- do staging.append(staged) -%}
    {%- do adapter.expand_target_column_types(from_relation=staged, to_relation=target_relation) -%}
    {%- set helpers = ['dbt_change_type', 'DBT_CHANGE_TYPE', 'dbt_unique_key', 'DBT_UNIQUE_KEY'] -%}
    {%- if strategy.unique_key is not string -%}
      {%- for key in strategy.unique_key -%}
        {%- do helpers.extend(['dbt_unique_key_' ~ loop.index, 'DBT_UNIQUE_KEY_' ~ loop.index]) -%}
      {%- endfor -%}
    {%- endif -%}
    {%- do create_columns(target_relation, adapter.get_missing_columns(staged, target_relation) | rejectattr('name', 'in', helpers) | list) -%}
    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(staged) | rejectattr('name', 'in', helpers) -%}
      {%- do columns.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    {%- set final_sql = snapshot_merge_sql(target=target_relation, source=staged, insert_cols=columns) -%}
  {%- endif -%}
  {{ check_time_data_types(read_sql) }}
  {% call statement('main') -%}
    {{ final_sql }}
  {%- endcall %}
  {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(exists, full_refresh_mode=False)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {%- if not exists -%}
    {%- do create_indexes(target_relation) -%}
  {%- endif -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {%- for staged in staging -%}
    {%- do post_snapshot(staged) -%}
  {%- endfor -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}

{#- Whether a snapshot's moments have the type of the clock's. -#}
{% macro check_time_data_types(sql) -%}
  {%- set of_snapshot, of_clock = get_updated_at_column_data_type(sql), get_snapshot_get_time_data_type() -%}
  {%- if of_snapshot is not none and of_clock is not none and of_snapshot != of_clock -%}
    {%- do exceptions.warn_snapshot_timestamp_data_types(of_clock, of_snapshot) -%}
  {%- endif -%}
{%- endmacro %}

{% macro get_updated_at_column_data_type(snapshot_sql) -%}
  {%- set types = [] -%}
  {%- for column in get_column_schema_from_query(snapshot_sql) if column.column in ['dbt_updated_at', 'DBT_UPDATED_AT'] -%}
    {%- do types.append(column.dtype) -%}
  {%- endfor -%}
  {{ return(types[-1] if types else none) }}
{%- endmacro %}
