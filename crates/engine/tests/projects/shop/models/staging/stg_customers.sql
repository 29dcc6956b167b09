{{ config(materialized='ephemeral', tags=['pii']) }}
select id, name from {{ ref('customers') }}
