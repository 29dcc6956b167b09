{% macro validate_get_incremental_strategy(raw_strategy, table_type) -%}
    {%- set known = ['append', 'merge', 'microbatch'] if table_type == 'iceberg' else ['append', 'insert_overwrite', 'microbatch'] -%}
    {%- if raw_strategy not in known -%}
        {%- do exceptions.raise_compiler_error(
            'Invalid incremental strategy provided: ' ~ raw_strategy ~ '. A table of type ' ~ table_type
            ~ ' has the strategies ' ~ (known | join(', '))
        ) -%}
    {%- endif -%}
    {{ return(raw_strategy) }}
{%- endmacro %}

{% macro get_partition_batches(sql, as_subquery=True) -%}
    {%- set keys = adapter.format_partition_keys(config.get('partitioned_by')) -%}
    {{ return(adapter.get_partition_batches(sql, keys, config.get('partitioned_by'), config.get('partitions_limit', default=100), as_subquery)) }}
{%- endmacro %}
