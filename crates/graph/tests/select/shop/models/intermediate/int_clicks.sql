{{ config(enabled=true, materialized='incremental', unique_key='id', on_schema_change='fail') }} select * from {{ ref('stg_clicks') }}
