{#- For a project's own materializations; the built-in ones do not go through it. -#}
{% macro create_table_as(temporary, relation, compiled_code, language='sql', skip_partitioning=false) -%}
    {{ adapter.dispatch('create_table_as', 'athena')(temporary, relation, compiled_code, language, skip_partitioning) }}
{%- endmacro %}

{% macro athena__create_table_as(temporary, relation, compiled_code, language='sql', skip_partitioning=false) -%}
    {%- set table_type = config.get('table_type', default='hive') | lower -%}
    {%- set is_iceberg = table_type == 'iceberg' -%}
    {%- set partitioned_by = none if skip_partitioning else config.get('partitioned_by', default=none) -%}
    {%- set location = adapter.generate_s3_location(
        relation,
        config.get('s3_data_dir', default=none),
        config.get('s3_data_naming', default=none),
        config.get('s3_tmp_table_dir', default=none),
        config.get('external_location', default=none),
        temporary
    ) -%}
    {%- set properties = ["table_type='" ~ table_type ~ "'"] -%}
    {%- if is_iceberg -%}
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
    {%- do properties.append("format='" ~ config.get('format', default='parquet') ~ "'") -%}
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

{% macro create_or_replace_view_sql(relation, sql) -%}
    create or replace view
    {{ relation }}
  as
    {{ sql }}
{%- endmacro %}

{% macro athena__create_view_as(relation, sql) -%}
    {{ create_or_replace_view_sql(relation, sql) }}
{%- endmacro %}
