{{ config(tags=['report']) }}

with routes as (

    select
        origin_code,
        destination_code,
        count(*) as flights,
        count(distinct carrier_code) as carriers,
        approx_distinct(tail_number) as planes,
        approx_percentile(arrival_delay_minutes, 0.5) as median_arrival_delay_minutes,
        cast(avg(case when is_delayed then 1.0 else 0.0 end) * 100 as decimal(5, 2)) as delayed_percent,
        array_join(array_agg(distinct carrier_code order by carrier_code), ', ') as carrier_codes
    from {{ ref('fct_flights') }}
    where not is_cancelled
    group by 1, 2

)

select
    routes.*,
    rank() over (partition by origin_code order by flights desc) as rank_from_origin,
    cast(flights as double) / sum(flights) over (partition by origin_code) as share_of_origin
from routes
