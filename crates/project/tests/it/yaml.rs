//! `tests/yaml/*.case`: a text, and what PyYAML's `safe_load` makes of it (or `error`).
//!
//! A case is `# name`, the text, `----`, the answer in one line, an empty line. The answers were recorded from PyYAML 6.0.3;
//! `# differs` after the answer says where we differ on purpose, and how.

use project::yaml::{self, Node, Value};

fn show(node: &Node) -> String {
    match &node.value {
        Value::Seq(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let entries = map.entries().map(|entry| format!("{}: {}", show(&entry.key), show(&entry.value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Str(text) => {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
            format!("str \"{text}\"")
        }
        Value::Undefined => "undefined".to_owned(),
        Value::Null | Value::Bool(_) => node.value.scalar_text().unwrap(),
        Value::Int(_) | Value::BigInt(_) => format!("int {}", node.value.scalar_text().unwrap()),
        Value::Float(_) => format!("float {}", node.value.scalar_text().unwrap()),
        Value::Date(_) => format!("date {}", node.value.scalar_text().unwrap()),
        Value::DateTime(timestamp) => format!("datetime {timestamp}"),
    }
}

fn answer(text: &str) -> String {
    yaml::parse(text).map_or_else(|_| "error".to_owned(), |(node, _)| show(&node))
}

fn check(file: &str) {
    let path = format!("{}/tests/yaml/{file}", env!("CARGO_MANIFEST_DIR"));
    let content = fs_err::read_to_string(&path).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (at, case) in content.split("\n\n# ").enumerate() {
        // Texts may hold empty lines, but none followed by `# `.
        let case = if at == 0 { case.strip_prefix("# ").unwrap_or(case) } else { case };
        let (name, rest) = case.split_once('\n').unwrap_or((case, ""));
        let (text, expected) = rest.split_once("----\n").unwrap_or_else(|| panic!("{file}: case '{name}' has no ----"));
        let mut lines = expected.lines();
        let mut expected = lines.next().unwrap_or_default();
        if let Some(ours) = lines.next().and_then(|line| line.strip_prefix("# differs: ")) {
            expected = ours;
        }
        count += 1;
        let got = answer(text);
        if got != expected {
            wrong.push(format!("{name}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(count > 50, "only {count} cases in {file}");
    assert!(wrong.is_empty(), "{} of {count} cases of {file}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn scalars_are_what_pyyaml_says() {
    check("scalars.case");
}

#[test]
fn documents_are_what_pyyaml_says() {
    check("documents.case");
}

#[test]
fn errors_say_where() {
    let (node, diagnostics) =
        yaml::parse_file("models/schema.yml", "models:\n  - name: a\n    description: {{ doc('x') }}\n");
    assert!(node.is_none());
    assert_eq!(
        diagnostics[0].to_string(),
        "Parsing Error\n  Error reading models/schema.yml: Syntax error near line 3\n  \
         at models/schema.yml:3:19\n   \
         3 |     description: {{ doc('x') }}\n     \
         |                   ^\n  \
         cause: found unhashable key\n  \
         fix:   put quotes around a value that starts with Jinja: \"{{ … }}\""
    );
}

#[test]
fn duplicate_keys_are_warned_of_but_merged_ones_are_not() {
    let (node, diagnostics) = yaml::parse_file("a.yml", "x: &x {k: 1}\na: 1\nb:\n  <<: *x\n  k: 2\na: 3\n");
    assert_eq!(
        show(&node.unwrap()),
        "{str \"x\": {str \"k\": int 1}, str \"a\": int 3, str \"b\": {str \"k\": int 2}}"
    );
    assert_eq!(diagnostics.len(), 1);
    assert!(diagnostics[0].what.contains("Duplicate key 'a' at line 6"), "{}", diagnostics[0].what);
}

#[test]
fn alias_bombs_and_deep_nesting_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let item = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![item; 10].join(", ")));
    }
    assert!(matches!(yaml::parse(&bomb), Err(yaml::YamlError::TooManyValues { .. })));
    let deep = format!("a: {}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(yaml::parse(&deep).is_err());
    let deep_block: String = (0..1_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert!(matches!(yaml::parse(&deep_block), Err(yaml::YamlError::TooDeep { .. })));
}

#[test]
fn python_values_survive_templates() {
    let (node, _) =
        yaml::parse("a: [1, 2.5, yes, ~, 2024-01-02, 2024-01-02T03:04:05Z, x]\n1: {b: 99999999999999999999}\n")
            .unwrap();
    let there = jinja::Value::from(&node.value);
    assert_eq!(Value::from_jinja(&there), node.value);
}

#[test]
fn positions_are_those_of_the_file_also_where_lines_were_moved() {
    let text = "a:\n  b: {c: 1,\nd: 2018-02-31\n}\n";
    let error = yaml::parse(text).unwrap_err();
    assert_eq!((error.position().line, error.position().column), (3, 4), "{error}");
    assert!(yaml::parse("a:\n  b: \"never\nclosed\n").is_err());
    assert!(yaml::parse("a:\n    b: 1\n  c: 2\n").is_err());
}
