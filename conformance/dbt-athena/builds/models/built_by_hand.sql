{{ config(materialized='by_hand') }}
select {{ var('n') }} as id
