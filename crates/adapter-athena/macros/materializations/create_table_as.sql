{#- These build a node when the project has a macro of its own in place of one of them; else the node's plan does. -#}
{% macro create_table_as(temporary, relation, compiled_code, language='sql', skip_partitioning=false) -%}
    {{ adapter.dispatch('create_table_as', 'athena')(temporary, relation, compiled_code, language, skip_partitioning) }}
{%- endmacro %}

{% macro athena__create_table_as(temporary, relation, compiled_code, language='sql', skip_partitioning=false) -%}
    {%- set catalog = adapter.build_catalog_relation(config.model) -%}
    {%- set table_type = resolve_table_type() -%}
    {%- set is_iceberg = table_type == 'iceberg' -%}
    {%- set in_s3_tables = catalog is not none and catalog.catalog_type == 's3_tables' -%}
    {%- set external_location = config.get('external_location', default=none) -%}
    {%- set naming = config.get('s3_data_naming', default=target.s3_data_naming) -%}
    {%- set partitioned_by = none if skip_partitioning else config.get('partitioned_by', default=none) -%}
    {%- set properties = ["table_type='" ~ table_type ~ "'", 'is_external=' ~ ('false' if is_iceberg else 'true')] -%}

    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(compiled_code) }}
    {%- endif -%}
    {%- if language == 'python' and in_s3_tables -%}
        {%- do exceptions.raise_compiler_error(
            'Python models cannot be tables of S3 Tables: Spark writes to a location, and there a table has none.'
        ) -%}
    {%- endif -%}
    {%- if is_iceberg and not in_s3_tables and config.get('materialized', default='table') == 'table'
            and ('unique' not in naming or external_location is not none) -%}
        {%- do exceptions.raise_compiler_error(
            'You need to have an unique table location when creating Iceberg table since we use the RENAME feature to have near-zero downtime.'
        ) -%}
    {%- endif -%}
    {%- if not in_s3_tables -%}
        {%- set location = adapter.generate_s3_location(
            relation,
            config.get('s3_data_dir', default=none) or (catalog.external_volume if catalog is not none else none) or target.s3_data_dir,
            naming,
            config.get('s3_tmp_table_dir', default=target.s3_tmp_table_dir),
            external_location,
            temporary
        ) -%}
        {%- if not (is_iceberg and config.get('native_drop', default=false)) -%}
            {%- do adapter.delete_from_s3(location) -%}
        {%- endif -%}
        {%- if is_iceberg or not adapter.is_work_group_output_location_enforced() -%}
            {%- do properties.append(('location' if is_iceberg else 'external_location') ~ "='" ~ location ~ "'") -%}
        {%- endif -%}
    {%- endif -%}
    {%- if language == 'python' -%}
        {{ return(athena__py_save_table_as(
            compiled_code,
            relation,
            optional_args={
                'location': location,
                'format': config.get('format', default=none) or (catalog.file_format if catalog is not none else none) or 'parquet',
                'mode': 'overwrite',
                'partitioned_by': partitioned_by,
                'bucketed_by': config.get('bucketed_by', default=none),
                'bucket_count': config.get('bucket_count', default=none),
                'write_compression': config.get('write_compression', default=none),
                'field_delimiter': config.get('field_delimiter', default=none),
                'spark_ctas': owlet_spark_create_table(relation, location, partitioned_by) if is_iceberg else ''
            }
        )) }}
    {%- endif -%}
    {%- if partitioned_by is not none -%}
        {%- do properties.append(('partitioning' if is_iceberg else 'partitioned_by') ~ '=ARRAY' ~ (partitioned_by | tojson | replace('"', "'"))) -%}
    {%- endif -%}
    {%- if not is_iceberg -%}
        {%- if config.get('bucketed_by', default=none) is not none -%}
            {%- do properties.append('bucketed_by=ARRAY' ~ (config.get('bucketed_by') | tojson | replace('"', "'"))) -%}
        {%- endif -%}
        {%- if config.get('bucket_count', default=none) is not none -%}
            {%- do properties.append('bucket_count=' ~ config.get('bucket_count')) -%}
        {%- endif -%}
    {%- endif -%}
    {%- for key in ['field_delimiter', 'write_compression'] if config.get(key, default=none) is not none -%}
        {%- do properties.append(key ~ "='" ~ config.get(key) ~ "'") -%}
    {%- endfor -%}
    {%- set format = config.get('format', default=none) or (catalog.file_format if catalog is not none else none) or 'parquet' -%}
    {%- do properties.append("format='" ~ format ~ "'") -%}
    {%- for key, value in (config.get('table_properties', default=none) or {}).items() -%}
        {%- do properties.append(key ~ '=' ~ value) -%}
    {%- endfor %}
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

