select {{ dbt.date_trunc('day', 'ts') }} as day, {{ var('threshold') }} as t, '{{ var("label") }}' as l, {{ helpers.twice(2) }} as four
from {{ ref('shop', 'orders') }}
where x > {{ var('nope', 3) }} and {{ dbt.dateadd('day', 1, 'ts') }} > {{ current_timestamp() }}
