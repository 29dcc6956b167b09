{{
  config(
    materialized='incremental',
    unique_key='id',
    incremental_strategy='append',
    meta={'k': 'v'},
    pre_hook=["select 1", "{{ log('pre') }}"]
  )
}}
{% set statuses = ['a', 'b'] %}
select o.id, c.name,
{%- for s in statuses %}
  sum(case when status = '{{ s }}' then 1 end) as {{ s }}_n{{ "," if not loop.last }}
{%- endfor %}
from {{ ref('stg_orders') }} o
join {{ ref('stg_customers') }} c on c.id = o.customer_id
{% if is_incremental() %}
where o.id > (select max(id) from {{ this }})
{% endif %}
group by 1, 2
