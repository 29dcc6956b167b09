{{ config(materialized='ephemeral') }} select * from {{ ref('stg_orders') }} join {{ ref('rates') }} using (id)
