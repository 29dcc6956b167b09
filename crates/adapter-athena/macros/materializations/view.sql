{% macro athena__create_view_as(relation, sql) -%}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    create or replace view
    {{ relation }}
  as
    {{ sql }}
{%- endmacro %}

{% macro create_or_replace_view(run_outside_transaction_hooks=True) -%}
    {%- set target_relation = api.Relation.create(
        database=database, schema=schema, identifier=model['alias'], type='view'
    ) -%}
    {%- set old_relation = load_cached_relation(target_relation) -%}
    {%- if run_outside_transaction_hooks -%}
        {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if old_relation is not none and old_relation.is_table -%}
        {{ handle_existing_table(should_full_refresh(), old_relation) }}
    {%- endif -%}
    {% call statement('main') -%}
        {{ create_view_as(target_relation, compiled_code) }}
    {%- endcall %}
    {%- do owlet_apply_lake_formation(target_relation) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {%- if run_outside_transaction_hooks -%}
        {{ run_hooks(post_hooks, inside_transaction=False) }}
    {%- endif -%}
    {{ return({'relations': [target_relation]}) }}
{%- endmacro %}

{% materialization view, adapter='athena' -%}
    {%- set built = create_or_replace_view(run_outside_transaction_hooks=False) -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- do adapter.expire_glue_table_versions(target_relation, config.get('versions_to_keep', default=4), False) -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ return(built) }}
{%- endmaterialization %}
