{% macro get_columns_in_relation(relation) -%}
  {{ return(adapter.dispatch('get_columns_in_relation', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_columns_in_relation(relation) -%}
  {{ return(adapter.get_columns_in_relation(relation)) }}
{%- endmacro %}

{% macro get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  {{ return(adapter.dispatch('get_empty_subquery_sql', 'dbt')(select_sql, select_sql_header)) }}
{%- endmacro %}

{% macro default__get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
    {%- if select_sql_header is not none -%}
    {{ select_sql_header }}
    {%- endif -%}
    select * from (
        {{ select_sql }}
    ) as __dbt_sbq
    where false
    limit 0
{% endmacro %}

{% macro get_empty_schema_sql(columns) -%}
  {{ return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) }}
{%- endmacro %}

{% macro default__get_empty_schema_sql(columns) -%}
    {%- set untyped = [] -%}
    {%- for column in columns.values() if column['data_type'] is not defined or not column['data_type'] -%}
      {%- do untyped.append(column['name']) -%}
    {%- endfor -%}
    {%- if untyped -%}
      {{ exceptions.column_type_missing(column_names=untyped) }}
    {%- endif -%}
    select
    {%- for column in columns.values() %}
      cast(null as {{ column['data_type'] }}) as {{ adapter.quote(column['name']) if column.get('quote') else column['name'] }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro get_columns_in_query(select_sql) -%}
  {{ return(adapter.dispatch('get_columns_in_query', 'dbt')(select_sql)) }}
{%- endmacro %}

{% macro default__get_columns_in_query(select_sql) -%}
  {%- call statement('get_columns_in_query', fetch_result=True, auto_begin=False) -%}
    {{ get_empty_subquery_sql(select_sql) }}
  {%- endcall -%}
  {{ return(load_result('get_columns_in_query').table.column_names | list) }}
{%- endmacro %}

{% macro get_column_schema_from_query(select_sql, select_sql_header=none) -%}
  {{ return(adapter.get_column_schema_from_query(get_empty_subquery_sql(select_sql, select_sql_header))) }}
{%- endmacro %}

{% macro get_list_of_column_names(columns) -%}
  {{ return(columns | map(attribute='name') | list) }}
{%- endmacro %}

{% macro sql_convert_columns_in_relation(table) -%}
  {% set columns = [] %}
  {% for row in table %}{% do columns.append(api.Column(*row)) %}{% endfor %}
  {{ return(columns) }}
{%- endmacro %}

{% macro alter_column_type(relation, column_name, new_column_type) -%}
  {{ return(adapter.dispatch('alter_column_type', 'dbt')(relation, column_name, new_column_type)) }}
{%- endmacro %}

{% macro default__alter_column_type(relation, column_name, new_column_type) -%}
  {%- set temporary_name = column_name ~ '__dbt_alter' -%}
  {% call statement('alter_column_type') %}
    alter table {{ relation }} add column {{ adapter.quote(temporary_name) }} {{ new_column_type }};
    update {{ relation }} set {{ adapter.quote(temporary_name) }} = {{ adapter.quote(column_name) }};
    alter table {{ relation }} drop column {{ adapter.quote(column_name) }} cascade;
    alter table {{ relation }} rename column {{ adapter.quote(temporary_name) }} to {{ adapter.quote(column_name) }}
  {% endcall %}
{%- endmacro %}

{% macro alter_relation_add_remove_columns(relation, add_columns=none, remove_columns=none) -%}
  {{ return(adapter.dispatch('alter_relation_add_remove_columns', 'dbt')(relation, add_columns, remove_columns)) }}
{%- endmacro %}

{% macro default__alter_relation_add_remove_columns(relation, add_columns=none, remove_columns=none) -%}
  {%- set changes = [] -%}
  {%- for column in (add_columns or []) -%}
    {%- do changes.append('add column ' ~ column.quoted ~ ' ' ~ column.expanded_data_type) -%}
  {%- endfor -%}
  {%- for column in (remove_columns or []) -%}
    {%- do changes.append('drop column ' ~ column.quoted) -%}
  {%- endfor -%}
  {%- if changes -%}
    {%- do run_query('alter table ' ~ relation.render() ~ ' ' ~ changes | join(', ')) -%}
  {%- endif -%}
{%- endmacro %}

{% macro get_quoted_csv(column_names) %}
  {%- set quoted = [] -%}
  {%- for name in column_names -%}{%- do quoted.append(adapter.quote(name)) -%}{%- endfor -%}
  {{ return(quoted | join(', ')) }}
{% endmacro %}

{% macro diff_columns(source_columns, target_columns) %}
  {%- set known = target_columns | map(attribute='column') | list -%}
  {%- set missing = [] -%}
  {%- for column in source_columns if column.column not in known -%}{%- do missing.append(column) -%}{%- endfor -%}
  {{ return(missing) }}
{% endmacro %}

{% macro diff_column_data_types(source_columns, target_columns) -%}
  {{ return(adapter.dispatch('diff_column_data_types', 'dbt')(source_columns, target_columns)) }}
{%- endmacro %}

{% macro default__diff_column_data_types(source_columns, target_columns) -%}
  {%- set changed = [] -%}
  {%- for column in source_columns -%}
    {%- set before = target_columns | selectattr('name', 'equalto', column.name) | first -%}
    {%- if before and before.expanded_data_type != column.expanded_data_type and not before.can_expand_to(other_column=column) -%}
      {%- do changed.append({'column_name': before.name, 'new_type': column.expanded_data_type}) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(changed) }}
{%- endmacro %}

{% macro get_table_columns_and_constraints() -%}
  {{ return(adapter.dispatch('get_table_columns_and_constraints', 'dbt')()) }}
{%- endmacro %}

{% macro default__get_table_columns_and_constraints() -%}
  {{ return(table_columns_and_constraints()) }}
{%- endmacro %}

{% macro table_columns_and_constraints() %}
  (
  {%- for column in model['columns'].values() %}
    {{ column['name'] }} {{ column['data_type'] }}{{ ',' if not loop.last }}
  {%- endfor %}
  )
{% endmacro %}

{% macro get_assert_columns_equivalent(sql) -%}
  {{ return(adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql)) }}
{%- endmacro %}

{% macro default__get_assert_columns_equivalent(sql) -%}
  {{ return(assert_columns_equivalent(sql)) }}
{%- endmacro %}

{% macro assert_columns_equivalent(sql) %}
  {%- set given = get_column_schema_from_query(sql, config.get('sql_header', none)) -%}
  {%- set wanted = get_column_schema_from_query(get_empty_schema_sql(model['columns'])) -%}
  {%- set problems = [] -%}
  {%- set by_name = {} -%}
  {%- for column in given -%}{%- do by_name.update({column.name | lower: column}) -%}{%- endfor -%}
  {%- for column in wanted -%}
    {%- set found = by_name.pop(column.name | lower, none) -%}
    {%- if found is none -%}
      {%- do problems.append('| ' ~ column.name ~ ' | | ' ~ column.data_type ~ ' | missing in definition |') -%}
    {%- elif found.data_type | lower != column.data_type | lower -%}
      {%- do problems.append('| ' ~ column.name ~ ' | ' ~ found.data_type ~ ' | ' ~ column.data_type ~ ' | data type mismatch |') -%}
    {%- endif -%}
  {%- endfor -%}
  {%- for column in by_name.values() -%}
    {%- do problems.append('| ' ~ column.name ~ ' | ' ~ column.data_type ~ ' | | missing in contract |') -%}
  {%- endfor -%}
  {%- if problems -%}
    {%- set head = ['This model has an enforced contract that failed.', 'Please ensure the name, data_type, and number of columns in your contract match the columns in your model\'s definition.', '', '| column_name | definition_type | contract_type | mismatch_reason |', '| ----------- | --------------- | ------------- | --------------- |'] -%}
    {%- do exceptions.raise_contract_error((head + problems) | join('\n')) -%}
  {%- endif -%}
{% endmacro %}

{% macro get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) -%}
  {{ return(adapter.dispatch('get_merge_update_columns', 'dbt')(merge_update_columns, merge_exclude_columns, dest_columns)) }}
{%- endmacro %}

{% macro default__get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) -%}
  {%- if merge_update_columns and merge_exclude_columns -%}
    {{ exceptions.raise_compiler_error('Model cannot specify merge_update_columns and merge_exclude_columns. Please update model to use only one config') }}
  {%- elif merge_update_columns -%}
    {{ return(merge_update_columns) }}
  {%- endif -%}
  {%- set left_out = (merge_exclude_columns or []) | map('lower') | list -%}
  {%- set columns = [] -%}
  {%- for column in dest_columns if column.column | lower not in left_out -%}
    {%- do columns.append(column.quoted if merge_exclude_columns else column.quoted) -%}
  {%- endfor -%}
  {{ return(columns) }}
{%- endmacro %}
