{{ config(tags=['report']) }}

with months as (

    select
        carrier_code,
        date_trunc('month', flight_date) as month_start,
        sum(flights) as flights,
        sum(delayed_flights) as delayed_flights
    from {{ ref('fct_carrier_days') }}
    group by 1, 2

)

select
    months.carrier_code,
    months.month_start,
    last_day_of_month(months.month_start) as month_end,
    months.flights,
    months.delayed_flights,
    round(100.0 * months.delayed_flights / months.flights, 1) as delayed_percent,
    months.flights - lag(months.flights) over (partition by months.carrier_code order by months.month_start) as flights_change,
    sum(months.flights) over (
        partition by months.carrier_code order by months.month_start rows between unbounded preceding and current row
    ) as flights_to_date
from months
