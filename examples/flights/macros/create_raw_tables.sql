{#-
  The raw zone: external tables over files that other systems deliver. Every statement may run again; none touches a file.
-#}
{% macro create_raw_tables(schema='flights_raw', bucket='s3://flights-raw') %}
  {%- if execute -%}
    {%- do run_query("create schema if not exists `" ~ schema ~ "`") -%}
    {%- for statement in raw_table_statements(schema, bucket) -%}
      {%- do run_query(statement) -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}

{% macro raw_table_statements(schema, bucket) %}
  {%- set flights -%}
create external table if not exists `{{ schema }}`.`flights` (
  `year` int, `day` int,
  `dep_time` int comment 'HHMM, local time', `sched_dep_time` int, `dep_delay` int,
  `arr_time` int, `sched_arr_time` int, `arr_delay` int,
  `carrier` string, `flight` int, `tailnum` string, `origin` string, `dest` string,
  `air_time` int, `distance` int, `hour` int, `minute` int, `time_hour` timestamp
)
partitioned by (`month` int)
stored as parquet
location '{{ bucket }}/flights/'
tblproperties ('parquet.compression' = 'ZSTD')
  {%- endset -%}

  {%- set airlines -%}
create external table if not exists `{{ schema }}`.`airlines` (`carrier` string, `name` string)
row format serde 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
with serdeproperties ('separatorChar' = ',', 'quoteChar' = '"')
location '{{ bucket }}/airlines/'
tblproperties ('skip.header.line.count' = '1')
  {%- endset -%}

  {%- set airports -%}
create external table if not exists `{{ schema }}`.`airports` (
  `faa` string, `name` string, `lat` double, `lon` double, `alt` int, `tz` int, `dst` string, `tzone` string
)
row format serde 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
with serdeproperties ('separatorChar' = ',', 'quoteChar' = '"')
location '{{ bucket }}/airports/'
tblproperties ('skip.header.line.count' = '1')
  {%- endset -%}

  {%- set planes -%}
create external table if not exists `{{ schema }}`.`planes` (
  `tailnum` string, `year` string, `type` string, `manufacturer` string, `model` string,
  `engines` int, `seats` int, `speed` string, `engine` string
)
row format delimited fields terminated by ','
stored as textfile
location '{{ bucket }}/planes/'
tblproperties ('skip.header.line.count' = '1')
  {%- endset -%}

  {%- set weather -%}
create external table if not exists `{{ schema }}`.`weather` (
  `origin` string, `year` int, `month` int, `day` int, `hour` int,
  `temp` string, `dewp` string, `humid` string, `wind_dir` string, `wind_speed` string, `wind_gust` string,
  `precip` string, `pressure` string, `visib` string, `time_hour` string
)
row format delimited fields terminated by ','
stored as textfile
location '{{ bucket }}/weather/'
tblproperties ('skip.header.line.count' = '1')
  {%- endset -%}

  {{ return([flights, airlines, airports, planes, weather, "msck repair table `" ~ schema ~ "`.`flights`"]) }}
{% endmacro %}
