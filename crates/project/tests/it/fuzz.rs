//! Whatever stands in a file gives a value or mistakes: no panic, no full stack, no end of memory, no hang.
//!
//! Short here; `PROPTEST_CASES=200000 cargo test -p project fuzz` takes its time.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use project::yaml::{self, Value};
use project::{
    DbtProject, PackagesFile, Profile, ProfileSettings, PropertyFile, RenderError, SourceText, VersionRequirement,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Far above what any case takes in a debug build on a busy machine.
const LONG: Duration = Duration::from_secs(300);

/// What YAML is made of, and what the files of a project say.
const WORDS: &[&str] = &[
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "\n  - ",
    ": ",
    ":",
    "- ",
    "? ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "<<: ",
    "<<: *a",
    "<<: [*a, *a]",
    "!!str ",
    "!!int ",
    "!!binary ",
    "!x ",
    "|",
    "|+2\n",
    ">-\n",
    "'",
    "\"",
    "\\",
    "\\x",
    "\\u12",
    "# ",
    "#",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "\t",
    "\r\n",
    "\r",
    "\0",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "é",
    "😀",
    "@",
    "`",
    "%",
    "~",
    "null",
    "true",
    "on",
    "012",
    "0x1f",
    "1:30",
    "1_000",
    "1e3",
    ".inf",
    ".nan",
    "-.inf",
    "99999999999999999999999999",
    "2024-01-02",
    "2024-02-30",
    "2024-01-02 25:61:61",
    "0001-01-01",
    "=",
    "name",
    "version",
    "models",
    "sources",
    "tables",
    "columns",
    "tests",
    "data_tests",
    "description",
    "config",
    "meta",
    "tags",
    "unique",
    "accepted_values",
    "arguments",
    "values",
    "macros",
    "exposures",
    "owner",
    "groups",
    "snapshots",
    "relation",
    "seeds",
    "unit_tests",
    "given",
    "expect",
    "rows",
    "format",
    "input",
    "versions",
    "v",
    "latest_version",
    "include",
    "exclude",
    "defined_in",
    "constraints",
    "type",
    "freshness",
    "warn_after",
    "count",
    "period",
    "loaded_at_field",
    "quoting",
    "metrics",
    "semantic_models",
    "saved_queries",
    "functions",
    "deprecation_date",
    "depends_on",
    "anchors",
    "selectors",
    "definition",
    "union",
    "vars",
    "profile",
    "require-dbt-version",
    ">=1.0.0",
    "on-run-start",
    "dispatch",
    "macro_namespace",
    "search_order",
    "flags",
    "clean-targets",
    "model-paths",
    "query-comment",
    "outputs",
    "target",
    "dev",
    "threads",
    "athena",
    "schema",
    "packages",
    "package",
    "git",
    "revision",
    "local",
    "subdirectory",
    "tarball",
    "\"{{ var('x') }}\"",
    "\"{{ x \"",
    "{{ x }}",
    "{% if %}",
];

fn render(text: &str, _path: &str) -> Result<Value, RenderError> {
    match text.len() % 4 {
        0 => Err(RenderError::new("no")),
        1 => Ok(Value::Int(1)),
        2 => Ok(Value::Seq(Vec::new())),
        _ => Ok(Value::Str(text.to_uppercase())),
    }
}

/// Reads `text` as every kind of file. Whatever it answers is right; it has to answer.
fn survives(text: &str) {
    let started = Instant::now();
    let source = || SourceText::new("models/schema.yml", text);
    let (node, diagnostics) = yaml::parse_file("models/schema.yml", text);
    assert!(node.is_some() || !diagnostics.is_empty());
    for diagnostic in diagnostics {
        let _ = diagnostic.to_string();
    }
    if let Some(node) = node {
        let _ = node.value.to_json().to_string();
    }
    for diagnostic in PropertyFile::parse("shop", source(), &render).1 {
        let _ = diagnostic.to_string();
    }
    let (project, diagnostics) = DbtProject::parse(Path::new("/p"), source(), &render);
    assert!(project.is_some() || !diagnostics.is_empty());
    if let Err(diagnostics) = Profile::parse(source(), "name", &ProfileSettings::default(), &render) {
        assert!(!diagnostics.is_empty());
    }
    let _ = PackagesFile::parse(source(), &render);
    assert!(started.elapsed() < LONG, "took {:?}", started.elapsed());
}

fn texts_below(folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = fs_err::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.ends_with("target") {
            texts_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            found.push(fs_err::read_to_string(&path).unwrap_or_default());
        }
    }
}

