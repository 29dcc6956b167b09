{{ config(
    materialized='incremental',
    table_type='iceberg',
    incremental_strategy='merge',
    unique_key=['carrier_code', 'flight_date'],
    partitioned_by=['month(flight_date)']
) }}

select
    carrier_code,
    flight_date,
    count(*) as flights,
    count_if(is_cancelled) as cancelled_flights,
    count_if(is_delayed) as delayed_flights,
    sum(distance_miles) as distance_miles,
    avg(cast(arrival_delay_minutes as double)) as average_arrival_delay_minutes,
    approx_percentile(arrival_delay_minutes, 0.9) as arrival_delay_minutes_p90,
    approx_distinct(tail_number) as planes
from {{ ref('int_flight_delays') }}
{% if is_incremental() %}
-- Late corrections arrive within three days.
where flight_date >= (select date_add('day', -3, max(flight_date)) from {{ this }})
{% endif %}
group by carrier_code, flight_date
