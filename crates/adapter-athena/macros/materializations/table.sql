{% materialization table, adapter='athena', supported_languages=['sql', 'python'] -%}
    {%- set table_type = resolve_table_type() -%}
    {%- set force_batch = config.get('force_batch', False) | as_bool -%}
    {%- set target_relation = api.Relation.create(
        database=database, schema=schema, identifier=model['alias'], type='table'
    ) -%}
    {%- set staged = api.Relation.create(
        database=database,
        schema=schema,
        identifier=target_relation.identifier ~ '__ha',
        s3_path_table_part=target_relation.identifier,
        type='table'
    ) -%}
    {%- set old_relation = load_cached_relation(target_relation) -%}
    {%- set is_unique = 'unique' in config.get('s3_data_naming', default='table_unique')
        and config.get('external_location', default=none) is none -%}
    {#- Spark may take its time, and fail: readers of a Python model keep the old table wherever that can be. -#}
    {%- set keeps_reading = table_type == 'hive'
        and (config.get('ha', default=false) or (model['language'] == 'python' and is_unique)) -%}
    {%- if keeps_reading and not is_unique -%}
        {%- do exceptions.raise_compiler_error(
            'You need to have an unique table location when using ha config with hive table. '
            ~ 'Use s3_data_naming unique, table_unique or schema_table_unique, and avoid to set an explicit external_location.'
        ) -%}
    {%- endif -%}

    {{ run_hooks(pre_hooks) }}

    {%- if table_type == 'hive' and keeps_reading and old_relation is not none and not flags.FULL_REFRESH
            and config.get('full_refresh', default=False) != True -%}
        {#- What a run that was stopped left there; its files may be the target's by now. -#}
        {%- if load_cached_relation(staged) is not none -%}
            {%- do adapter.delete_from_glue_catalog(staged) -%}
        {%- endif -%}
        {%- set outcome = owlet_create_table(False, staged, compiled_code, force_batch) -%}
        {%- do adapter.swap_table(staged, target_relation) -%}
        {%- do adapter.delete_from_glue_catalog(staged) -%}
        {%- do adapter.expire_glue_table_versions(target_relation, config.get('versions_to_keep', default=4), True) -%}
    {%- elif table_type == 'hive' or old_relation is none or adapter.is_s3_tables_database(database) -%}
        {%- if old_relation is not none -%}
            {%- do drop_relation(old_relation) -%}
        {%- endif -%}
        {%- set outcome = owlet_create_table(False, target_relation, compiled_code, force_batch) -%}
    {%- elif old_relation.is_view -%}
        {%- set outcome = owlet_create_table(False, staged, compiled_code, force_batch) -%}
        {%- do drop_relation(old_relation) -%}
        {%- do rename_relation(staged, target_relation) -%}
    {%- else -%}
        {%- set backup = make_temp_relation(old_relation, '__bkp') -%}
        {%- for leftover in [staged, backup] if load_cached_relation(leftover) is not none -%}
            {%- do drop_relation(leftover) -%}
        {%- endfor -%}
        {%- set outcome = owlet_create_table(False, staged, compiled_code, force_batch) -%}
        {%- set was_iceberg = adapter.get_glue_table_type(old_relation).value == 'iceberg_table' -%}
        {%- if was_iceberg -%}
            {%- do rename_relation(old_relation, backup) -%}
        {%- else -%}
            {%- do drop_relation_glue(old_relation) -%}
        {%- endif -%}
        {%- do rename_relation(staged, target_relation) -%}
        {%- if was_iceberg -%}
            {%- do drop_relation(backup) -%}
        {%- endif -%}
    {%- endif -%}
    {%- if table_type == 'hive' -%}
        {{ set_table_classification(target_relation) }}
    {%- endif -%}

    {{ owlet_tell_table(outcome) }}

    {{ run_hooks(post_hooks) }}
    {%- do owlet_apply_lake_formation(target_relation) -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}
