{{ config(materialized='view') }}
select * from {{ ref('iceberg') }}
