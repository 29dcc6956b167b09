{% macro tool() %}1{% endmacro %}
{% test of_both(model) %}select 1 from {{ model }} where false{% endtest %}
