{% snapshot customer_history %}{{ config(unique_key='id', strategy='check', check_cols='all', tags=['nightly']) }} select * from {{ ref('customers') }}{% endsnapshot %}
