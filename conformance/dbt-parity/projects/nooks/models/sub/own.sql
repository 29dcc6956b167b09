{{ config(database='of_call', static_analysis=false) }}
select * from {{ ref('patched') }} cross join {{ source('raw', 'u') }}
