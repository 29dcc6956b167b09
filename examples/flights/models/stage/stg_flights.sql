{#- Times come as HHMM integers without a date; they become timestamps in New York's local time. -#}
with flights as (

    select * from {{ source('raw', 'flights') }}

),

dated as (

    select
        *,
        date_parse(cast(year as varchar) || '-' || cast(month as varchar) || '-' || cast(day as varchar), '%Y-%c-%e') as flight_day
    from flights

)

select
    {{ lake_tools.row_key(['time_hour', 'carrier', 'flight']) }} as flight_key,
    cast(flight_day as date) as flight_date,
    carrier as carrier_code,
    flight as flight_number,
    tailnum as tail_number,
    origin as origin_code,
    dest as destination_code,
    {{ hhmm_on('flight_day', 'sched_dep_time') }} as scheduled_departure_at,
    {{ hhmm_on('flight_day', 'sched_dep_time') }} + dep_delay * interval '1' minute as departed_at,
    dep_delay as departure_delay_minutes,
    arr_delay as arrival_delay_minutes,
    air_time as air_time_minutes,
    distance as distance_miles,
    dep_time is null as is_cancelled,
    time_hour as scheduled_hour_utc,
    month
from dated
