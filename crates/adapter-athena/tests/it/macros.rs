//! The cross-database macros as they render. Source: dbt-athena's SQL for each.

use std::collections::HashMap;

use adapter_athena::{AthenaAdapter, AthenaProfile};
use engine::adapter::Adapter;
use jinja::{BlockKind, MacroDef, Names, Template, UndefinedMode, Value};
use serde_json::json;

use crate::warehouse::Warehouse;

/// All macros, also under their name without the adapter's prefix, as dispatch would find them.
fn names(config: Value) -> Names {
    let profile = json!({"type": "athena", "lakehouse": "embedded"});
    let profile = AthenaProfile::parse(profile.as_object().unwrap()).unwrap();
    let adapter = AthenaAdapter::new(profile, Warehouse::default().services(), "invocation");
    let returns = jinja::modules::builtin("return").unwrap();
    let mut names = HashMap::from([("config".to_owned(), config), ("return".to_owned(), returns)]);
    for (path, text) in adapter.macros() {
        for block in jinja::extract_blocks(text, &[BlockKind::Macro]).unwrap().blocks {
            let definition = MacroDef::compile(block.full, block.name, path).unwrap();
            let value = Value::object(definition);
            if let Some(short) = block.name.strip_prefix("athena__") {
                names.insert(short.to_owned(), value.clone());
            }
            names.insert(block.name.to_owned(), value);
        }
    }
    Names(names)
}

fn render(text: &str, names: &Names) -> String {
    let template = Template::compile(text, "case").unwrap();
    template.render(names, UndefinedMode::Strict).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// To the byte, white space included: compiled code is compared with dbt Core's.
#[test]
fn macros_render_athenas_sql() {
    let names = names(Value::dict([("materialized", "table")]));
    let cases = [
        ("{{ any_value('x') }}", "arbitrary(x)"),
        ("{{ array_append('a', 'e') }}", "a || e"),
        ("{{ array_construct(['x', 'y'], 'integer') }}", "\n    array[ x , y ]\n    "),
        ("{{ array_construct([], 'integer') }}", "\n    try_cast(array[] as array(integer))\n    "),
        ("{{ bool_or('x') }}", "bool_or(x)"),
        ("{{ current_timestamp() }}", "cast(now() as timestamp)"),
        ("{{ date(2024, 2, 9) }}", "date '2024-02-09'"),
        ("{{ date_trunc('month', 'x') }}", "date_trunc('month', x)"),
        ("{{ dateadd('day', 1, 'x') }}", "date_add('day', 1, x)"),
        ("{{ datediff('a', 'b', 'year') }}", "(year(CAST(b AS TIMESTAMP)) - year(CAST(a AS TIMESTAMP)))"),
        (
            "{{ datediff('a', 'b', 'day') }}",
            "((to_milliseconds((CAST(CAST(b AS TIMESTAMP) AS DATE) - CAST(CAST(a AS TIMESTAMP) AS DATE)))) / 86400000)",
        ),
        (
            "{{ datediff('a', 'b', 'hour') }}",
            "(((to_milliseconds((CAST(CAST(b AS TIMESTAMP) AS DATE) - CAST(CAST(a AS TIMESTAMP) AS DATE)))) / 86400000) * 24 + hour(CAST(b AS TIMESTAMP)) - hour(CAST(a AS TIMESTAMP)))",
        ),
        ("{{ end_of_time() }}", "cast('9999-01-01' AS timestamp)"),
        ("{{ hash('x') }}", "lower(to_hex(md5(to_utf8(cast(x as varchar)))))"),
        (
            "{{ listagg('m', \"','\", 'order by m') }}",
            "array_join(\n          array_agg(\n              m\n                order by m\n          )\n        , ','\n    )",
        ),
        (
            "{{ listagg('m', \"','\", none, 2) }}",
            "array_join(\n          slice(\n          array_agg(\n              m\n          )\n            , 1, 2\n          )\n        , ','\n    )",
        ),
        (
            "{{ right('s', 3) }}",
            "\n    case when 3 = 0\n        then ''\n    else\n        substr(s, -1 * (3))\n    end",
        ),
        ("{{ safe_cast('x', 'date') }}", "try_cast(x as date)"),
        (
            "{{ type_string() }} {{ type_numeric() }} {{ type_int() }} {{ type_float() }}",
            "VARCHAR DECIMAL(38,6) INTEGER DOUBLE",
        ),
        ("{{ dml_data_type('string') }}", "varchar"),
        (
            "{{ athena__snapshot_hash_arguments(['a', 'b']) }}",
            "to_hex(md5(to_utf8(coalesce(cast(a as varchar ), '')\n         || '|' || coalesce(cast(b as varchar ), '')\n        )))",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(render(text, &names), expected, "{text}");
    }
}

#[test]
fn iceberg_tables_get_six_digits() {
    let iceberg = names(Value::dict([("materialized", "table"), ("table_type", "iceberg")]));
    assert_eq!(render("{{ current_timestamp() }}", &iceberg), "cast(now() as timestamp(6))");
    let view = names(Value::dict([("materialized", "view"), ("table_type", "iceberg")]));
    assert_eq!(render("{{ current_timestamp() }}", &view), "cast(now() as timestamp)");
}
