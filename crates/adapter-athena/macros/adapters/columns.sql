{#- A row of NULLs with the contract's types. -#}
{% macro athena__get_empty_schema_sql(columns) -%}
    {%- set selected = [] -%}
    {%- for name in columns -%}
        {%- set column = columns[name] -%}
        {%- if not column['data_type'] -%}
            {{ exceptions.raise_compiler_error('Contracted models require data_type to be defined for each column. Column without data_type: ' ~ column['name']) }}
        {%- endif -%}
        {%- set alias = adapter.quote(column['name']) if column.get('quote') else column['name'] -%}
        {%- do selected.append('cast(null as ' ~ dml_data_type(column['data_type']) ~ ') as ' ~ alias) -%}
    {%- endfor -%}
    select {{ selected | join(', ') }}
{%- endmacro %}

{% macro alter_relation_add_columns(relation, add_columns=none, table_type='hive') -%}
    {%- if add_columns -%}
        {%- set columns = [] -%}
        {%- for column in add_columns -%}
            {%- do columns.append('`' ~ column.name ~ '` ' ~ ddl_data_type(column.dtype, table_type)) -%}
        {%- endfor -%}
        {%- do run_query('alter table `' ~ relation.schema ~ '`.`' ~ relation.identifier ~ '` add columns (' ~ columns | join(', ') ~ ')') -%}
    {%- endif -%}
{%- endmacro %}

{% macro alter_relation_replace_columns(relation, replace_columns=none, table_type='hive') -%}
    {%- if replace_columns -%}
        {%- set columns = [] -%}
        {%- for column in replace_columns -%}
            {%- do columns.append('`' ~ column.name ~ '` ' ~ ddl_data_type(column.dtype, table_type)) -%}
        {%- endfor -%}
        {%- do run_query('alter table `' ~ relation.schema ~ '`.`' ~ relation.identifier ~ '` replace columns (' ~ columns | join(', ') ~ ')') -%}
    {%- endif -%}
{%- endmacro %}

{% macro alter_relation_drop_columns(relation, remove_columns=none) -%}
    {%- for column in remove_columns or [] -%}
        {%- do run_query('alter table `' ~ relation.schema ~ '`.`' ~ relation.identifier ~ '` drop column `' ~ column.name ~ '`') -%}
    {%- endfor -%}
{%- endmacro %}
