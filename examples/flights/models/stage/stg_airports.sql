select
    faa as airport_code,
    name as airport_name,
    lat as latitude,
    lon as longitude,
    alt as altitude_feet,
    {{ lake_tools.not_missing('tzone') }} as time_zone
from {{ source('raw', 'airports') }}
