{% macro athena__current_timestamp() -%}
    {{ cast_timestamp('now()') }}
{%- endmacro %}

{% macro athena__snapshot_string_as_time(timestamp) -%}
    {{ return(cast_timestamp("'" ~ timestamp ~ "'")) }}
{%- endmacro %}

{% macro end_of_time() -%}
    {{ return(adapter.dispatch('end_of_time')()) }}
{%- endmacro %}

{% macro athena__end_of_time() -%}
  cast('9999-01-01' AS timestamp)
{%- endmacro %}

{% macro athena__date_trunc(datepart, date) -%}
    date_trunc('{{ datepart }}', {{ date }})
{%- endmacro %}

{% macro athena__dateadd(datepart, interval, from_date_or_timestamp) -%}
    date_add('{{ datepart }}', {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}

{% macro athena__date(year, month, day) -%}
    {%- set text = '%04d-%02d-%02d' | format(year | int, month | int, day | int) -%}
    date '{{ text }}'
{%- endmacro %}

{#- The number of boundaries between two moments, as dbt counts it. -#}
{% macro athena__datediff(first_date, second_date, datepart) -%}
    {%- set a = 'CAST(' ~ first_date ~ ' AS TIMESTAMP)' -%}
    {%- set b = 'CAST(' ~ second_date ~ ' AS TIMESTAMP)' -%}
    {%- if datepart == 'year' -%}
        (year({{ b }}) - year({{ a }}))
    {%- elif datepart == 'quarter' -%}
        ({{ datediff(first_date, second_date, 'year') }} * 4) + quarter({{ b }}) - quarter({{ a }})
    {%- elif datepart == 'month' -%}
        ({{ datediff(first_date, second_date, 'year') }} * 12) + month({{ b }}) - month({{ a }})
    {%- elif datepart == 'day' -%}
        ((to_milliseconds((CAST({{ b }} AS DATE) - CAST({{ a }} AS DATE)))) / 86400000)
    {%- elif datepart == 'week' -%}
        ({{ datediff(first_date, second_date, 'day') }} / 7 + case
            when dow({{ a }}) <= dow({{ b }}) then
                case when {{ first_date }} <= {{ second_date }} then 0 else -1 end
            else
                case when {{ first_date }} <= {{ second_date }} then 1 else 0 end
        end)
    {%- elif datepart == 'hour' -%}
        ({{ datediff(first_date, second_date, 'day') }} * 24 + hour({{ b }}) - hour({{ a }}))
    {%- elif datepart == 'minute' -%}
        ({{ datediff(first_date, second_date, 'hour') }} * 60 + minute({{ b }}) - minute({{ a }}))
    {%- elif datepart == 'second' -%}
        ({{ datediff(first_date, second_date, 'minute') }} * 60 + second({{ b }}) - second({{ a }}))
    {%- elif datepart == 'millisecond' -%}
        (to_milliseconds(({{ b }} - {{ a }})))
    {%- else -%}
        {%- if execute -%}
            {{ exceptions.raise_compiler_error("Unsupported datepart for macro datediff in Athena: {!r}".format(datepart)) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
