{{ config(materialized='view', schema='special') }}
select s.id, o.day from {{ source('lake', 'a') }} s join {{ source('lake', 'a') }} o on true
