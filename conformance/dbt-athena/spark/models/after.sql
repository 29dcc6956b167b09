select count(*) as n from {{ ref('plain') }} join {{ ref('merged') }} using (id)
