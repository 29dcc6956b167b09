{% snapshot orders_snap %}
{{ config(strategy='timestamp', unique_key='id', updated_at='ts', target_schema='snaps2') }}
select * from {{ ref('stg_orders') }}
{% endsnapshot %}
