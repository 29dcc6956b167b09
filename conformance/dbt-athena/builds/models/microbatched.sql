{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='d', batch_size='day', begin='2024-01-01', partitioned_by=['d'], pre_hook="select 'mpre'", post_hook="select 'mpost'") }}
select 1 as id, date '{{ model.batch.event_time_start.strftime("%Y-%m-%d") if model.batch else "2024-01-01" }}' as d
