//! Who sees which variable.

use std::collections::HashMap;

use project::{Vars, yaml};

fn map(text: &str) -> yaml::Map {
    yaml::parse(text).unwrap().0.value.as_map().cloned().unwrap_or_default()
}

fn text(vars: &Vars, package: &str, name: &str) -> Option<String> {
    vars.lookup(package, name).and_then(yaml::Value::scalar_text)
}

#[test]
fn cli_beats_root_for_package_beats_root_beats_package() {
    let vars = Vars {
        cli: map("c: cli"),
        root: "shop".to_owned(),
        projects: HashMap::from([
            ("shop".to_owned(), map("a: root\nc: root\nutils: {a: scoped, d: scoped}\nshop: {e: own}")),
            ("utils".to_owned(), map("a: p\nb: p\nd: p\nutils: {b: pp}")),
        ]),
    };
    assert_eq!(text(&vars, "utils", "a").as_deref(), Some("scoped"));
    assert_eq!(text(&vars, "utils", "b").as_deref(), Some("pp"));
    assert_eq!(text(&vars, "utils", "c").as_deref(), Some("cli"));
    assert_eq!(text(&vars, "utils", "d").as_deref(), Some("scoped"));
    assert_eq!(text(&vars, "shop", "a").as_deref(), Some("root"));
    assert_eq!(text(&vars, "shop", "b"), None);
    assert_eq!(text(&vars, "shop", "e").as_deref(), Some("own"));
    assert_eq!(text(&vars, "utils", "e"), None);
    assert!(vars.lookup("shop", "utils").is_some_and(|value| value.as_map().is_some()), "scoped maps are values too");
    let visible = vars.visible("utils").to_json();
    assert_eq!(visible["a"], "scoped");
    assert_eq!(visible["b"], "pp");
    assert_eq!(visible["c"], "cli");
}
