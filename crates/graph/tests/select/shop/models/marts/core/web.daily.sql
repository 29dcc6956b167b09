select * from {{ ref('int_clicks') }}
