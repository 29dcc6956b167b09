{# Prints what relations, columns, tables and the methods of `adapter` say. Left out is what differs by design: see COMPAT.md. #}
{% macro say(name, value) %}{% do print(name ~ ' = ' ~ value) %}{% endmacro %}

{% macro surface() %}
  {% for name in ['partitioned', 'iceberg', 'view_of_iceberg', 'uploaded'] %}
    {% do relation_surface(adapter.get_relation(database=target.database, schema=target.schema, identifier=name)) %}
  {% endfor %}
  {% do missing_surface() %}
  {% do value_surface() %}
  {% do method_surface() %}
{% endmacro %}

{% macro relation_surface(relation) %}
  {% for attribute in ['type', 'table_type', 'detailed_table_type', 'is_table', 'is_view', 'is_cte', 'is_iceberg', 's3_path_table_part', 'require_alias', 'quote_character', 'database', 'schema', 'identifier', 'name', 'table', 'can_be_renamed', 'can_be_replaced', 'limit'] %}
    {% do say(relation ~ '.' ~ attribute, relation[attribute] if relation[attribute] is defined else 'undefined') %}
  {% endfor %}
  {% do say('spelled', [relation.render(), relation.render_hive(), relation.render_pure()]) %}
  {% do say('changed', [relation.incorporate(path={'identifier': 'zz'}).render_hive(), relation.without_identifier().render_hive(), relation.include(database=false) | string]) %}
  {% do say('Glue', [adapter.get_glue_table_type(relation) | string, adapter.get_glue_table_type(relation).value]) %}
  {% set table = adapter.get_glue_table(relation)['Table'] %}
  {% do say('its entry', [table['Name'], table['DatabaseName'], table.get('TableType'), table['StorageDescriptor']['Columns'] | length, table['CreateTime'].year > 2000, table['Parameters'].get('table_type')]) %}
  {% for column in adapter.get_columns_in_relation(relation) %}
    {% for attribute in ['name', 'column', 'dtype', 'data_type', 'expanded_data_type', 'char_size', 'numeric_precision', 'numeric_scale', 'quoted', 'quoted_hive', 'table_type'] %}
      {% do say(column.name ~ '.' ~ attribute, column[attribute] if column[attribute] is defined else 'undefined') %}
    {% endfor %}
    {% do say(column.name ~ ' is', [column.is_string(), column.is_number(), column.is_integer(), column.is_float(), column.is_numeric(), column.is_binary(), column.is_timestamp(), column.is_array(), column.is_iceberg()]) %}
    {% do say(column.name, column) %}
  {% endfor %}
{% endmacro %}

{% macro missing_surface() %}
  {% do say('missing', adapter.get_relation(database=target.database, schema=target.schema, identifier='nope')) %}
  {% set nope = api.Relation.create(database=target.database, schema=target.schema, identifier='nope', type='table', s3_path_table_part='part') %}
  {% do say('nope', [nope, nope.s3_path_table_part, adapter.get_glue_table_type(nope), adapter.get_glue_table_location(nope), adapter.get_glue_table(nope)]) %}
  {% do say('its location', adapter.generate_s3_location(nope, 's3://b/d/', 'schema_table', none, none, false)) %}
  {% do say('elsewhere', adapter.generate_s3_location(nope, 's3://b/d', 'schema_table', none, 's3://b/e/f/', false)) %}
  {% do say('temporary', [make_temp_relation(nope), make_temp_relation(nope, '__x').s3_path_table_part]) %}
{% endmacro %}

{% macro value_surface() %}
  {% set query %}
    select 1 as i, cast(2 as bigint) as b, cast(1 as smallint) as sm, 'x' as s, cast(1.5 as decimal(10, 2)) as d, 1e0 as f, cast(1.5 as real) as re,
      true as t, date '2020-01-01' as dd, timestamp '2020-01-01 10:00:00.123' as ts, time '10:00:00' as tm, null as n,
      array[1, 2] as ar, array['é', 'b c'] as sa, array[array[1]] as aa, map(array['k'], array[1]) as mm,
      cast(row(1, 'a') as row(x integer, y varchar)) as r, to_utf8('a') as bin, json '{"a":1}' as j,
      cast('2020-01-01 00:00:00 UTC' as timestamp with time zone) as tz, uuid '12151fd2-7586-11e9-8f9e-2a86e4085a59' as u
  {% endset %}
  {% set table = run_query(query) %}
  {% for column in table.columns %}
    {% set value = table.rows[0][loop.index0] %}
    {% do say(column.name, [value, value is string, value is number, value is integer, value is float, value is mapping, adapter.convert_type(table, loop.index0)]) %}
  {% endfor %}
  {% set table = run_query("select * from (values (cast(1.5 as decimal(10, 2)), 1.5e0, 1e0), (null, null, 2e0)) as t (a, b, c) order by c") %}
  {% for column in table.columns %}{% do say(column.name, [column.values() | list, adapter.convert_type(table, loop.index0)]) %}{% endfor %}
  {% set table = run_query('select * from ' ~ api.Relation.create(schema=target.schema, identifier='partitioned') ~ ' where false') %}
  {% do say('no rows', [table.column_names, table.rows | length, adapter.convert_type(table, 0)]) %}
  {% do run_query('show partitions `' ~ target.schema ~ '`.`partitioned`').print_table() %}
{% endmacro %}

{% macro method_surface() %}
  {% for key in ['i', 'day(x)', 'bucket(a, 4)', 'MONTH(X)'] %}{% do say('key ' ~ key, adapter.format_one_partition_key(key)) %}{% endfor %}
  {% do say('keys', adapter.format_partition_keys(['a', 'month(b)'])) %}
  {% for value, type in [(1, 'integer'), ('a', 'string'), (none, 'string'), (modules.datetime.date(2020, 1, 2), 'date'), (modules.datetime.datetime(2020, 1, 2, 3, 4, 5), 'timestamp')] %}
    {% do say('value', adapter.format_value_for_partition(value, type)) %}
  {% endfor %}
  {% for value in [1, 34, 'iceberg'] %}{% do say('bucket', adapter.murmur3_hash(value, 16)) %}{% endfor %}
  {% do say('quoted', [adapter.quote_seed_column('a', none), adapter.quote_seed_column('a', true), adapter.quote_seed_column('a', false), adapter.quote_seed_column('a', none, '`')]) %}
  {% do say('lists', [adapter.is_list([1]), adapter.is_list('a'), adapter.is_list((1, 2))]) %}
  {% do say('places', [adapter.is_s3_tables_database('s3tablescatalog/x'), adapter.is_work_group_output_location_enforced()]) %}
  {% do say('types', [ddl_data_type('varchar(10)'), ddl_data_type('integer', 'iceberg'), ddl_data_type('timestamp(3)', 'iceberg'), dml_data_type('string'), ddl_data_type('array(varchar)')]) %}
  {% set column = api.Column.create('c', 'varchar(10)') %}
  {% do say('column', [column, column.data_type, api.Column.from_description('c', 'varchar(10)').data_type, api.Column.from_description('c', 'decimal(10,2)').data_type, api.Column('c', 'string').data_type]) %}
  {% do say('merged', get_merge_update_columns(none, ['B'], [api.Column('a', 'int'), api.Column('b', 'int')])) %}
  {% do say('strategies', [validate_get_incremental_strategy('merge', 'iceberg'), validate_get_incremental_strategy('append', 'hive'), validate_get_incremental_strategy('microbatch', 'hive')]) %}
{% endmacro %}
