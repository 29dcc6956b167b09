{% macro athena__type_string() -%} VARCHAR {%- endmacro %}

{% macro athena__type_float() -%} DOUBLE {%- endmacro %}

{% macro athena__type_numeric() -%} DECIMAL(38,6) {%- endmacro %}

{% macro athena__type_int() -%} INTEGER {%- endmacro %}
