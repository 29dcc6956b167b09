{#- The code that Spark is given for a Python model: the model's, then what saves its data frame as the relation. -#}
{%- macro athena__py_save_table_as(compiled_code, target_relation, optional_args={}) -%}
{%- set options = {
    'path': optional_args.get('location'),
    'compression': optional_args.get('write_compression'),
    'delimiter': optional_args.get('field_delimiter')
} -%}
{%- set name = target_relation.schema ~ '.' ~ target_relation.identifier -%}
{%- set view = target_relation.schema ~ '_' ~ target_relation.identifier ~ '_tmpvw' -%}
import pyspark

{{ compiled_code }}
{{ athena__py_get_spark_dbt_object() }}


def materialize(spark_session, df, target_relation):
    import pandas

    if isinstance(df, pandas.core.frame.DataFrame):
        df = spark_session.createDataFrame(df)
    elif not isinstance(df, pyspark.sql.dataframe.DataFrame):
        raise TypeError(f"a dbt Python model returns a data frame of Spark or pandas, not {type(df)}")
{%- if optional_args.get('spark_ctas') %}
    df.createOrReplaceTempView({{ view | tojson }})
    spark_session.sql("""
{{ optional_args.get('spark_ctas') }}
select * from {{ view }}
""")
{%- else %}
    writer = df.write.format({{ optional_args.get('format', 'parquet') | tojson }}).mode({{ optional_args.get('mode', 'overwrite') | tojson }})
{%- for key, value in options.items() if value is not none %}
    writer = writer.option({{ key | tojson }}, {{ value | string | tojson }})
{%- endfor %}
{%- if optional_args.get('partitioned_by') is not none %}
    writer = writer.partitionBy({{ optional_args.get('partitioned_by') | tojson }})
{%- endif %}
{%- if optional_args.get('bucketed_by') is not none %}
    writer = writer.bucketBy({{ optional_args.get('bucket_count') }}, {{ optional_args.get('bucketed_by') | tojson }})
{%- endif %}
{%- if optional_args.get('sorted_by') is not none %}
    writer = writer.sortBy({{ optional_args.get('sorted_by') | tojson }})
{%- endif %}
    writer.saveAsTable(name={{ name | tojson }})
{%- endif %}
    return {{ ('Success: ' ~ name) | tojson }}


dbt = SparkdbtObj()
df = model(dbt, spark)
materialize(spark, df, dbt.this)
{%- endmacro -%}

{#- `dbt` with data frames of Spark. Spark's catalog has schemas only, and no quotes. -#}
{%- macro athena__py_get_spark_dbt_object() -%}
def get_spark_df(identifier):
    schema_and_name = identifier.split(".")[1:]
    return spark.table(".".join(schema_and_name).replace('"', ""))


class SparkdbtObj(dbtObj):
    def __init__(self):
        super().__init__(load_df_function=get_spark_df)
{%- endmacro -%}

{#- An Iceberg table is created by Spark's SQL, which takes its location and partitioning. -#}
{%- macro owlet_spark_create_table(relation, location, partitioned_by) -%}
create table {{ relation.schema }}.{{ relation.identifier }}
using iceberg
location '{{ location }}/'
{%- if partitioned_by is not none %}
partitioned by ({{ partitioned_by | join(', ') }})
{%- endif %}
{%- set properties = config.get('table_properties', default=none) %}
{%- if properties is not none %}
tblproperties (
{%- for key, value in properties.items() %}'{{ key }}'='{{ value }}'{{ ', ' if not loop.last }}{% endfor -%}
)
{%- endif %}
as
{%- endmacro -%}
