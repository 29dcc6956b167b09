{# A materialization that sends its statements itself: what it returns must be known to the models that follow. #}
{% materialization by_hand, adapter='athena' %}
  {% set target_relation = this.incorporate(type='table') %}
  {% do drop_relation(target_relation) %}
  {% call statement('main') %}{{ create_table_as(False, target_relation, sql) }}{% endcall %}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
