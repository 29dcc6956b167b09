//! `selectors.yml`: what is wrong, and the form the manifest keeps. What selectors find is in `select.rs`.

use graph::{IndirectSelection, SelectionSpec, Selectors};
use serde_json::json;

fn parse(file: serde_json::Value) -> Result<Selectors, String> {
    Selectors::parse(&file, IndirectSelection::Eager)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn one(definition: serde_json::Value) -> String {
    parse(json!({"selectors": [{"name": "s", "definition": definition}]})).unwrap_err()
}

#[test]
fn mistakes_are_named() {
    let start = "Could not read selector file data: ";
    assert_eq!(parse(json!({"selectors": 1})).unwrap_err(), format!("{start}`selectors` must be a list"));
    assert_eq!(
        parse(json!({"selectors": [{"definition": "a"}]})).unwrap_err(),
        format!("{start}a selector has no name")
    );
    assert_eq!(one(json!(null)), format!("{start}expected a string or a mapping, not null"));
    assert_eq!(
        one(json!({"union": [], "intersection": []})),
        format!("{start}only one of \"union\" and \"intersection\" may be at the root, and nothing beside it")
    );
    assert_eq!(
        one(json!({"union": ["a", {"exclude": ["b"]}, {"exclude": ["c"]}]})),
        format!("{start}more than one \"exclude\" in a set")
    );
    assert_eq!(one(json!({"method": "tag"})), format!("{start}a \"method\" needs a \"value\""));
    let unknown =
        json!({"selectors": [{"name": "s", "definition": {"method": "tag", "value": "x", "children_parents": true}}]});
    parse(unknown).expect("an unknown key is passed over");
    assert_eq!(
        one(json!({"method": "tag", "value": "x", "indirect_selection": "some"})),
        format!("{start}`indirect_selection` is one of eager, cautious, buildable, empty")
    );
    for word in [json!(null), json!(5), json!(["eager"])] {
        let definition = json!({"method": "tag", "value": "x", "indirect_selection": word});
        assert_eq!(one(definition), format!("{start}`indirect_selection` is one of eager, cautious, buildable, empty"));
    }
    for depth in [json!("far"), json!([1]), json!({"a": 1})] {
        let definition = json!({"method": "tag", "value": "x", "parents_depth": depth});
        assert_eq!(
            one(definition),
            format!("{start}`parents_depth` must be a number"),
            "also where no parents are asked for"
        );
    }
    assert!(one(json!({"tag": "a", "path": "b"})).contains("expected exactly one key"));
    assert_eq!(
        parse(json!({"selectors": [{"name": "a", "definition": "x", "default": true}, {"name": "b", "definition": "y", "default": true}]})).unwrap_err(),
        format!("{start}more than one default selector: a, b")
    );
}

#[test]
fn depths_are_numbers_as_python_reads_them() {
    let depth = |written: serde_json::Value| {
        let definition = json!({"method": "fqn", "value": "a", "children": true, "children_depth": written});
        let selectors = parse(json!({"selectors": [{"name": "s", "definition": definition}]})).unwrap();
        match &selectors.get("s").unwrap().spec {
            SelectionSpec::Criterion(criterion) => criterion.children,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(depth(json!(2)), Some(Some(2)));
    assert_eq!(depth(json!("2")), Some(Some(2)));
    assert_eq!(depth(json!(1.5)), Some(Some(1)));
    assert_eq!(depth(json!(true)), Some(Some(1)));
    for nothing in [json!(null), json!(0), json!(""), json!([])] {
        assert_eq!(depth(nothing), Some(None), "all the way");
    }
}

#[test]
fn the_default_and_the_nearest_name() {
    let selectors = parse(json!({"selectors": [{"name": "nightly", "definition": "tag:n"}, {"name": "all", "definition": "*", "default": true}]})).unwrap();
    assert_eq!(selectors.default_selector().unwrap().name, "all");
    let error = selectors.get("nighty").unwrap_err();
    assert_eq!(error.to_string(), "Could not find selector named nighty, expected one of ['nightly', 'all']");
    assert_eq!(error.fix(), "did you mean 'nightly'?");
}

#[test]
fn every_mistake_is_told() {
    let error = parse(json!({"selectors": [
        {"definition": "a"},
        {"name": "b", "definition": {"method": "nosuch", "value": "a"}},
        {"name": "c"},
    ]}))
    .unwrap_err();
    let start = "Could not read selector file data: ";
    assert_eq!(
        error,
        format!(
            "{start}a selector has no name\n{start}'nosuch' is not a valid method name\n{start}it has no `definition`"
        )
    );
}

/// Source: dbt Core 1.12.0.
#[test]
fn what_dbt_takes_is_taken() {
    let selectors = parse(json!({"selectors": [
        {"name": "a", "definition": "tag:first"},
        {"name": "b", "definition": {"method": "selector", "value": "nosuch"}},
        {"name": "c", "definition": {"method": "selector", "value": "c"}},
        {"name": "d", "definition": {"method": "tag", "value": "x", "parents": "maybe", "children": ""}},
        {"name": "a", "definition": "tag:second"},
    ]}))
    .unwrap();
    let written = selectors.manifest_json();
    assert_eq!(written["a"]["definition"], json!({"method": "tag", "value": "second"}));
    assert_eq!(written["b"]["definition"], json!({"method": "selector", "value": "nosuch"}));
    let SelectionSpec::Criterion(with_parents) = &selectors.get("d").unwrap().spec else { panic!("a criterion") };
    assert_eq!((with_parents.parents, with_parents.children), (Some(None), None));
}

/// Source: dbt Core 1.12.0.
#[test]
fn keys_that_dbt_refuses() {
    let start = "Could not read selector file data: ";
    let of = |key: &str, value: serde_json::Value| {
        parse(json!({"selectors": [{"name": "a", "definition": "x", key: value}]})).unwrap_err()
    };
    assert_eq!(of("unknown", json!(3)), format!("{start}'unknown' is no key of a selector"));
    assert_eq!(of("description", json!(4)), format!("{start}`description` must be a text"));
    assert_eq!(of("default", json!(null)), format!("{start}`default` must be true or false"));
    let file = |key: &str, value: serde_json::Value| parse(json!({"selectors": [], key: value})).unwrap_err();
    assert_eq!(file("extra", json!(1)), format!("{start}'extra' is no key of the file"));
    assert_eq!(file("version", json!("two")), format!("{start}`version` must be a whole number"));
}

/// Source: dbt Core 1.12.0.
#[test]
fn the_manifest_keeps_the_order_of_the_keys() {
    let entry = json!({"definition": "tag:x", "description": "d", "name": "a", "default": true});
    let selectors = parse(json!({"version": 3, "selectors": [entry]})).unwrap();
    let kept = json!({"definition": {"method": "tag", "value": "x"}, "description": "d", "name": "a", "default": true});
    assert_eq!(selectors.manifest_json()["a"].to_string(), kept.to_string());
}

/// Source: dbt Core 1.12.0.
#[test]
fn the_manifest_keeps_an_exclude_beside_a_method_as_it_is_written() {
    let written = |definition: serde_json::Value| {
        let selectors = parse(json!({"selectors": [{"name": "a", "definition": definition}]})).unwrap();
        selectors.manifest_json()["a"]["definition"].to_string()
    };
    let after = json!({"method": "fqn", "value": "*", "exclude": ["package:p", {"tag": "x"}]});
    assert_eq!(written(after.clone()), after.to_string());
    let before = json!({"exclude": ["package:p"], "method": "fqn", "value": "*"});
    assert_eq!(written(before), json!({"exclude": [{"method": "package", "value": "p"}]}).to_string());
    let in_a_set = json!({"union": ["tag:y", after]});
    assert_eq!(written(in_a_set), json!({"union": [{"method": "tag", "value": "y"}, after]}).to_string());
}

/// Source: dbt Core 1.12.0.
#[test]
fn a_part_of_a_set_with_an_exclude_only_excludes() {
    let spec = |definition: serde_json::Value| {
        parse(json!({"selectors": [{"name": "a", "definition": definition}]}))
            .map(|selectors| selectors.get("a").unwrap().spec.clone())
    };
    let beside = json!({"union": ["tag:y", {"method": "fqn", "value": "*", "exclude": ["tag:z"]}]});
    let SelectionSpec::Difference { include, exclude, .. } = spec(beside).unwrap() else { panic!("a difference") };
    let SelectionSpec::Union { parts, .. } = *include else { panic!("a union") };
    let SelectionSpec::Union { parts: excluded, .. } = *exclude else { panic!("a union") };
    assert_eq!((parts.len(), excluded.len()), (1, 1));
    let two =
        json!({"union": ["tag:y", {"method": "fqn", "value": "*", "exclude": ["tag:z"]}, {"exclude": ["tag:x"]}]});
    assert!(spec(two).unwrap_err().contains("more than one \"exclude\" in a set"));
    // What stands beside a set has no meaning, but at the root.
    let inner = json!({"union": ["tag:y"], "indirect_selection": "cautious"});
    assert!(spec(json!({"intersection": ["tag:x", inner]})).is_ok());
    assert!(spec(inner).unwrap_err().contains("nothing beside it"));
}
