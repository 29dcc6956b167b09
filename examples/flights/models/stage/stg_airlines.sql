select
    carrier as carrier_code,
    regexp_replace(name, '\s+(Inc\.?|Corporation|Co\.)$', '') as carrier_name
from {{ source('raw', 'airlines') }}
