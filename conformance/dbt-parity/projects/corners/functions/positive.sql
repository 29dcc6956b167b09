-- {{ config(tags=['math']) }}
x > {{ var('limit', 0) }}
