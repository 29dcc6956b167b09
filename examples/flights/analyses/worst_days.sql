select flight_date, sum(delayed_flights) as delayed_flights
from {{ ref('fct_carrier_days') }}
group by flight_date
order by delayed_flights desc
limit 10
