{#- For a project's own materializations; the built-in ones do not go through it. -#}
{% macro create_table_as(temporary, relation, compiled_code, language='sql', skip_partitioning=false) -%}
    {{ adapter.dispatch('create_table_as', 'athena')(temporary, relation, compiled_code, language, skip_partitioning) }}
{%- endmacro %}

{% macro athena__create_table_as(temporary, relation, compiled_code, language='sql', skip_partitioning=false) -%}
    {%- set catalog = adapter.build_catalog_relation(config.model) -%}
    {%- set table_type = resolve_table_type() -%}
    {%- set is_iceberg = table_type == 'iceberg' -%}
    {%- set partitioned_by = none if skip_partitioning else config.get('partitioned_by', default=none) -%}
    {%- set location = adapter.generate_s3_location(
        relation,
        config.get('s3_data_dir', default=none) or (catalog.external_volume if catalog else none),
        config.get('s3_data_naming', default=none),
        config.get('s3_tmp_table_dir', default=none),
        config.get('external_location', default=none),
        temporary
    ) -%}
    {%- set properties = ["table_type='" ~ table_type ~ "'"] -%}
    {%- if adapter.is_s3_tables_database(relation.database) -%}
        {%- do properties.append('is_external=false') -%}
    {%- elif is_iceberg -%}
        {%- do properties.append("is_external=false,location='" ~ location ~ "'") -%}
    {%- elif adapter.is_work_group_output_location_enforced() -%}
        {%- do properties.append('is_external=true') -%}
    {%- else -%}
        {%- do properties.append("is_external=true,external_location='" ~ location ~ "'") -%}
    {%- endif -%}
    {%- if partitioned_by is not none -%}
        {%- do properties.append(('partitioning' if is_iceberg else 'partitioned_by') ~ '=ARRAY' ~ (partitioned_by | tojson | replace('"', "'"))) -%}
    {%- endif -%}
    {%- if not is_iceberg and config.get('bucketed_by') is not none -%}
        {%- do properties.append('bucketed_by=ARRAY' ~ (config.get('bucketed_by') | tojson | replace('"', "'"))) -%}
    {%- endif -%}
    {%- if not is_iceberg and config.get('bucket_count') is not none -%}
        {%- do properties.append('bucket_count=' ~ config.get('bucket_count')) -%}
    {%- endif -%}
    {%- if config.get('field_delimiter') is not none -%}
        {%- do properties.append("field_delimiter='" ~ config.get('field_delimiter') ~ "'") -%}
    {%- endif -%}
    {%- if config.get('write_compression') is not none -%}
        {%- do properties.append("write_compression='" ~ config.get('write_compression') ~ "'") -%}
    {%- endif -%}
    {%- set format = config.get('format', default=none) or (catalog.file_format if catalog else none) or 'parquet' -%}
    {%- do properties.append("format='" ~ format ~ "'") -%}
    {%- for key, value in (config.get('table_properties') or {}).items() -%}
        {%- do properties.append(key ~ '=' ~ value) -%}
    {%- endfor -%}
    create table {{ relation }}
    with (
      {{ properties | join(',\n      ') }}
    )
    as
      {{ compiled_code }}
{%- endmacro %}

{#- `hive` or `iceberg`: the node's own word, else its catalog's. -#}
{% macro resolve_table_type() -%}
    {%- set catalog = adapter.build_catalog_relation(config.model) -%}
    {{- return((config.get('table_type', default=none) or (catalog.table_format if catalog else none) or 'hive') | lower) -}}
{%- endmacro %}

{% macro create_or_replace_view_sql(relation, sql) -%}
    create or replace view
    {{ relation }}
  as
    {{ sql }}
{%- endmacro %}

{% macro athena__create_view_as(relation, sql) -%}
    {{ create_or_replace_view_sql(relation, sql) }}
{%- endmacro %}
