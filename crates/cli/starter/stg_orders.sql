select
    id as order_id,
    customer_id,
    cast(ordered_on as date) as ordered_on,
    cast(amount_cents as double) / 100 as amount,
    status
from {{ ref('raw_orders') }}
