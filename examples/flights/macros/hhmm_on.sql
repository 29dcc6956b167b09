{#- The moment HHMM (an integer such as 1745) of a day; 2400 is midnight at the day's end. -#}
{% macro hhmm_on(day, hhmm) -%}
  cast(date_add('minute', ({{ hhmm }} / 100) * 60 + {{ hhmm }} % 100, {{ day }}) as timestamp(3))
{%- endmacro %}
