{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='sync_all_columns', partitioned_by=['p'],
  lf_grants={'data_cell_filters': {'enabled': true, 'filters': {
    'kept': {'row_filter': 'id = ' ~ var('n'), 'principals': ['arn:aws:iam::123456789012:role/b', 'arn:aws:iam::123456789012:role/r' ~ var('n')]},
    'of_' ~ var('n'): {'row_filter': 'true', 'principals': []}}}}) }}
select {{ var('n') }} as id {% if var('n') > 1 %}, 'x' as s{% endif %}, 'p' as p
