{% macro athena__drop_relation(relation) -%}
    {%- set kind = adapter.get_glue_table_type(relation) -%}
    {%- set by_statement = relation.type == 'view' or (kind is not none and kind.value == 'iceberg_table') -%}
    {%- if adapter.is_s3_tables_database(relation.database) -%}
        {%- do drop_relation_s3_tables(relation) -%}
    {%- elif config.get('native_drop', default=false) and by_statement -%}
        {%- do drop_relation_sql(relation) -%}
    {%- else -%}
        {%- do drop_relation_glue(relation) -%}
    {%- endif -%}
{%- endmacro %}

{#- The table in Glue, and the files that are its own. -#}
{% macro drop_relation_glue(relation) -%}
    {%- do adapter.drop_relation(relation) -%}
{%- endmacro %}

{% macro drop_relation_s3_tables(relation) -%}
    {%- do adapter.delete_from_glue_catalog(relation) -%}
{%- endmacro %}

{% macro drop_relation_sql(relation) -%}
    {%- call statement('drop_relation', auto_begin=False) -%}
        drop {{ relation.type }} if exists {{ relation.render() if relation.type == 'view' else relation.render_hive() }}
    {%- endcall -%}
{%- endmacro %}

{% macro athena__rename_relation(from_relation, to_relation) -%}
    {%- do adapter.rename_relation(from_relation, to_relation) -%}
{%- endmacro %}

{% macro make_temp_relation(base_relation, suffix='__dbt_tmp', temp_schema=none) -%}
    {%- set path = {'identifier': base_relation.identifier ~ suffix} -%}
    {%- if temp_schema is not none -%}
        {%- do path.update({'schema': temp_schema}) -%}
    {%- endif -%}
    {%- set relation = base_relation.incorporate(path=path) -%}
    {%- if temp_schema is not none -%}
        {%- do create_schema(relation) -%}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}

{% macro set_table_classification(relation) -%}
    {%- set format = config.get('format', default='parquet') -%}
    {%- call statement('set_table_classification', auto_begin=False) -%}
        alter table {{ relation.render_hive() }} set tblproperties ('classification' = '{{ format }}')
    {%- endcall -%}
{%- endmacro %}

{% macro athena__persist_docs(relation, model, for_relation=true, for_columns=true) -%}
    {%- set of_relation = for_relation and config.persist_relation_docs() -%}
    {%- set of_columns = for_columns and config.persist_column_docs() and model.columns -%}
    {%- if of_relation or of_columns -%}
        {%- do adapter.persist_docs_to_glue(
            relation=relation,
            model=model,
            persist_relation_docs=of_relation,
            persist_column_docs=of_columns,
            skip_archive_table_version=true
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#- What dbt-athena's materializations do last of all. -#}
{% macro owlet_apply_lake_formation(relation) -%}
    {%- if config.get('lf_tags_config') is not none -%}
        {%- do adapter.add_lf_tags(relation, config.get('lf_tags_config')) -%}
    {%- endif -%}
    {%- if config.get('lf_grants') is not none -%}
        {%- do adapter.apply_lf_grants(relation, config.get('lf_grants')) -%}
    {%- endif -%}
{%- endmacro %}
