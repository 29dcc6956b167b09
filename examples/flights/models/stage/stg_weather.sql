select
    origin as airport_code,
    cast(from_iso8601_timestamp(time_hour) as timestamp) as observed_hour_utc,
    {{ lake_tools.not_missing('temp', 'double') }} as temperature_f,
    round(({{ lake_tools.not_missing('temp', 'double') }} - 32) * 5 / 9, 1) as temperature_c,
    {{ lake_tools.not_missing('humid', 'double') }} as humidity_percent,
    {{ lake_tools.not_missing('wind_speed', 'double') }} as wind_speed_mph,
    {{ lake_tools.not_missing('wind_gust', 'double') }} as wind_gust_mph,
    {{ lake_tools.not_missing('precip', 'double') }} as precipitation_inches,
    {{ lake_tools.not_missing('visib', 'double') }} as visibility_miles,
    month
from {{ source('raw', 'weather') }}
