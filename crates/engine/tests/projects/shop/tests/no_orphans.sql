{{ config(severity='error', tags=['x']) }}
select * from {{ ref('orders') }} where id is null
