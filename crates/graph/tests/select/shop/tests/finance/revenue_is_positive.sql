{{ config(severity='warn') }} select * from {{ ref('revenue') }} where false
