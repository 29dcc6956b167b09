//! Whatever `--select` and `selectors.yml` say is answered: no panic, no hang.
//!
//! Short here; `PROPTEST_CASES=200000 cargo test -p graph fuzz` takes its time.

use std::sync::LazyLock;

use graph::{Graph, IndirectSelection, SelectionContext, SelectionSpec, Selectors, fnmatch, glob_path_matches};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};

use crate::fixture;

static SHOP: LazyLock<Graph> = LazyLock::new(fixture::shop);

const WORDS: &[&str] = &[
    "+",
    "@",
    "*",
    "?",
    "[",
    "]",
    "!",
    ":",
    ",",
    " ",
    ".",
    "/",
    "..",
    "1",
    "0",
    "99999999999999999999999",
    "-1",
    "fqn:",
    "tag:",
    "source:",
    "path:",
    "file:",
    "package:",
    "config.",
    "config.meta.",
    "materialized:",
    "state:",
    "modified",
    "result:",
    "error",
    "exposure:",
    "metric:",
    "group:",
    "access:",
    "version:",
    "latest",
    "old",
    "none",
    "test_type:",
    "generic",
    "test_name:",
    "resource_type:",
    "model",
    "selector:",
    "unit_test:",
    "source_status:",
    "semantic_model:",
    "saved_query:",
    "wildcard:",
    "stg_orders",
    "orders",
    "shop",
    "web",
    "models/",
    "**",
    ".sql",
    "[a-",
    "[!]",
    "[]]",
    "é",
    "😀",
    "\0",
    "\\",
    "\"",
];

const INDIRECT: [IndirectSelection; 4] =
    [IndirectSelection::Eager, IndirectSelection::Cautious, IndirectSelection::Buildable, IndirectSelection::Empty];

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

fn words(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(select(WORDS), 0..most).prop_map(|words| words.concat())
}

fn definition() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        words(6).prop_map(Json::from),
        Just(Json::Null),
        any::<i64>().prop_map(Json::from),
        (words(3), words(4), any::<i32>())
            .prop_map(|(method, value, depth)| json!({"method": method, "value": value, "parents": true, "parents_depth": depth})),
        (select(&["tag", "fqn", "selector", "config.materialized"][..]), words(4), any::<bool>())
            .prop_map(|(method, value, flag)| json!({"method": method, "value": value, "children": flag, "childrens_parents": flag})),
        select(&["a", "b", "c"][..]).prop_map(|name| json!({"method": "selector", "value": name})),
    ];
    leaf.prop_recursive(5, 30, 4, |inner| {
        let items = prop::collection::vec(inner, 0..4);
        prop_oneof![
            items.clone().prop_map(|items| json!({"union": items})),
            items.clone().prop_map(|items| json!({"intersection": items})),
            items.prop_map(|items| json!({"union": ["a", {"exclude": items}]})),
        ]
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn selections(wanted in prop::collection::vec(words(8), 0..3), unwanted in words(5), indirect in select(&INDIRECT[..])) {
        if let Ok(spec) = SelectionSpec::from_arguments(&wanted, &[unwanted], indirect) {
            let _ = SHOP.select(&spec, &SelectionContext::new("shop"));
        }
    }

    #[test]
    fn any_selection(text in "\\PC{0,40}") {
        if let Ok(spec) = SelectionSpec::parse(&text, IndirectSelection::Eager) {
            let _ = SHOP.select(&spec, &SelectionContext::new("shop"));
        }
    }

    #[test]
    fn selector_files(definitions in prop::collection::vec(definition(), 1..4)) {
        let names = ["a", "b", "c"];
        let all: Vec<Json> =
            definitions.iter().zip(names).map(|(definition, name)| json!({"name": name, "definition": definition})).collect();
        if let Ok(selectors) = Selectors::parse(&json!({"selectors": all}), IndirectSelection::Eager) {
            let _ = selectors.manifest_json();
            for selector in selectors.all() {
                let _ = SHOP.select(&selector.spec, &SelectionContext::new("shop"));
            }
        }
    }

    #[test]
    fn patterns(text in "\\PC{0,30}", pattern in "[*?\\[\\]!a-c/-]{0,20}|\\PC{0,20}") {
        let _ = fnmatch(&text, &pattern);
        let _ = glob_path_matches(&text, &pattern);
    }
}

#[test]
fn stars_do_not_multiply() {
    let text = "a".repeat(2_000);
    assert!(!fnmatch(&text, &format!("{}b", "*a".repeat(300))));
    assert!(!glob_path_matches(&"a/".repeat(200), &format!("{}b", "**/".repeat(60))));
}
