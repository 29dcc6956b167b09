{% macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) -%}
    {%- set table_type = resolve_table_type() -%}
    {%- set added = schema_changes_dict['source_not_in_target'] -%}
    {%- set removed = schema_changes_dict['target_not_in_source'] -%}
    {%- set retyped = schema_changes_dict['new_target_types'] -%}
    {%- if on_schema_change == 'append_new_columns' -%}
        {%- do alter_relation_add_columns(target_relation, added, table_type) -%}
    {%- elif on_schema_change == 'sync_all_columns' and table_type == 'iceberg' -%}
        {#- A change of type that was stopped half-way has left the values in its auxiliary column. -#}
        {%- for rest in removed | list if rest.name.endswith('__dbt_alter') -%}
            {%- for column in added | list if column.name ~ '__dbt_alter' == rest.name -%}
                {%- do alter_relation_rename_column(target_relation, rest.name, column.name, column.data_type, table_type) -%}
                {%- do removed.remove(rest) -%}
                {%- do added.remove(column) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- do alter_relation_add_columns(target_relation, added, table_type) -%}
        {%- do alter_relation_drop_columns(target_relation, removed) -%}
        {%- for change in retyped -%}
            {%- do alter_column_type(target_relation, change['column_name'], change['new_type']) -%}
        {%- endfor -%}
    {%- elif on_schema_change == 'sync_all_columns' and (added or removed or retyped) -%}
        {%- do alter_relation_replace_columns(
            target_relation,
            remove_partitions_from_columns(schema_changes_dict['source_columns'], config.get('partitioned_by', default=none) or []),
            table_type
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#- Iceberg cannot change every type: a new column takes the values over, and the name in the end. -#}
{% macro athena__alter_column_type(relation, column_name, new_column_type) -%}
    {%- set table_type = resolve_table_type() -%}
    {%- set auxiliary = column_name ~ '__dbt_alter' -%}
    {%- set table = relation.render_hive() -%}
    {%- do run_query('alter table ' ~ table ~ ' add columns (`' ~ auxiliary ~ '` ' ~ ddl_data_type(new_column_type, table_type) ~ ')') -%}
    {%- do run_query('update ' ~ relation ~ ' set "' ~ auxiliary ~ '" = cast("' ~ column_name ~ '" as ' ~ new_column_type ~ ')') -%}
    {%- do run_query('alter table ' ~ table ~ ' drop column `' ~ column_name ~ '`') -%}
    {%- do alter_relation_rename_column(relation, auxiliary, column_name, new_column_type, table_type) -%}
{%- endmacro %}

{#- `name type, …` as Hive's DDL wants it. -#}
{% macro owlet_columns_in_ddl(columns, table_type) -%}
    {%- set texts = [] -%}
    {%- for column in columns -%}
        {%- do texts.append(column.quoted_hive ~ ' ' ~ ddl_data_type(column.data_type, table_type)) -%}
    {%- endfor -%}
    {{ return(texts | join(', ')) }}
{%- endmacro %}

{% macro alter_relation_add_columns(relation, add_columns=none, table_type='hive') -%}
    {%- if add_columns -%}
        {{ return(run_query('alter table ' ~ relation.render_hive() ~ ' add columns (' ~ owlet_columns_in_ddl(add_columns, table_type) ~ ')')) }}
    {%- endif -%}
{%- endmacro %}

{% macro alter_relation_replace_columns(relation, replace_columns=none, table_type='hive') -%}
    {%- if replace_columns -%}
        {{ return(run_query('alter table ' ~ relation.render_hive() ~ ' replace columns (' ~ owlet_columns_in_ddl(replace_columns, table_type) ~ ')')) }}
    {%- endif -%}
{%- endmacro %}

{% macro alter_relation_drop_columns(relation, remove_columns=none) -%}
    {%- for column in remove_columns or [] -%}
        {%- do run_query('alter table ' ~ relation.render_hive() ~ ' drop column ' ~ column.quoted_hive) -%}
    {%- endfor -%}
{%- endmacro %}

{% macro alter_relation_rename_column(relation, source_column, target_column, target_column_type, table_type='hive') -%}
    {{ return(run_query(
        'alter table ' ~ relation.render_hive() ~ ' change column `' ~ source_column ~ '` `' ~ target_column ~ '` '
        ~ ddl_data_type(target_column_type, table_type)
    )) }}
{%- endmacro %}
