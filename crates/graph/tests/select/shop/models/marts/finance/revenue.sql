select * from {{ ref('orders') }} join {{ ref('dim_product') }} using (id)
