{% macro athena__safe_cast(field, type) -%}
    try_cast({{ field }} as {{ type }})
{%- endmacro %}

{% macro athena__hash(field) -%}
    lower(to_hex(md5(to_utf8(cast({{ field }} as varchar)))))
{%- endmacro %}

{#- How a column's type is written in DDL: Hive's grammar. -#}
{% macro ddl_data_type(col_type, table_type='hive') -%}
    {{- return(adapter.ddl_data_type(col_type, table_type)) -}}
{%- endmacro %}

{#- How a column's type is written in queries: Trino's grammar. -#}
{% macro dml_data_type(col_type) -%}
    {%- if col_type == 'int' -%}
        {{ return('integer') }}
    {%- elif col_type == 'string' -%}
        {{ return('varchar') }}
    {%- elif col_type == 'float' -%}
        {{ return('real') }}
    {%- else -%}
        {{ return(col_type) }}
    {%- endif -%}
{%- endmacro %}

{#- Iceberg tables hold timestamps with six digits. -#}
{% macro cast_timestamp(timestamp_col) -%}
    {%- set materialized = config.get('materialized', 'table') -%}
    {%- set table_type = config.get('table_type', 'hive') -%}
    {%- if table_type == 'iceberg' and materialized not in ['view', 'ephemeral'] -%}
        cast({{ timestamp_col }} as timestamp(6))
    {%- else -%}
        cast({{ timestamp_col }} as timestamp)
    {%- endif -%}
{%- endmacro %}
