{# Parts of dbt's and dbt-athena's materializations in other words: each must be called by dbt and by Owlet alike. #}
{% macro run_hooks(hooks, inside_transaction=True) %}
  {{ return(dbt.run_hooks(hooks, inside_transaction)) }}
{% endmacro %}

{% macro athena__create_table_as(temporary, relation, compiled_code, language='sql', skip_partitioning=false) %}
  {%- set marked = 'select *, \'' ~ model.name ~ '\' as built_by from (' ~ compiled_code ~ ')' -%}
  {%- set sql = marked if model.name == 'plain' and not temporary and flags.WHICH != 'clone' else compiled_code -%}
  {{ return(dbt.athena__create_table_as(temporary, relation, sql, language, skip_partitioning)) }}
{% endmacro %}

{% macro athena__create_view_as(relation, sql) %}
  {%- set marked = 'select *, 1 as of_macro from (' ~ sql ~ ')' -%}
  {{ return(dbt.athena__create_view_as(relation, sql if flags.WHICH == 'clone' else marked)) }}
{% endmacro %}

{% macro get_update_statement(col, rule, is_last) %}
  {%- if rule == 'sum' -%}
    {{ col.quoted }} = greatest(src.{{ col.quoted }}, target.{{ col.quoted }}){{ ',' if not is_last }}
  {%- else -%}
    {{ dbt.get_update_statement(col, rule, is_last) }}
  {%- endif -%}
{% endmacro %}

{% macro athena__snapshot_hash_arguments(args) %}
    cast({{ args | first }} as varchar)
{% endmacro %}

{% macro athena__load_csv_rows(model, agate_table) %}
  {%- do log('rows to load: ' ~ agate_table.rows | length, info=true) -%}
  {{ return(dbt.athena__load_csv_rows(model, agate_table)) }}
{% endmacro %}

{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
  {{ return(dbt.get_test_sql(main_sql, fail_calc ~ ' + 1', '> 1', '> 1', limit)) }}
{% endmacro %}

{% macro process_bucket_column(col, partition_key, table, ns, col_index) %}
  {%- do log('bucket of ' ~ col if col == 1, info=true) -%}
  {%- do dbt.process_bucket_column(col, partition_key, table, ns, col_index) -%}
{% endmacro %}

{% macro get_fixture_sql(rows, column_name_to_data_types) %}
  {{ dbt.get_fixture_sql(rows + [{'id': 2}], column_name_to_data_types) }}
{% endmacro %}

{% macro get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) %}
  {%- do run_query('create or replace view ' ~ schema ~ '.of_' ~ model.name ~ " as select '" ~ model.resource_type ~ ' ' ~ this.identifier ~ "' as name") -%}
  {{ dbt.get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) }}
{% endmacro %}

{% macro can_clone_table() %}
  {{ return(model.name == 'plain') }}
{% endmacro %}

{% macro athena__create_or_replace_clone(this_relation, defer_relation) %}
  {{ return(create_table_as(False, this_relation, 'select *, 1 as cloned from ' ~ defer_relation)) }}
{% endmacro %}
