select {{ function('area') }}(id) as area, {{ function('corner_tools', 'shout') }}('x') as shout from {{ ref('stated') }}
where {{ function('positive') }}(id)
