//! SQL of the generated models, valid for DuckDB and for Athena.

use std::fmt::Write;

use super::{Folder, Layer, Layers};

/// A macro that the models of one folder call.
pub fn macro_of_area(folder: &Folder) -> String {
    let name = folder.name();
    format!(
        "{{% macro status_of_{name}(column) -%}}\n    \
         case {{{{ column }}}} when 1 then 'open' when 2 then 'closed' else 'unknown' end\n\
         {{%- endmacro %}}\n"
    )
}

/// The text of a model's file.
pub fn sql(layers: &Layers, folder: &Folder, index: usize) -> String {
    let model = folder.layer.model(index);
    let mut text = config(index);
    match folder.layer {
        Layer::Staging => staging(&mut text, folder, &model),
        Layer::Intermediate | Layer::Mart => joined(&mut text, folder, &model, &layers.parents(folder.layer, index)),
    }
    if is_incremental(index) {
        text.push_str(
            "{% if is_incremental() %}\n  and loaded_at > (select max(loaded_at) from {{ this }})\n{% endif %}\n",
        );
    }
    text
}

fn is_incremental(index: usize) -> bool {
    index % 10 == 9
}

/// Some models say nothing of their own, as in real projects.
fn config(index: usize) -> String {
    let config = if is_incremental(index) {
        "materialized='incremental', incremental_strategy='append', tags=['incremental']"
    } else if index % 4 == 1 {
        "tags=['nightly', 'finance'], meta={'owner': 'finance'}"
    } else {
        return String::new();
    };
    format!("{{{{ config({config}) }}}}\n\n")
}

fn staging(text: &mut String, folder: &Folder, model: &str) {
    let (source, table, area) = (folder.source(), model.replace("stg_", "table_"), folder.name());
    write!(
        text,
        "with source as (\n    select * from {{{{ source('{source}', '{table}') }}}}\n),\n\n\
         renamed as (\n    select\n        id,\n        \
         {{{{ key_of(['id', 'kind']) }}}} as row_key,\n        \
         {{{{ status_of_{area}('status_code') }}}} as status,\n        \
         {{{{ cents_to_units('amount_in_cents') }}}} as amount,\n        \
         cast(loaded_at as timestamp) as loaded_at,\n        \
         {{{{ audit_columns('{model}') }}}}\n    from source\n    \
         {{% if not var('keep_deleted') %}}\n    where deleted_at is null\n    {{% endif %}}\n)\n\n\
         select {{{{ list_columns(['id', 'row_key', 'status', 'amount', 'loaded_at', 'currency']) }}}}\n\
         from renamed\nwhere loaded_at >= cast('{{{{ var('first_day') }}}}' as timestamp)\n"
    )
    .expect("writing to a String cannot fail");
}

fn joined(text: &mut String, folder: &Folder, model: &str, parents: &[String]) {
    let area = folder.name();
    let ctes: Vec<String> = parents
        .iter()
        .enumerate()
        .map(|(place, parent)| format!("parent_{place} as (\n    select * from {{{{ ref('{parent}') }}}}\n)"))
        .collect();
    let joins: String = (1..parents.len()).map(|place| format!("left join parent_{place} using (id)\n")).collect();
    write!(
        text,
        "{{%- set columns = ['row_key', 'amount', 'loaded_at', 'currency'] -%}}\n\n\
         with {}\n\nselect\n    id,\n    {{{{ status_of_{area}(\"length(parent_0.status)\") }}}} as status,\n    \
         {{{{ list_columns(columns, prefix='parent_0.') }}}},\n    '{model}' as model_name\n\
         from parent_0\n{joins}where parent_0.amount is not null\n",
        ctes.join(",\n\n")
    )
    .expect("writing to a String cannot fail");
}
