3.14 * r * r + (select max(id) from {{ source('lake', 'b') }}) + {{ function('corner_tools', 'shout') }}(r)
