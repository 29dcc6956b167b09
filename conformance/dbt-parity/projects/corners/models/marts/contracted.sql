select id, amount from {{ ref('stated') }}
