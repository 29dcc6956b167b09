{% macro get_partition_batches(sql, as_subquery=True) -%}
    {{ return(adapter.get_partition_batches(
        sql, config.get('partitioned_by'), config.get('partitions_limit', default=100), as_subquery
    )) }}
{%- endmacro %}

{#- The target's partitions that the new rows fall into. -#}
{% macro delete_overlapping_partitions(target_relation, tmp_relation, partitioned_by) -%}
    {%- call statement('get_partitions', fetch_result=True) -%}
        select distinct {{ partitioned_by | join(', ') }} from {{ tmp_relation }}
    {%- endcall -%}
    {%- set table = load_result('get_partitions').table -%}
    {%- set partitions = [] -%}
    {%- for row in table.rows -%}
        {%- set conditions = [] -%}
        {%- for value in row -%}
            {%- set kind = adapter.convert_type(table, loop.index0) -%}
            {%- if kind in ['string', 'date', 'timestamp'] -%}
                {%- set literal = "'" ~ value ~ "'" -%}
            {%- elif kind in ['integer', 'bigint', none] -%}
                {%- set literal = value | string -%}
            {%- else -%}
                {%- do exceptions.raise_compiler_error('Need to add support for column type ' ~ kind) -%}
            {%- endif -%}
            {%- do conditions.append(partitioned_by[loop.index0] ~ '=' ~ literal) -%}
        {%- endfor -%}
        {%- do partitions.append(conditions | join(' and ')) -%}
    {%- endfor -%}
    {%- do adapter.clean_up_partitions(target_relation, partitions) -%}
{%- endmacro %}

{% macro remove_partitions_from_columns(columns_with_partitions, partition_keys) -%}
    {{ return(columns_with_partitions | rejectattr('name', 'in', partition_keys) | list) }}
{%- endmacro %}
