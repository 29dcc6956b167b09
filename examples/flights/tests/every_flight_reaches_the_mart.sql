-- A join that drops or doubles flights shows here.
select source_flights, mart_flights
from (select count(*) as source_flights from {{ ref('stg_flights') }}) as s
cross join (select count(*) as mart_flights from {{ ref('fct_flights') }}) as m
where source_flights <> mart_flights
