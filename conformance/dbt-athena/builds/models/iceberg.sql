{{ config(materialized='table', table_type='iceberg', s3_data_naming='table_unique', post_hook=['optimize {{ this.render_pure() }} rewrite data using bin_pack', 'vacuum {{ this.render_pure() }}']) }}
select {{ var('n') }} as id, cast(timestamp '2020-01-01 00:00:00' as timestamp(6)) as ts
