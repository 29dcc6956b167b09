select name from {{ ref('countries') }}
