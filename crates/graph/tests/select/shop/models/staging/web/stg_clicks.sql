{{ config(tags=['web']) }} select * from {{ source('web', 'clicks') }}
