{{ config(materialized='ephemeral') }}

select
    flight_key,
    flight_date,
    carrier_code,
    origin_code,
    destination_code,
    tail_number,
    departure_delay_minutes,
    arrival_delay_minutes,
    distance_miles,
    is_cancelled,
    coalesce(arrival_delay_minutes > {{ var('delay_threshold_minutes') }}, false) as is_delayed
from {{ ref('stg_flights') }}
