{{ config(
    materialized='table',
    table_type='hive',
    format='parquet',
    write_compression='zstd',
    partitioned_by=['flight_month']
) }}

select
    delays.flight_key,
    delays.flight_date,
    delays.carrier_code,
    airlines.carrier_name,
    alliances.alliance,
    delays.origin_code,
    delays.destination_code,
    airports.airport_name as destination_name,
    delays.tail_number,
    planes.manufacturer,
    planes.seat_count,
    delays.departure_delay_minutes,
    delays.arrival_delay_minutes,
    delays.distance_miles,
    delays.is_cancelled,
    delays.is_delayed,
    weather.temperature_c,
    weather.wind_speed_mph,
    weather.precipitation_inches,
    date_format(delays.flight_date, '%Y-%m') as flight_month
from {{ ref('int_flight_delays') }} as delays
join {{ ref('stg_flights') }} as flights on flights.flight_key = delays.flight_key
join {{ ref('stg_airlines') }} as airlines on airlines.carrier_code = delays.carrier_code
left join {{ ref('carrier_alliances') }} as alliances on alliances.carrier_code = delays.carrier_code
left join {{ ref('stg_airports') }} as airports on airports.airport_code = delays.destination_code
left join {{ ref('planes_snapshot') }} as planes
    on planes.tail_number = delays.tail_number and planes.dbt_valid_to is null
left join {{ ref('stg_weather') }} as weather
    on weather.airport_code = delays.origin_code and weather.observed_hour_utc = flights.scheduled_hour_utc
