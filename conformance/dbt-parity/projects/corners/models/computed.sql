{{ config(
    materialized='incremental' if target.name == 'prod' else 'table',
    enabled=var('active', true) | as_bool,
    tags=['x', var('t', 'y')],
    alias='comp' ~ 'uted', lookback=-3, cluster=not false, window=(1,), at=target.name[0]
) }}
select id from {{ ref('stated') }}
