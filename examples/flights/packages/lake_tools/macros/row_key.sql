{#- One text key out of several columns, stable over runs. -#}
{% macro row_key(columns) -%}
  {%- set parts = [] -%}
  {%- for column in columns -%}
    {%- do parts.append("coalesce(cast(" ~ column ~ " as varchar), '')") -%}
  {%- endfor -%}
  lower(to_hex(md5(to_utf8({{ parts | join(" || '|' || ") }}))))
{%- endmacro %}