{#- Creates the table, in batches of partitions where one statement would open too many; answers what came of it. -#}
{% macro safe_create_table_as(temporary, relation, compiled_code, language='sql', force_batch=False) -%}
    {%- if language != 'sql' -%}
        {{ return(create_table_as(temporary, relation, compiled_code, language)) }}
    {%- endif -%}
    {%- if not force_batch and temporary -%}
        {%- do run_query(create_table_as(temporary, relation, compiled_code, language, true)) -%}
        {{ return(relation ~ ' as temporary relation without partitioning created') }}
    {%- endif -%}
    {%- if not force_batch -%}
        {%- set outcome = adapter.run_query_with_partitions_limit_catching(create_table_as(temporary, relation, compiled_code)) -%}
        {%- if outcome != 'TOO_MANY_OPEN_PARTITIONS' -%}
            {{ return(outcome) }}
        {%- endif -%}
    {%- endif -%}
    {%- do create_table_as_with_partitions(temporary, relation, compiled_code, language) -%}
    {{ return(relation ~ ' with many partitions created') }}
{%- endmacro %}

{#- As `safe_create_table_as`; the code that it writes for a Python model is run by Spark. -#}
{% macro owlet_create_table(temporary, relation, compiled_code, force_batch) -%}
    {%- set outcome = safe_create_table_as(temporary, relation, compiled_code, model['language'], force_batch) -%}
    {%- if model['language'] == 'python' -%}
        {%- call statement('create_table', language='python') -%}
            {{- outcome -}}
        {%- endcall -%}
    {%- endif -%}
    {{ return(outcome) }}
{%- endmacro %}

{#- The node's main statement after its table was created: what came of it, or the code that Spark ran. -#}
{% macro owlet_tell_table(outcome) -%}
    {%- if model['language'] == 'python' -%}
        {%- call noop_statement('main', 'OK', 'OK', -1, none) -%}
            {{- outcome -}}
        {%- endcall -%}
    {%- else -%}
        {%- call statement('main') -%}
            SELECT '{{ outcome }}'
        {%- endcall -%}
    {%- endif -%}
{%- endmacro %}

{#- By way of a table without partitions. -#}
{% macro create_table_as_with_partitions(temporary, relation, compiled_code, language='sql') -%}
    {%- set name = relation.identifier ~ '__tmp_not_partitioned' -%}
    {%- set stage = api.Relation.create(
        database=relation.database, schema=relation.schema, identifier=name, s3_path_table_part=name, type='table'
    ) -%}
    {%- do drop_relation(stage) -%}
    {%- do run_query(create_table_as(temporary, stage, compiled_code, language, true)) -%}
    {%- set columns = adapter.get_columns_in_relation(stage) | map(attribute='quoted') | join(', ') -%}
    {%- for batch in get_partition_batches(sql=stage, as_subquery=False) -%}
        {%- set rows = 'select ' ~ columns ~ ' from ' ~ stage ~ ' where ' ~ batch -%}
        {%- if loop.first -%}
            {%- do run_query(create_table_as(temporary, relation, rows, language)) -%}
        {%- else -%}
            {%- do run_query('insert into ' ~ relation ~ ' (' ~ columns ~ ') ' ~ rows) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do drop_relation(stage) -%}
    select 'SUCCESSFULLY CREATED TABLE {{ relation }}'
{%- endmacro %}
