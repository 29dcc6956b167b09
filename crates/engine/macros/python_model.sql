{#- What follows the code of a Python model: `dbt` and all that the model may ask of it. -#}
{% macro py_script_postfix(model) %}
# What follows is written by the engine: the names that the model above asks for.

{{ build_ref_function(model) }}
{{ build_source_function(model) }}
{{ build_config_dict(model) }}

class config:
    """dbt.config: what the model's configuration says."""

    def __init__(self, *args, **kwargs):
        pass

    @staticmethod
    def get(key, default=None):
        return config_dict.get(key, default)

    @staticmethod
    def meta_get(key, default=None):
        return meta_dict.get(key, default)


class this:
    """dbt.this: the relation that the model becomes."""

    database = {{ this.database | string | tojson }}
    schema = {{ this.schema | string | tojson }}
    identifier = {{ this.identifier | string | tojson }}

    def __repr__(self):
        return {{ resolve_model_name(this) | tojson }}


class dbtObj:
    """The argument `dbt` of the model; `load_df_function` makes a data frame of a relation's name."""

    def __init__(self, load_df_function) -> None:
        self.source = lambda *args: source(*args, dbt_load_df_function=load_df_function)
        self.ref = lambda *args, **kwargs: ref(*args, **kwargs, dbt_load_df_function=load_df_function)
        self.config = config
        self.this = this()
        self.is_incremental = {{ is_incremental() }}

{{ py_script_comment() }}
{% endmacro %}

{#- For a project to replace. -#}
{% macro py_script_comment() %}{% endmacro %}

{% macro resolve_model_name(input_model_name) %}
    {{- return(adapter.dispatch('resolve_model_name', 'dbt')(input_model_name)) -}}
{% endmacro %}

{% macro default__resolve_model_name(input_model_name) -%}
    {{ input_model_name | string }}
{%- endmacro %}

{% macro build_ref_function(model) %}
{%- set relations = {} -%}
{%- for asked in model.refs -%}
    {%- set name = [asked.package, asked.name] if asked.get("package") else [asked.name] -%}
    {%- set relation = ref(*name, v=asked.get("version")) -%}
    {%- if relation.render is defined and relation.render is callable -%}
        {%- set relation = relation.render() -%}
    {%- endif -%}
    {%- set name = name + ['v' ~ asked.version] if asked.get("version") else name -%}
    {%- do relations.update({name | join('.'): resolve_model_name(relation)}) -%}
{%- endfor -%}
def ref(*args, **kwargs):
    relations = {{ relations | tojson }}
    version = kwargs.get("v") or kwargs.get("version")
    name = ".".join([*args, f"v{version}"] if version else args)
    return kwargs["dbt_load_df_function"](relations[name])
{% endmacro %}

{% macro build_source_function(model) %}
{%- set relations = {} -%}
{%- for asked in model.sources -%}
    {%- do relations.update({asked | join('.'): resolve_model_name(source(*asked))}) -%}
{%- endfor -%}
def source(*args, dbt_load_df_function):
    relations = {{ relations | tojson }}
    return dbt_load_df_function(relations[".".join(args)])
{% endmacro %}

{#- The configuration that the code asks for: what it finds there, else its default. -#}
{% macro build_config_dict(model) %}
{%- set found = {} -%}
{%- for key, default in zip(model.config.config_keys_used or [], model.config.config_keys_defaults or []) -%}
    {%- do found.update({key: model.config.get(key, default)}) -%}
{%- endfor -%}
{%- set of_meta = {} -%}
{%- for key, default in zip(model.config.meta_keys_used or [], model.config.meta_keys_defaults or []) -%}
    {%- do of_meta.update({key: (model.config.meta or {}).get(key, default)}) -%}
{%- endfor -%}
config_dict = {{ found }}
meta_dict = {{ of_meta }}
{% endmacro %}
