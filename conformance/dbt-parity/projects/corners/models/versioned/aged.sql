{{ config(freshness={'warn_after': {'count': 4, 'period': 'hour'}}) }}
select 1 as id
