{% macro athena__drop_relation(relation) -%}
    {%- do adapter.drop_relation(relation) -%}
{%- endmacro %}

{% macro drop_relation_glue(relation) -%}
    {%- do adapter.drop_relation(relation) -%}
{%- endmacro %}

{% macro athena__rename_relation(from_relation, to_relation) -%}
    {%- do adapter.rename_relation(from_relation, to_relation) -%}
{%- endmacro %}

{% macro make_temp_relation(base_relation, suffix='__dbt_tmp', temp_schema=none) -%}
    {%- set identifier = base_relation.identifier ~ suffix -%}
    {%- set schema = temp_schema if temp_schema is not none else base_relation.schema -%}
    {%- set relation = api.Relation.create(
        database=base_relation.database, schema=schema, identifier=identifier, type=base_relation.type
    ) -%}
    {%- if temp_schema is not none -%}
        {%- do adapter.create_schema(relation) -%}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}

{% macro set_table_classification(relation) -%}
    {%- set format = config.get('format', default='parquet') -%}
    {%- call statement('set_table_classification', auto_begin=False) -%}
        alter table `{{ relation.schema }}`.`{{ relation.identifier }}` set tblproperties ('classification' = '{{ format }}')
    {%- endcall -%}
{%- endmacro %}
