{% macro athena__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        create schema if not exists `{{ relation.schema }}`
    {%- endcall -%}
{%- endmacro %}

{% macro athena__drop_schema(relation) -%}
    {%- do adapter.drop_schema(relation) -%}
{%- endmacro %}

{% macro drop_glue_database(database_name, catalog_name='awsdatacatalog') -%}
    {%- do adapter.drop_glue_database(database_name, catalog_name) -%}
{%- endmacro %}
