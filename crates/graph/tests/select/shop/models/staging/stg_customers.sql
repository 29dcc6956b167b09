select * from {{ source('shop_raw', 'customers') }} join {{ ref('countries') }} using (id)
