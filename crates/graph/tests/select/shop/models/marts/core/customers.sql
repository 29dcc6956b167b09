{{ config(schema='crm', alias='people') }} select * from {{ ref('stg_customers') }}
