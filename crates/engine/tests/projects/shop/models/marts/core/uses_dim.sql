select * from {{ ref('dim') }} union all select * from {{ ref('dim', v=1) }} -- {{ doc_less() if false }}
