{#- Athena empties no table: a seed is always made anew. -#}
{% macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {%- do drop_relation(old_relation) -%}
    {{ return(create_csv_table(model, agate_table)) }}
{%- endmacro %}

{% macro athena__create_csv_table(model, agate_table) -%}
    {%- if config.get('seed_by_insert', False) | as_bool -%}
        {{ return(create_csv_table_insert(model, agate_table)) }}
    {%- endif -%}
    {{ return(create_csv_table_upload(model, agate_table)) }}
{%- endmacro %}

{#- A column's type in queries: the author's word, else what its values allow. -#}
{% macro owlet_seed_type(agate_table, index) -%}
    {%- set type = config.get('column_types', {}).get(agate_table.column_names[index], adapter.convert_type(agate_table, index)) -%}
    {{ return('varchar' if type == 'string' else type) }}
{%- endmacro %}

{% macro owlet_seed_relation(model, suffix='') -%}
    {{ return(api.Relation.create(database=model.database, schema=model.schema, identifier=model['alias'] ~ suffix, type='table')) }}
{%- endmacro %}

{% macro owlet_seed_columns(agate_table, types) -%}
    {%- set columns = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- do columns.append(adapter.quote_seed_column(name, config.get('quote_columns'), '`') ~ ' ' ~ types[loop.index0]) -%}
    {%- endfor -%}
    {{ return(columns | join(', ')) }}
{%- endmacro %}

{% macro create_csv_table_insert(model, agate_table) -%}
    {%- set relation = owlet_seed_relation(model) -%}
    {%- set types = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- do types.append(ddl_data_type(owlet_seed_type(agate_table, loop.index0))) -%}
    {%- endfor -%}
    {%- set location = adapter.generate_s3_location(
        relation,
        config.get('s3_data_dir', target.s3_data_dir),
        config.get('s3_data_naming', target.s3_data_naming),
        config.get('s3_tmp_table_dir', default=target.s3_tmp_table_dir),
        config.get('external_location'),
        false
    ) -%}
    {%- set sql -%}
        create external table {{ relation.render_hive() }} ({{ owlet_seed_columns(agate_table, types) }})
        location '{{ location }}/'
    {%- endset -%}
    {%- call statement('_') -%}{{ sql }}{%- endcall -%}
    {%- do owlet_apply_lake_formation(relation) -%}
    {{ return(sql) }}
{%- endmacro %}

{% macro create_csv_table_upload(model, agate_table) -%}
    {%- set relation, tmp_relation = owlet_seed_relation(model), owlet_seed_relation(model, '__dbt_tmp') -%}
    {%- set location = adapter.upload_seed_to_s3(
        tmp_relation,
        agate_table,
        config.get('s3_data_dir', default=target.s3_data_dir),
        config.get('s3_data_naming', target.s3_data_naming),
        config.get('external_location', default=none),
        seed_s3_upload_args=config.get('seed_s3_upload_args', default=target.seed_s3_upload_args)
    ) -%}
    {%- if load_cached_relation(tmp_relation) is not none -%}
        {%- do adapter.delete_from_glue_catalog(tmp_relation) -%}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- set column, type = adapter.quote_seed_column(name, config.get('quote_columns')), owlet_seed_type(agate_table, loop.index0) -%}
        {%- if type == 'timestamp' -%}
            {%- do columns.append(try_cast_timestamp(column) | trim) -%}
        {%- else -%}
            {%- do columns.append('cast(nullif(' ~ column ~ ", '') as " ~ type ~ ') as ' ~ column) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- call statement('_') -%}
        create external table {{ tmp_relation.render_hive() }} ({{ owlet_seed_columns(agate_table, ['string'] * (agate_table.column_names | length)) }})
        row format serde 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
        location '{{ location }}/'
        tblproperties ('skip.header.line.count'='1')
    {%- endcall -%}
    {%- set rows -%}
        select
          {{ columns | join(',\n          ') }}
        from {{ tmp_relation }}
    {%- endset -%}
    {%- set sql = create_table_as(false, relation, rows) -%}
    {%- call statement('_') -%}{{ sql }}{%- endcall -%}
    {%- do drop_relation(tmp_relation) -%}
    {%- do owlet_apply_lake_formation(relation) -%}
    {{ return(sql) }}
{%- endmacro %}

{#- The formats that a timestamp in a CSV file may have. -#}
{% macro try_cast_timestamp(col) -%}
    {%- set attempts = [] -%}
    {%- for format in [
        '%Y-%m-%d %H:%i:%s', '%Y/%m/%d %H:%i:%s', '%d %M %Y %H:%i:%s', '%d/%m/%Y %H:%i:%s', '%d-%m-%Y %H:%i:%s',
        '%Y-%m-%d %H:%i:%s.%f', '%Y/%m/%d %H:%i:%s.%f', '%d %M %Y %H:%i:%s.%f', '%d/%m/%Y %H:%i:%s.%f',
        '%Y-%m-%dT%H:%i:%s.%fZ', '%Y-%m-%dT%H:%i:%sZ', '%Y-%m-%dT%H:%i:%s'
    ] -%}
        {%- do attempts.append('try(date_parse(' ~ col ~ ", '" ~ format ~ "'))") -%}
    {%- endfor -%}
    coalesce({{ attempts | join(', ') }}) as {{ col }}
{%- endmacro %}

{#- By default the rows came with the table. -#}
{% macro athena__load_csv_rows(model, agate_table) -%}
    {%- if config.get('seed_by_insert', False) | as_bool -%}
        {{ default__load_csv_rows(model, agate_table) }}
    {%- else -%}
        select 1
    {%- endif -%}
{%- endmacro %}
