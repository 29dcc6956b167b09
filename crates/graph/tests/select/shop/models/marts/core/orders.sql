select 1 as id, current_date as at, * from {{ ref('int_orders') }} join {{ ref('stg_customers') }} using (id)
