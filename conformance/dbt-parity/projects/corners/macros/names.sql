{# Found through the dispatch of the built-in macro. #}
{% macro default__generate_schema_name(custom_schema_name, node) -%}
  {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}

{% macro cutoff() %}{{ return('2024-01-01') }}{% endmacro %}
{% macro helper(x) %}{{ adapter.dispatch('helper')(x) }}{% endmacro %}
{% macro default__helper(x) %}{{ x }}{% endmacro %}
{% macro uses_dispatch() %}{{ adapter.dispatch('helper', 'corners')(1) }}{{ tool() }}{{ ref('stated') }}{% endmacro %}

{% test over(model, column_name, than) %}
  {{ config(fail_calc='count(*) + 0', tags=['from_macro']) }}
  select * from {{ model }} where {{ column_name }} > {{ than }}
{% endtest %}

{% test of_both(model) %}select 1 from {{ model }} where false{% endtest %}

{# A package's name before a macro's: dbt's own macro, though the project has one of that name. #}
{% macro current_timestamp_of() %}{{ dbt.default__helper(1) }}{{ corner_tools.tool() }}{{ dbt.type_string() }}{% endmacro %}
{% materialization test, default %}{% do return(dbt.materialization_test_default()) %}{% endmaterialization %}
