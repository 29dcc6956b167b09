{{ config(materialized='table') }}
select {{ 'true' if load_relation(ref('built_by_hand')) is not none else 'false' }} as is_known
