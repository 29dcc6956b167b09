{% macro athena__array_append(array, new_element) -%}
    {{ array }} || {{ new_element }}
{%- endmacro %}

{% macro athena__array_concat(array_1, array_2) -%}
    {{ array_1 }} || {{ array_2 }}
{%- endmacro %}

{% macro athena__array_construct(inputs, data_type) -%}
    {% if inputs | length > 0 %}
    array[ {{ inputs | join(' , ') }} ]
    {% else %}
    try_cast(array[] as array({{ data_type }}))
    {% endif %}
{%- endmacro %}

{% macro athena__any_value(expression) -%}
    arbitrary({{ expression }})
{%- endmacro %}

{% macro athena__bool_or(expression) -%}
    bool_or({{ expression }})
{%- endmacro %}
