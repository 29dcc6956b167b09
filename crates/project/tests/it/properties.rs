//! Property files.

use project::properties::{
    Freshness, FreshnessPeriod, FreshnessTime, PropertyFile, Rows, Setting, VersionFilter, VersionNumber,
};
use project::yaml::Value;
use project::{RenderError, SourceText};
use serde_json::json;

fn render(text: &str, _path: &str) -> Result<Value, RenderError> {
    match text {
        "{{ var('n') }}" => Ok(Value::Int(7)),
        _ => Ok(Value::Str(format!("rendered {text}"))),
    }
}

fn parse(text: &str) -> (PropertyFile, Vec<diagnostic::Diagnostic>) {
    PropertyFile::parse("shop", SourceText::new("models/schema.yml", text), &render)
}

fn good(text: &str) -> PropertyFile {
    let (file, diagnostics) = parse(text);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    file
}

fn whats(text: &str) -> Vec<String> {
    parse(text).1.iter().map(|diagnostic| diagnostic.what.replace("\n  ", ": ")).collect()
}

#[test]
fn a_model_with_everything() {
    let file = good(
        "version: 2
models:
  - name: orders
    description: \"{{ doc('orders') }}\"
    meta: {owner: \"{{ var('n') }}\"}
    access: public
    config: {materialized: \"{{ var('m') }}\", post-hook: \"{{ this }}\", tags: x}
    constraints: [{type: primary_key, columns: [id], warn_unenforced: false}]
    deprecation_date: 2030-01-01
    data_tests:
      - unique_pair: {columns: [a, \"{{ b }}\"]}
    columns:
      - name: id
        data_type: bigint
        tags: [a]
        meta: {x: 1}
        config: {tags: b, meta: {y: 2}}
        tests: [unique, dbt_utils.not_empty, {not_null: {name: mine, config: {severity: warn, where: \"{{ var('n') }}\"}, limit: 5, extra: 1}}]
        policy: secret
      - {name: id2}
      - {name: id2, quote: true}
    something: else
",
    );
    let model = &file.models[0];
    assert_eq!(model.description, "{{ doc('orders') }}");
    assert_eq!(
        json!(model.config),
        json!({"materialized": "rendered {{ var('m') }}", "post-hook": "{{ this }}", "tags": "x", "meta": {"owner": 7}, "access": "public"})
    );
    assert_eq!(model.unrendered_config["materialized"], "{{ var('m') }}");
    // What stands beside `config:` counts rendered only.
    assert_eq!(model.unrendered_config.get("meta"), None);
    assert_eq!(model.deprecation_date.as_deref(), Some("2030-01-01"));
    assert_eq!((model.constraints[0].kind.as_str(), model.constraints[0].warn_unenforced), ("primary_key", false));
    assert_eq!(json!(model.extra), json!({"something": "else"}));
    let test = &model.data_tests[0];
    assert_eq!(
        (test.name.as_str(), json!(test.arguments.to_json())),
        ("unique_pair", json!({"columns": ["a", "{{ b }}"]}))
    );
    let [id, id2] = &model.columns[..] else { panic!("the later of two columns counts") };
    assert_eq!(id2.quote, Some(true));
    assert_eq!(
        (id.position.line, id.tags.clone(), json!(id.meta)),
        (13, vec!["a".to_owned(), "b".to_owned()], json!({"x": 1, "y": 2}))
    );
    assert_eq!(json!(id.extra), json!({"policy": "secret"}));
    let [unique, not_empty, not_null] = &id.data_tests[..] else { panic!() };
    assert_eq!((unique.namespace.as_deref(), unique.name.as_str()), (None, "unique"));
    assert_eq!((not_empty.namespace.as_deref(), not_empty.name.as_str()), (Some("dbt_utils"), "not_empty"));
    assert_eq!(not_null.custom_name.as_deref(), Some("mine"));
    assert_eq!(serde_json::to_string(&not_null.config).unwrap(), r#"{"severity":"warn","where":7,"limit":5}"#);
    assert_eq!(not_null.unrendered_config["where"], "{{ var('n') }}");
    assert_eq!(json!(not_null.arguments.to_json()), json!({"extra": 1}));
}

#[test]
fn versions_filter_columns_and_merge_configs() {
    let file = good(
        "models:
  - name: dim
    latest_version: 2
    config: {materialized: table, meta: {a: 1, b: 1}}
    columns: [{name: id, data_tests: [unique]}, {name: old}, {name: kept}]
    data_tests: [x]
    versions:
      - v: 1
      - v: 2
        defined_in: dim_new
        config: {meta: {b: 2}}
        data_tests: []
        columns: [{include: all, exclude: [old]}, {name: id, data_type: int}, {name: new}]
      - {v: 10, columns: [{include: [old]}]}
",
    );
    let dim = &file.models[0];
    assert_eq!(dim.latest_version, Some(VersionNumber::Int(2)));
    let names =
        |at: usize| dim.columns_of(&dim.versions[at]).iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(0), ["id", "old", "kept"]);
    assert_eq!(names(1), ["kept", "id", "new"]);
    assert_eq!(names(2), ["old"]);
    assert_eq!(json!(dim.config_of(&dim.versions[1])), json!({"materialized": "table", "meta": {"a": 1, "b": 2}}));
    assert_eq!((dim.data_tests_of(&dim.versions[0]).len(), dim.data_tests_of(&dim.versions[1]).len()), (1, 0));
    let highest = good("models: [{name: m, versions: [{v: 2}, {v: 10}, {v: 9.5}]}]\n");
    assert_eq!(highest.models[0].latest_version, Some(VersionNumber::Int(10)));
}

#[test]
fn sources_inherit_freshness_field_by_field() {
    let file = good(
        "sources:
  - name: raw
    schema: landing
    loaded_at_field: at
    freshness: {warn_after: {count: 12, period: hour}, filter: x > 1}
    tags: [s]
    quoting: {identifier: true}
    tables:
      - name: orders
        identifier: \"{{ var('t') }}\"
        freshness: {warn_after: {count: 6}, error_after: {count: 1, period: day}}
        external: {location: s3://b/p, partitions: [{name: d, data_type: date}]}
        columns: [{name: id, data_tests: [not_null]}]
      - {name: quiet, freshness: null, loaded_at_field: null}
      - {name: plain, config: {freshness: {warn_after: {count: 1, period: minute}}}}
      - {name: unwarned, freshness: {warn_after: null}}
",
    );
    let source = &file.sources[0];
    let [orders, quiet, plain, unwarned] = &source.tables[..] else { panic!() };
    let every = |count, period| Setting::Set(FreshnessTime { count: Some(count), period: Some(period) });
    assert_eq!(
        source.freshness_of(orders),
        Some(Freshness {
            // Without a period it says nothing.
            warn_after: every(12, FreshnessPeriod::Hour),
            error_after: every(1, FreshnessPeriod::Day),
            filter: Some("x > 1".into())
        })
    );
    assert_eq!(source.freshness_of(quiet), None);
    assert_eq!(quiet.loaded_at_field.over(Some("at".into())), None);
    assert_eq!(source.freshness_of(plain).unwrap().warn_after, every(1, FreshnessPeriod::Minute));
    assert_eq!(source.freshness_of(unwarned).unwrap().warn_after, Setting::Clear);
    assert_eq!(orders.identifier.as_deref(), Some("rendered {{ var('t') }}"));
    assert_eq!(orders.external.as_ref().unwrap()["partitions"][0]["name"], "d");
}

#[test]
fn unit_tests_in_all_formats() {
    let file = good(
        "unit_tests:
  - name: t
    model: orders
    given:
      - input: ref('a')
        rows: [{id: 1, d: 2024-01-02}, {id: 2}]
      - {input: \"{{ source('raw', 'b') }}\", format: csv, rows: \"id\\n1\\n\"}
      - {input: this, format: sql, rows: select 1}
      - {input: ref('s')}
      - {input: ref('f'), format: csv, fixture: my_rows}
    expect: {rows: []}
    overrides: {macros: {is_incremental: true}, vars: {x: 1}}
    versions: {exclude: [1]}
    config: {tags: [u]}
",
    );
    let test = &file.unit_tests[0];
    assert_eq!(test.model, "orders");
    let inputs: Vec<&str> = test.given.iter().map(|given| given.input.as_str()).collect();
    assert_eq!(inputs, ["ref('a')", "source('raw', 'b')", "this", "ref('s')", "ref('f')"]);
    assert!(
        matches!(&test.given[0].rows, Rows::Dicts(rows) if rows.len() == 2 && matches!(rows[0].get("d").unwrap().value, Value::Date(_)))
    );
    // Rendering drops the last line break.
    assert_eq!(test.given[1].rows, Rows::Csv("id\n1".into()));
    assert_eq!(test.given[2].rows, Rows::Sql("select 1".into()));
    assert_eq!(test.given[3].rows, Rows::FromSeed);
    assert!(matches!(&test.given[4].rows, Rows::Fixture { name, .. } if name == "my_rows"));
    assert_eq!(test.expect, Rows::Dicts(Vec::new()));
    assert_eq!(test.versions, Some(VersionFilter::Exclude(vec![VersionNumber::Int(1)])));
    assert!(test.overrides.as_ref().unwrap().macros.contains_key("is_incremental"));
}

#[test]
fn the_other_sections() {
    let file = good(
        "anchors: [&c {name: id}]
seeds: [{name: s, config: {column_types: {a: int}}, columns: [*c]}]
snapshots: [{name: h, relation: \"ref('x')\", config: {strategy: check}}]
macros: [{name: m, arguments: [{name: a, type: string, description: \"{{ doc('a') }}\"}], docs: {show: false}}]
exposures: [{name: e, type: dashboard, owner: {email: a@b.c}, depends_on: [\"ref('x')\"], config: {tags: t}}]
groups: [{name: g, owner: {name: me}}]
metrics: [{name: k, type: simple, filter: \"{{ Dimension('a') }}\"}]
data_tests: [{name: singular, config: {severity: warn}}]
analyses: [{name: q}]
",
    );
    assert_eq!(file.seeds[0].columns[0].name, "id");
    assert_eq!(file.snapshots[0].snapshot_raw_code().as_deref(), Some("select * from {{ ref('x') }}"));
    assert_eq!(file.macros[0].arguments[0].description, "{{ doc('a') }}");
    assert_eq!(json!(file.macros[0].config), json!({"docs": {"show": false}}));
    assert_eq!(file.exposures[0].depends_on, ["ref('x')"]);
    assert_eq!(file.groups[0].owner["name"], "me");
    assert_eq!(
        file.metrics[0].value.value.as_map().unwrap().get("filter").unwrap().value,
        Value::from("{{ Dimension('a') }}")
    );
    assert_eq!(file.data_tests[0].config["severity"], "warn");
}

#[test]
fn misspelt_keys_are_told_with_what_was_meant() {
    let (file, diagnostics) = parse(
        "modells: []
models:
  - name: orders
    colums: [{name: id}]
    owner_team: data
    config: {materialised: view, contains_pii: true}
    columns: [{name: id, data_test: [unique], policy: secret}]
sources:
  - {name: raw, descripton: x, tables: [{name: t, identifer: u}]}
",
    );
    let told: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| {
            let place = diagnostic.location.as_ref().unwrap();
            let (line, column) = (place.line.unwrap(), place.column.unwrap());
            format!("{} {line}:{column} {}", diagnostic.name.unwrap_or("error"), diagnostic.fix.as_deref().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            "CustomKeyInConfigDeprecation 6:14 did you mean 'materialized'?",
            "CustomKeyInObjectDeprecation 7:26 did you mean 'data_tests'?",
            "CustomKeyInObjectDeprecation 4:5 did you mean 'columns'?",
            "CustomKeyInObjectDeprecation 9:51 did you mean 'identifier'?",
            "error 9:17 did you mean 'description'?",
            "CustomTopLevelKeyDeprecation 1:1 did you mean 'models'?",
        ]
    );
    // What has no key near it is the author's own.
    assert_eq!(file.models[0].extra["owner_team"], "data");
}

#[test]
fn every_mistake_of_a_file_is_reported() {
    assert_eq!(
        whats(
            "version: 3
models:
  - description: nameless
  - text
  - name: orders
    columns: {id: 1}
    meta: {a: 1}
    config: {meta: {b: 1}}
    tests: [a]
    data_tests: [b, {c: 1, d: 2}, {e: text}, {f: }, 5]
    constraints: [{type: primary}]
  - {name: v, versions: [{v: 1}, {v: 1}, {}], latest_version: 5}
sources: {a: 1}
exposures: [{name: e, type: report, owner: {}}]
unit_tests: [{name: u, model: m}]
"
        ),
        [
            "Parsing Error: The schema file at models/schema.yml is invalid because a list element for 'models' does not have a name attribute.",
            "Parsing Error: The schema file at models/schema.yml is invalid because a list element for 'models' is not a dictionary",
            "Parsing Error: 'columns' of model 'orders' must be a list of mappings, not a mapping",
            "Parsing Error: In models/schema.yml: found meta dictionary in 'config' dictionary and as top-level key of model 'orders'.",
            "Parsing Error: Invalid test config: cannot have both 'tests' and 'data_tests' defined on model 'orders'",
            "Parsing Error: Invalid test config given in models/schema.yml: test definition dictionary must have exactly one key, got 2 (c, d)",
            "Parsing Error: Invalid test config given in models/schema.yml: test arguments must be a dict, got a string (of 'e')",
            "Parsing Error: Invalid test config given in models/schema.yml: test arguments must be a dict, got null (of 'f')",
            "Parsing Error: Invalid test config given in models/schema.yml: test must be a string or a mapping, got an integer",
            "Parsing Error: Invalid constraint type 'primary' on a constraint of model 'orders'",
            "Parsing Error: Found duplicate version: '1' in versions list of model 'v'",
            "Parsing Error: Invalid versions config given in models/schema.yml: 'v' is missing",
            "Parsing Error: latest_version: 5 is not one of model 'v' versions: [1]",
            "Parsing Error: The schema file at models/schema.yml is invalid because the value of 'sources' is not a list",
            "Parsing Error: 'report' is not one of the values for type of exposure 'e'",
            "Parsing Error: Exposure 'e' owner must have at least one of 'name' or 'email'.",
            "Parsing Error: Invalid unit_tests config given in models/schema.yml: 'given' is missing on unit test 'u'",
            "Parsing Error: Invalid unit_tests config given in models/schema.yml: 'expect' is missing on unit test 'u'",
        ]
    );
    let (_, diagnostics) = parse("models:\n  - name: a\n    columns: 5\n");
    assert_eq!(
        diagnostics[0].to_string(),
        "Parsing Error\n  'columns' of model 'a' must be a list of mappings, not an integer\n  at models/schema.yml:3:14\n   3 |     columns: 5\n     |              ^\n  cause: models/schema.yml has an integer here\n  fix:   write a list of mappings"
    );
}
