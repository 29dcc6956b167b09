{{ config(materialized='table', tags=['b', 'a'], meta={'owner': 'me'}) }}
select id, {{ "1" }} as amount from {{ ref('raw') }}
