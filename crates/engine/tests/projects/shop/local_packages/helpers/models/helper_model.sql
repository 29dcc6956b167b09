{{ config(materialized='table') }}
select {{ twice(3) }} as six, {{ adapter.dispatch('pick', 'helpers')() }} as p
