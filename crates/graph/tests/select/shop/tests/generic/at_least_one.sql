{% test at_least_one(model, other) %}select 1 where (select count(*) from {{ model }}) + (select count(*) from {{ other }}) = 0{% endtest %}
