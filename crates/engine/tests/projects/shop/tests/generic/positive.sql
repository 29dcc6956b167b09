{% test positive(model, col) %}
  {{ config(fail_calc='sum(1)') }}
select * from {{ model }} where {{ col }} < 0
{% endtest %}
