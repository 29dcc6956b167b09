{#- The text of a raw column, or NULL where the file says that the value is missing. -#}
{% macro not_missing(column, type='varchar') -%}
  {{ return(adapter.dispatch('not_missing', 'lake_tools')(column, type)) }}
{%- endmacro %}

{% macro default__not_missing(column, type) -%}
  cast(nullif({{ column }}, '{{ var("missing_text", "") }}') as {{ type }})
{%- endmacro %}

{#- A CSV column holds whatever people typed: what cannot be read as the type is NULL, not a failed query. -#}
{% macro athena__not_missing(column, type) -%}
  {%- if type == 'varchar' -%}
    nullif(trim({{ column }}), '{{ var("missing_text", "") }}')
  {%- else -%}
    try_cast(nullif(trim({{ column }}), '{{ var("missing_text", "") }}') as {{ type }})
  {%- endif -%}
{%- endmacro %}
