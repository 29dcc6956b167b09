{#- The rows that a unit test gives for an input, as a query with the types of the input's own relation. -#}
{% macro get_fixture_sql(rows, column_name_to_data_types) -%}
  {%- set types, quoted = {}, {} -%}
  {%- if column_name_to_data_types -%}
    {%- do types.update(column_name_to_data_types) -%}
  {%- else -%}
    {%- set typed = defer_relation if defer_relation and not load_relation(this) else this -%}
    {%- for column in adapter.get_columns_in_relation(typed) -%}
      {%- do types.update({column.name | lower: column.data_type}) -%}
      {%- do quoted.update({column.name | lower: column.quoted}) -%}
    {%- endfor -%}
  {%- endif -%}
  {%- if not types -%}
    {%- do exceptions.raise_compiler_error(
      "Not able to get columns for unit test '" ~ model.name ~ "' from relation " ~ this ~ " because the relation doesn't exist"
    ) -%}
  {%- endif -%}
  {{ validate_fixture_rows(rows, none) }}
  {%- set nothing = {} -%}
  {%- for name, type in types.items() -%}{%- do nothing.update({name: safe_cast('null', type) | trim}) -%}{%- endfor -%}
  {%- set selects = [] -%}
  {%- for row in rows -%}
    {%- set values = nothing.copy() -%}
    {%- do values.update(format_row(row, types)) -%}
    {%- do selects.append(owlet_select_of_values(values, quoted)) -%}
  {%- endfor -%}
-- rows of {{ model.name }}
{{ selects | join('\nunion all\n') if selects else owlet_select_of_values(nothing, quoted) ~ '\nlimit 0' }}
{%- endmacro %}

{#- The rows that a unit test expects. -#}
{% macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) -%}
  {%- set selects = [] -%}
  {%- for row in rows -%}
    {%- do selects.append(owlet_select_of_values(format_row(row, column_name_to_data_types), column_name_to_quoted)) -%}
  {%- endfor -%}
  {{ selects | join('\nunion all\n') if selects else 'select * from dbt_internal_unit_test_actual\nlimit 0' }}
{%- endmacro %}

{% macro owlet_select_of_values(values, quoted) -%}
  {%- set columns = [] -%}
  {%- for name, value in values.items() -%}
    {%- do columns.append((value | trim) ~ ' as ' ~ quoted.get(name, adapter.quote(name))) -%}
  {%- endfor -%}
  {{ return('select ' ~ columns | join(', ')) }}
{%- endmacro %}

{#- A row's values as SQL, by the lower-case names of its columns. -#}
{% macro format_row(row, column_name_to_data_types) -%}
  {%- set formatted = {} -%}
  {%- for name, value in row.items() -%}
    {%- set name = name | lower -%}
    {%- if name not in column_name_to_data_types -%}
      {%- set what = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
      {%- do exceptions.raise_compiler_error(
        "Invalid column name: '" ~ name ~ "' in unit test fixture for " ~ what ~ ".\nAccepted columns for " ~ what ~ ' are: '
        ~ (column_name_to_data_types.keys() | list)
      ) -%}
    {%- endif -%}
    {%- set type = column_name_to_data_types[name] -%}
    {%- if value is string and 'varying' in type -%}
      {%- set type = type.split('(')[0] -%}
    {%- endif -%}
    {%- if value is string -%}
      {%- set value = dbt.string_literal(dbt.escape_single_quotes(value)) -%}
    {%- elif value is none -%}
      {%- set value = 'null' -%}
    {%- endif -%}
    {%- do formatted.update({name: safe_cast(value, type)}) -%}
  {%- endfor -%}
  {{ return(formatted) }}
{%- endmacro %}

{% macro validate_fixture_rows(rows, row_number) -%}
  {{ return(adapter.dispatch('validate_fixture_rows', 'dbt')(rows, row_number)) }}
{%- endmacro %}

{% macro default__validate_fixture_rows(rows, row_number) -%}

{%- endmacro %}

{% macro get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
  {{ adapter.dispatch('get_unit_test_sql', 'dbt')(main_sql, expected_fixture_sql, expected_column_names) }}
{%- endmacro %}

{#- Both sides in one query, whose last column tells them apart. -#}
{% macro default__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
  {%- set columns = expected_column_names | join(', ') -%}
with dbt_internal_unit_test_actual as (
  select
    {{ columns }}, {{ dbt.string_literal('actual') }} as {{ adapter.quote('actual_or_expected') }}
  from (
    {{ main_sql }}
  ) _dbt_internal_unit_test_actual
),
dbt_internal_unit_test_expected as (
  select
    {{ columns }}, {{ dbt.string_literal('expected') }} as {{ adapter.quote('actual_or_expected') }}
  from (
    {{ expected_fixture_sql }}
  ) _dbt_internal_unit_test_expected
)
select * from dbt_internal_unit_test_actual
union all
select * from dbt_internal_unit_test_expected
{%- endmacro %}

{#- The types are asked of the query itself, for which dbt makes a table. -#}
{% materialization unit, default -%}
  {%- set types, quoted, asked = {}, {}, [] -%}
  {%- for column in get_column_schema_from_query(sql) -%}
    {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- do quoted.update({column.name | lower: column.quoted}) -%}
    {%- do asked.append('typeof(' ~ column.quoted ~ ')') -%}
  {%- endfor -%}
  {%- call statement('types', fetch_result=True) -%}
    select {{ asked | join(', ') }}
    from (values 1) as one(n)
    left join ({{ get_empty_subquery_sql(sql) }}) as typed on true
  {%- endcall -%}
  {%- for row in load_result('types').table.rows[:1] -%}
    {%- for name in quoted -%}
      {%- do types.update({name: row[loop.index0]}) if types[name] == 'varchar' -%}
    {%- endfor -%}
  {%- endfor -%}
  {%- set expected_rows, expected_sql = config.get('expected_rows'), config.get('expected_sql') -%}
  {%- set compared = [] -%}
  {%- for name in (expected_rows[0].keys() if expected_rows else types.keys()) -%}
    {%- do compared.append(quoted.get(name | lower)) -%}
  {%- endfor -%}
  {%- if not expected_sql -%}
    {%- set expected_sql = get_expected_sql(expected_rows, types, quoted) -%}
  {%- endif -%}
  {% call statement('main', fetch_result=True) -%}
    {{ get_unit_test_sql(sql, expected_sql, compared) }}
  {%- endcall %}
  {{ return({'relations': []}) }}
{%- endmaterialization %}
