-- Customers without orders stay in the table, with zeros.
select
    customers.customer_id,
    customers.customer_name,
    customers.country,
    count(orders.order_id) as orders,
    coalesce(sum(orders.amount), 0) as revenue,
    max(orders.ordered_on) as last_ordered_on
from {{ ref('stg_customers') }} as customers
left join {{ ref('stg_orders') }} as orders
    on orders.customer_id = customers.customer_id
    and orders.status <> 'returned'
group by 1, 2, 3
