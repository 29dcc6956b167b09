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
