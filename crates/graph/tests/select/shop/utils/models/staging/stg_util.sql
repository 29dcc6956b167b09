select * from {{ ref('calendar') }}
