{% macro twice(n) %}{{ return(n * 2) }}{% endmacro %}
{% macro default__pick() %}1{% endmacro %}
{% test row_count(model, above) %}
select count(*) as n from {{ model }} having count(*) <= {{ above }}
{% endtest %}
