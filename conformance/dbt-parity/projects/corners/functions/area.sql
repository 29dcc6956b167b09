select {{ function('positive') }}(r) * (select max(id) from {{ ref('stated') }})
