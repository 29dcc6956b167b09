{% macro cents_to_dollars(column, places=2) -%}
  round({{ column }} / 100.0, {{ places }})
{%- endmacro %}

{% macro finish() %}{% do log('done') %}{% endmacro %}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- if custom_schema_name is none -%}{{ target.schema }}{%- else -%}{{ target.schema }}__{{ custom_schema_name | trim }}{%- endif -%}
{%- endmacro %}
