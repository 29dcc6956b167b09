-- staging of orders
with source as (
    select * from {{ source('raw', 'orders') }}
)
select id, customer_id, amount, cents_to_dollars(amount) as raw_amount, {{ cents_to_dollars('amount') }} as dollars
from source
