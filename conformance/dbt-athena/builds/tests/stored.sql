{{ config(store_failures=true, severity='warn', limit=5) }}
select * from {{ ref('plain') }} where id = 10
