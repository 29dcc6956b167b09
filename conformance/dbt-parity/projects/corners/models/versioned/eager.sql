{{ config(latest_version_pointer={'alias': ' now '}, freshness={'build_after': {'count': 4, 'period': 'hour'}}, on_error='skip_children') }}
select 1 as id
