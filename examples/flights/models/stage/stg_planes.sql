select
    tailnum as tail_number,
    {{ lake_tools.not_missing('year', 'integer') }} as built_year,
    type as plane_type,
    case
        when upper(manufacturer) like 'AIRBUS%' then 'Airbus'
        when upper(manufacturer) like 'BOEING%' then 'Boeing'
        when upper(manufacturer) like 'MCDONNELL%' or upper(manufacturer) like 'DOUGLAS%' then 'McDonnell Douglas'
        else upper(substr(manufacturer, 1, 1)) || lower(substr(manufacturer, 2))
    end as manufacturer,
    model,
    engines as engine_count,
    seats as seat_count,
    {{ lake_tools.not_missing('speed', 'integer') }} as cruising_speed_mph,
    engine as engine_type
from {{ source('raw', 'planes') }}
