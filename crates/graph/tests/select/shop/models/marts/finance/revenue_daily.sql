{{ config(access='private') }} select * from {{ ref('revenue') }} join {{ ref('dim_product', v=1) }} using (id) join {{ ref('calendar') }} on true