/// The YAML files and the YAML cases of this repository.
static CORPUS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in ["examples", "conformance", "crates/engine/tests", "crates/graph/tests"] {
        texts_below(&root.join(folder), &mut found);
    }
    for file in ["documents.case", "scalars.case"] {
        let text = fs_err::read_to_string(root.join("crates/project/tests/yaml").join(file)).unwrap();
        found.extend(text.split("\n\n# ").map(|case| case.split("----\n").next().unwrap_or_default().to_owned()));
    }
    assert!(found.len() > 100, "only {} texts to start from", found.len());
    found
});

#[derive(Clone, Debug)]
enum Damage {
    Insert(Index, &'static str),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Indent(Index, usize),
    Splice(Index, Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), select(WORDS)).prop_map(|(at, word)| Damage::Insert(at, word)),
        2 => (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        1 => (any::<Index>(), 1..40_usize, 1..200_usize).prop_map(|(at, length, times)| Damage::Repeat(at, length, times)),
        2 => (any::<Index>(), 0..12_usize).prop_map(|(at, blanks)| Damage::Indent(at, blanks)),
        1 => (any::<Index>(), any::<Index>(), any::<Index>()).prop_map(|(at, other, from)| Damage::Splice(at, other, from)),
    ]
}

fn damaged(text: &str, damages: &[Damage]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for damage in damages {
        let place = |index: &Index| index.index(letters.len() + 1);
        match damage {
            Damage::Insert(at, word) => {
                let at = place(at);
                letters.splice(at..at, word.chars());
            }
            Damage::Remove(at, length) => {
                let at = place(at);
                letters.drain(at..(at + length).min(letters.len()));
            }
            Damage::Repeat(at, length, times) => {
                let at = place(at);
                let part = letters[at..(at + length).min(letters.len())].to_vec();
                letters.splice(at..at, part.repeat(*times));
            }
            Damage::Indent(at, blanks) => {
                let at = place(at);
                let line = letters[..at].iter().rposition(|letter| *letter == '\n').map_or(0, |end| end + 1);
                letters.splice(line..line, std::iter::repeat_n(' ', *blanks));
            }
            Damage::Splice(at, other, from) => {
                let other: Vec<char> = CORPUS[other.index(CORPUS.len())].chars().collect();
                letters.truncate(place(at));
                letters.extend(&other[from.index(other.len() + 1)..]);
            }
        }
    }
    letters.into_iter().collect()
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn words_in_any_order(words in prop::collection::vec(select(WORDS), 0..60)) {
        survives(&words.concat());
    }

    #[test]
    fn any_characters(text in "\\PC{0,60}|[\\x00-\\x7f]{0,60}") {
        survives(&text);
        survives(&format!("models:\n  - name: {text}\n    columns: [{text}]\n"));
    }

    #[test]
    fn damaged_files(at in any::<Index>(), damages in prop::collection::vec(damage(), 1..6)) {
        survives(&damaged(&CORPUS[at.index(CORPUS.len())], &damages));
    }

    #[test]
    fn repeated_words(before in prop::collection::vec(select(WORDS), 0..4), word in select(WORDS), times in 1..5_000_usize) {
        survives(&format!("{}{}", before.concat(), word.repeat(times)));
    }

    #[test]
    fn version_requirements(texts in prop::collection::vec("[<>=]{0,2}[0-9a-z.]{0,12}|\\PC{0,12}", 0..4)) {
        let _ = VersionRequirement::parse(&texts);
    }
}

#[test]
fn bombs_are_refused() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..40 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        aliases.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    let merges = (1..40).fold("a0: &a0 {x: 1}\n".to_owned(), |text, level| {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        text + &format!("a{level}: &a{level} {{k{level}: 1, <<: [{inner}], l: [{inner}]}}\n")
    });
    for (name, text) in [
        ("aliases", aliases),
        ("merges", merges),
        ("brackets", "[".repeat(200_000)),
        ("braces", "{a: ".repeat(200_000)),
        ("dashes", "- ".repeat(200_000)),
        ("questions", "? ".repeat(200_000)),
        ("keys", (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
    ] {
        let started = Instant::now();
        assert!(yaml::parse(&text).is_err(), "{name}");
        survives(&text);
        assert!(started.elapsed() < LONG, "{name} took {:?}", started.elapsed());
    }
}

#[test]
fn what_editors_leave_is_read() {
    for text in [
        "\u{feff}models:\n- name: a\n",
        "models:\r\n- name: a\r\n",
        "models:\r- name: a\r",
        "models:\n- name: a\n\n\n   \n",
    ] {
        let (file, diagnostics) = PropertyFile::parse("shop", SourceText::new("models/schema.yml", text), &render);
        assert!(diagnostics.is_empty(), "{text:?}: {diagnostics:#?}");
        assert_eq!(file.models[0].name, "a", "{text:?}");
    }
    assert!(yaml::parse("a: \0b\n").is_err(), "PyYAML refuses NUL");
}
