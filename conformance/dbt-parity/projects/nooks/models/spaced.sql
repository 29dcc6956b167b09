{{ config(materialized="table", partition_by={"field": "day", "granularity": "day"}, tags=["a"]) }}
select 1 as x
