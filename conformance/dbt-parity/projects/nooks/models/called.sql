{{ config(materialized='table', catalog='of_call') }}
select 1 as x, '{{ config.get("catalog") }}' as c
