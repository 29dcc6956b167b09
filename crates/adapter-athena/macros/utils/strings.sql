{% macro athena__right(string_text, length_expression) -%}
    case
        when {{ length_expression }} = 0 then ''
        else substr({{ string_text }}, -1 * ({{ length_expression }}))
    end
{%- endmacro %}

{% macro athena__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    {%- set aggregated = 'array_agg(' ~ measure ~ (' ' ~ order_by_clause if order_by_clause else '') ~ ')' -%}
    {%- if limit_num -%}
        array_join(slice({{ aggregated }}, 1, {{ limit_num }}), {{ delimiter_text }})
    {%- else -%}
        array_join({{ aggregated }}, {{ delimiter_text }})
    {%- endif -%}
{%- endmacro %}
