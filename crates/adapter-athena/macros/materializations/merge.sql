{#- Of the columns of the table, those that a merge updates. -#}
{% macro get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) -%}
    {%- if merge_update_columns and merge_exclude_columns -%}
        {%- do exceptions.raise_compiler_error(
            'Model cannot specify merge_update_columns and merge_exclude_columns. Please update model to use only one config'
        ) -%}
    {%- endif -%}
    {%- set wanted = (merge_update_columns or []) | map('lower') | list -%}
    {%- set unwanted = (merge_exclude_columns or []) | map('lower') | list -%}
    {%- set columns = [] -%}
    {%- for column in dest_columns if (not wanted or column.column | lower in wanted) and column.column | lower not in unwanted -%}
        {%- do columns.append(column) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{% macro get_update_statement(col, rule, is_last) -%}
    {%- set new, old = 'src.' ~ col.quoted, 'target.' ~ col.quoted -%}
    {%- if rule == 'coalesce' -%}
        {%- set value = 'coalesce(' ~ new ~ ', ' ~ old ~ ')' -%}
    {%- elif rule == 'sum' and col.data_type.startswith('map') -%}
        {%- set value = 'map_zip_with(coalesce(' ~ new ~ ', map()), coalesce(' ~ old ~ ', map()), (k, v1, v2) -> coalesce(v1, 0) + coalesce(v2, 0))' -%}
    {%- elif rule == 'sum' -%}
        {%- set value = new ~ ' + ' ~ old -%}
    {%- elif rule == 'append' -%}
        {%- set value = new ~ ' || ' ~ old -%}
    {%- elif rule == 'append_distinct' -%}
        {%- set value = 'array_distinct(' ~ new ~ ' || ' ~ old ~ ')' -%}
    {%- elif rule == 'replace' -%}
        {%- set value = new -%}
    {%- else -%}
        {%- set value = rule | replace('_new_', new) | replace('_old_', old) -%}
    {%- endif -%}
    {{ col.quoted }} = {{ value }}{{ ',' if not is_last }}
{%- endmacro %}

{% macro iceberg_merge(
    on_schema_change,
    tmp_relation,
    target_relation,
    unique_key,
    incremental_predicates,
    existing_relation,
    delete_condition,
    update_condition,
    insert_condition,
    force_batch,
    statement_name='main'
) -%}
    {%- set rules = config.get('merge_update_columns_rules') or {} -%}
    {%- set default_rule = config.get('merge_update_columns_default_rule', 'replace') -%}
    {%- set columns = owlet_columns_to_write(on_schema_change, tmp_relation, target_relation, existing_relation) -%}
    {%- set dest_cols_csv = columns | map(attribute='quoted') | join(', ') -%}
    {%- set keys = [unique_key] if unique_key is string else unique_key -%}
    {%- set values, others, updates, conditions = [], [], [], [] -%}
    {%- for column in columns -%}
        {%- do values.append('src.' ~ column.quoted) -%}
        {%- if column.name not in keys -%}{%- do others.append(column) -%}{%- endif -%}
    {%- endfor -%}
    {%- for column in get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), others) -%}
        {%- do updates.append(get_update_statement(column, rules.get(column.name, default_rule), loop.last)) -%}
    {%- endfor -%}
    {%- for key in keys -%}{%- do conditions.append('target.' ~ key ~ ' = src.' ~ key) -%}{%- endfor -%}
    {%- if incremental_predicates -%}
        {%- do conditions.append('(' ~ incremental_predicates | join(' and ') ~ ')') -%}
    {%- endif -%}
    {%- set merge_part %}
    on ({{ conditions | join(' and ') }})
    {%- if delete_condition is not none %}
    when matched and ({{ delete_condition }}) then delete
    {%- endif %}
    {%- if updates %}
    when matched {{ 'and ' ~ update_condition if update_condition is not none }} then update set
        {{ updates | join('\n        ') }}
    {%- endif %}
    when not matched {{ 'and ' ~ insert_condition if insert_condition is not none }} then insert ({{ dest_cols_csv }})
        values ({{ values | join(', ') }})
    {%- endset -%}
    {%- set ns = namespace(outcome='TOO_MANY_OPEN_PARTITIONS') -%}
    {%- if not force_batch -%}
        {%- set ns.outcome = adapter.run_query_with_partitions_limit_catching(
            'merge into ' ~ target_relation ~ ' as target using ' ~ tmp_relation ~ ' as src' ~ merge_part
        ) -%}
    {%- endif -%}
    {%- if ns.outcome == 'TOO_MANY_OPEN_PARTITIONS' -%}
        {%- do batch_iceberg_merge(tmp_relation, target_relation, merge_part, dest_cols_csv) -%}
    {%- endif -%}
    SELECT '{{ ns.outcome }}'
{%- endmacro %}

{% macro batch_iceberg_merge(tmp_relation, target_relation, merge_part, dest_cols_csv) -%}
    {%- for batch in get_partition_batches(tmp_relation, as_subquery=False) -%}
        {%- do run_query(
            'merge into ' ~ target_relation ~ ' as target using (select ' ~ dest_cols_csv ~ ' from ' ~ tmp_relation
            ~ ' where ' ~ batch ~ ') as src' ~ merge_part
        ) -%}
    {%- endfor -%}
{%- endmacro %}
