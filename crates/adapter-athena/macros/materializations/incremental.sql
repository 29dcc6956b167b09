{#- The strategy that carries out the wanted one: microbatch is a merge, or a replacement of partitions. -#}
{% macro validate_get_incremental_strategy(raw_strategy, table_type) -%}
    {%- set of_type = {'append': 'append'} -%}
    {%- if table_type == 'iceberg' -%}
        {%- do of_type.update({'merge': 'merge', 'microbatch': 'merge'}) -%}
    {%- else -%}
        {%- do of_type.update({'insert_overwrite': 'insert_overwrite', 'microbatch': 'insert_overwrite'}) -%}
    {%- endif -%}
    {%- if raw_strategy not in of_type -%}
        {%- do exceptions.raise_compiler_error(
            'Invalid incremental strategy provided: ' ~ raw_strategy ~ '. A table of type ' ~ table_type
            ~ ' has the strategies ' ~ (of_type.keys() | join(', '))
        ) -%}
    {%- endif -%}
    {{ return(of_type[raw_strategy]) }}
{%- endmacro %}

{#- The columns to write, after on_schema_change had its say. -#}
{% macro owlet_columns_to_write(on_schema_change, tmp_relation, target_relation, existing_relation) -%}
    {%- set columns = process_schema_changes(on_schema_change, tmp_relation, existing_relation) -%}
    {{ return(columns or adapter.get_columns_in_relation(target_relation)) }}
{%- endmacro %}

{% macro incremental_insert(on_schema_change, tmp_relation, target_relation, existing_relation, force_batch, statement_name='main') -%}
    {%- set columns = owlet_columns_to_write(on_schema_change, tmp_relation, target_relation, existing_relation) -%}
    {%- set dest_cols_csv = columns | map(attribute='quoted') | join(', ') -%}
    {%- set ns = namespace(outcome='TOO_MANY_OPEN_PARTITIONS') -%}
    {%- if not force_batch -%}
        {%- set ns.outcome = adapter.run_query_with_partitions_limit_catching(
            'insert into ' ~ target_relation ~ ' (' ~ dest_cols_csv ~ ')\n    (\n       select ' ~ dest_cols_csv
            ~ '\n       from ' ~ tmp_relation ~ '\n    )'
        ) -%}
    {%- endif -%}
    {%- if ns.outcome == 'TOO_MANY_OPEN_PARTITIONS' -%}
        {%- do batch_incremental_insert(tmp_relation, target_relation, dest_cols_csv) -%}
    {%- endif -%}
    SELECT '{{ ns.outcome }}'
{%- endmacro %}

{% macro batch_incremental_insert(tmp_relation, target_relation, dest_cols_csv) -%}
    {%- for batch in get_partition_batches(tmp_relation, as_subquery=False) -%}
        {%- do run_query(
            'insert into ' ~ target_relation ~ ' (' ~ dest_cols_csv ~ ') select ' ~ dest_cols_csv ~ ' from ' ~ tmp_relation
            ~ ' where ' ~ batch
        ) -%}
    {%- endfor -%}
{%- endmacro %}

{% materialization incremental, adapter='athena', supported_languages=['sql', 'python'] -%}
    {%- set table_type = resolve_table_type() -%}
    {%- set raw_strategy = config.get('incremental_strategy') or 'insert_overwrite' -%}
    {%- set partitioned_by = config.get('partitioned_by') -%}
    {%- set force_batch = config.get('force_batch', False) | as_bool -%}
    {%- set own_suffix = config.get('unique_tmp_table_suffix', False) | as_bool -%}
    {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_relation(this) -%}
    {%- set strategy = validate_get_incremental_strategy(raw_strategy, table_type) -%}
    {%- if strategy == 'insert_overwrite' and partitioned_by is none -%}
        {%- if raw_strategy == 'microbatch' -%}
            {%- do exceptions.raise_compiler_error(
                "dbt-athena 'microbatch' incremental strategy for hive tables requires a `partitioned_by` config. "
                ~ 'Ensure you are using a `partitioned_by` column that is of grain ' ~ config.get('batch_size') ~ '.'
            ) -%}
        {%- endif -%}
        {#- There is nothing to overwrite by. -#}
        {%- set strategy = 'append' -%}
    {%- endif -%}
    {%- set suffix = '__dbt_tmp' -%}
    {%- if own_suffix and (table_type == 'iceberg' or strategy == 'insert_overwrite') -%}
        {%- set suffix = adapter.generate_unique_temporary_table_suffix() -%}
    {%- endif -%}
    {%- set tmp_relation = make_temp_relation(target_relation, suffix=suffix, temp_schema=config.get('temp_schema')) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set starts_over = existing_relation is none or existing_relation.is_view or should_full_refresh() -%}
    {%- if starts_over and existing_relation is not none and not existing_relation.is_view and table_type == 'iceberg'
            and not adapter.is_s3_tables_database(target_relation.database)
            and 'unique' in config.get('s3_data_naming', default=target.s3_data_naming)
            and adapter.get_glue_table_type(existing_relation).value == 'iceberg_table' -%}
        {#- Readers keep the old table until the new one is complete. -#}
        {%- set staged = api.Relation.create(
            database=target_relation.database,
            schema=target_relation.schema,
            identifier=target_relation.identifier ~ '__dbt_tmp',
            s3_path_table_part=target_relation.identifier,
            type='table'
        ) -%}
        {%- set backup = make_temp_relation(target_relation, '__bkp') -%}
        {%- for leftover in [staged, backup] if load_cached_relation(leftover) is not none -%}
            {%- do drop_relation(leftover) -%}
        {%- endfor -%}
        {%- set outcome = owlet_create_table(False, staged, compiled_code, force_batch) -%}
        {%- do rename_relation(target_relation, backup) -%}
        {%- do rename_relation(staged, target_relation) -%}
        {%- do drop_relation(backup) -%}
    {%- elif starts_over -%}
        {%- if existing_relation is not none -%}
            {%- do drop_relation(existing_relation) -%}
        {%- endif -%}
        {%- set outcome = owlet_create_table(False, target_relation, compiled_code, force_batch) -%}
    {%- else -%}
        {%- set unique_key = config.get('unique_key') -%}
        {%- set predicates = config.get('incremental_predicates') -%}
        {%- if strategy == 'merge' -%}
            {%- set what = 'Microbatch strategy for iceberg tables' if raw_strategy == 'microbatch' else 'Merge strategy' -%}
            {%- if unique_key is none -%}
                {%- do exceptions.raise_compiler_error(what ~ ' must implement unique_key as a single column or a list of columns.') -%}
            {%- endif -%}
            {%- if predicates is not none and not adapter.is_list(predicates) -%}
                {%- do exceptions.raise_compiler_error(what ~ ' must implement incremental_predicates as a list of predicates when provided.') -%}
            {%- endif -%}
        {%- endif -%}
        {%- set leftover = load_cached_relation(tmp_relation) -%}
        {%- if leftover is not none -%}
            {%- do drop_relation(leftover) -%}
        {%- endif -%}
        {%- do owlet_create_table(True, tmp_relation, compiled_code, force_batch) -%}
        {%- if strategy == 'merge' -%}
            {%- set build_sql = iceberg_merge(
                on_schema_change=on_schema_change,
                tmp_relation=tmp_relation,
                target_relation=target_relation,
                unique_key=unique_key,
                incremental_predicates=predicates,
                existing_relation=existing_relation,
                delete_condition=config.get('delete_condition'),
                update_condition=config.get('update_condition'),
                insert_condition=config.get('insert_condition'),
                force_batch=force_batch
            ) -%}
        {%- else -%}
            {%- if strategy == 'insert_overwrite' -%}
                {%- do delete_overlapping_partitions(target_relation, tmp_relation, partitioned_by) -%}
            {%- endif -%}
            {%- set build_sql = incremental_insert(on_schema_change, tmp_relation, target_relation, existing_relation, force_batch) -%}
        {%- endif -%}
    {%- endif -%}

    {%- if starts_over -%}
        {{ owlet_tell_table(outcome) }}
    {%- else -%}
        {% call statement('main') -%}
            {{ build_sql }}
        {%- endcall %}
    {%- endif -%}
    {%- if starts_over and table_type != 'iceberg' -%}
        {{ set_table_classification(target_relation) }}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {%- if not starts_over -%}
        {%- do drop_relation(tmp_relation) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {%- do owlet_apply_lake_formation(target_relation) -%}
    {%- do persist_docs(target_relation, model) -%}
    {%- do adapter.expire_glue_table_versions(target_relation, config.get('versions_to_keep', 1) | as_number, False) -%}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}
