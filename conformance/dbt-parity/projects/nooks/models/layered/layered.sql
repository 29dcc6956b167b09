{{ config(tags=none, latest_version_pointer={'alias': 'newest'}) }}
-- {{ config(unknown) }} {{ this.unknown() }} {{ exceptions.unknown() }} {{ dbt.datediff('a', 'b', unknown) }}
select 1 as id
