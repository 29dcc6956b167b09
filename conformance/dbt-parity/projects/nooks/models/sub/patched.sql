select * from {{ ref('called') }} cross join {{ source('raw', 't') }}
