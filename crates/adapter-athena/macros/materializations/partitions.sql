{#- Conditions that each select the rows of at most so many partitions. Those of buckets are put together here, for projects that have a
    `process_bucket_column` of their own. -#}
{% macro get_partition_batches(sql, as_subquery=True) -%}
    {%- set keys, limit = config.get('partitioned_by'), config.get('partitions_limit', default=100) | int -%}
    {%- set words = keys | join(' ') | lower -%}
    {%- if 'bucket(' not in words or 'truncate(' in words -%}
        {{ return(adapter.get_partition_batches(sql, keys, limit, as_subquery)) }}
    {%- endif -%}
    {%- call statement('get_partitions', fetch_result=True) -%}
        select distinct {{ adapter.format_partition_keys(keys) }} from {{ '(' ~ sql ~ ')' if as_subquery else sql }}
    {%- endcall -%}
    {%- set table = load_result('get_partitions').table -%}
    {%- set ns = namespace(
        is_bucketed=false, bucket_column=none, bucket_numbers=[], bucket_conditions={}, bucket_has_null=false, partitions=[]
    ) -%}
    {%- for row in table.rows -%}
        {%- set conditions = [] -%}
        {%- for value in row -%}
            {%- set index, key = loop.index0, keys[loop.index0] -%}
            {%- do process_bucket_column(value, key, table, ns, index) -%}
            {%- if not owlet_bucket(key) -%}
                {%- set literal, operator = adapter.format_value_for_partition(value, adapter.convert_type(table, index)) -%}
                {%- do conditions.append(adapter.format_one_partition_key(key) ~ operator ~ literal) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set partition = conditions | join(' and ') -%}
        {%- if partition and partition not in ns.partitions -%}
            {%- do ns.partitions.append(partition) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set partitions_of_one = [1, [ns.partitions | length, limit] | min] | max -%}
    {%- set buckets_of_one = [1, (limit / partitions_of_one) | int] | max if ns.partitions else limit -%}
    {%- set bucket_conditions, batches = [], [] -%}
    {%- for numbers in ns.bucket_numbers | batch(buckets_of_one) -%}
        {%- set values = [] -%}
        {%- for number in numbers -%}{%- do values.extend(ns.bucket_conditions[number]) -%}{%- endfor -%}
        {%- for some in values | batch(limit) -%}
            {%- do bucket_conditions.append(ns.bucket_column ~ ' IN (' ~ some | join(', ') ~ ')') -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if ns.bucket_has_null -%}
        {%- do bucket_conditions.append(ns.bucket_column ~ ' is null') -%}
    {%- endif -%}
    {%- for condition in bucket_conditions -%}
        {%- for some in ns.partitions | batch(partitions_of_one) -%}
            {%- do batches.append('(' ~ some | join(' or ') ~ ') and ' ~ condition) -%}
        {%- else -%}
            {%- do batches.append(condition) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(batches) }}
{%- endmacro %}

{#- The column and the number of buckets of a partition key, if it is one of buckets. -#}
{% macro owlet_bucket(partition_key) -%}
    {{ return(modules.re.search('bucket\((.+?),\s*(\d+)\)', partition_key)) }}
{%- endmacro %}

{#- Notes in `ns` into which bucket a value falls. -#}
{% macro process_bucket_column(col, partition_key, table, ns, col_index) -%}
    {%- set found = owlet_bucket(partition_key) -%}
    {%- if found -%}
        {%- set ns.is_bucketed = true -%}
        {%- set ns.bucket_column = found[1] -%}
        {%- if col is none -%}
            {%- set ns.bucket_has_null = true -%}
        {%- else -%}
            {%- set number = adapter.murmur3_hash(col, found[2] | int) -%}
            {%- set literal, operator = adapter.format_value_for_partition(col, adapter.convert_type(table, col_index)) -%}
            {%- if number not in ns.bucket_numbers -%}
                {%- do ns.bucket_numbers.append(number) -%}
                {%- do ns.bucket_conditions.update({number: []}) -%}
            {%- endif -%}
            {%- if literal not in ns.bucket_conditions[number] -%}
                {%- do ns.bucket_conditions[number].append(literal) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
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
