{% macro set_sql_header(config) -%}
  {{ config.set('sql_header', caller()) }}
{%- endmacro %}

{% macro should_full_refresh() %}
  {% set wanted = config.get('full_refresh') %}
  {{ return(flags.FULL_REFRESH if wanted is none else wanted) }}
{% endmacro %}

{% macro should_store_failures() %}
  {% set wanted = config.get('store_failures') %}
  {{ return(flags.STORE_FAILURES if wanted is none else wanted) }}
{% endmacro %}

{% macro is_incremental() %}
  {% if not execute %}
    {{ return(False) }}
  {% endif %}
  {% set existing = adapter.get_relation(this.database, this.schema, this.table) %}
  {% set is_table = existing is not none and existing.type == 'table' %}
  {{ return(is_table and model.config.materialized == 'incremental' and not should_full_refresh()) }}
{% endmacro %}

{% macro is_core_v2() %}{{ return(False) }}{% endmacro %}
