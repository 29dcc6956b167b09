{{ config(
    materialized='incremental',
    table_type='hive',
    incremental_strategy='insert_overwrite',
    partitioned_by=['weather_month']
) }}

select
    airport_code,
    observed_hour_utc,
    temperature_c,
    wind_speed_mph,
    precipitation_inches,
    visibility_miles,
    month as weather_month
from {{ ref('stg_weather') }}
{% if is_incremental() %}
where month >= (select max(weather_month) from {{ this }})
{% endif %}
