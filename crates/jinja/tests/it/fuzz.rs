//! Whatever is written in a template gives a text or an error: no panic, no full stack, no end of memory, no hang.
//!
//! Short here; `PROPTEST_CASES=200000 cargo test -p jinja fuzz` takes its time. What it once found is in `limits.rs`.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jinja::{BlockKind, Globals, MacroDef, Names, Template, UndefinedMode, Value, extract_blocks};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Far above what any case takes in a debug build on a busy machine.
const LONG: Duration = Duration::from_secs(300);

/// The words of the language; a text of them gets further than one of letters.
const WORDS: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{{-",
    "-}}",
    "{%-",
    "-%}",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
    "|",
    "=",
    "==",
    "!=",
    "<",
    ">=",
    "+",
    "-",
    "*",
    "**",
    "/",
    "//",
    "%",
    "~",
    " ",
    "\n",
    "\t",
    "\r\n",
    "\0",
    "\u{feff}",
    "é",
    "😀",
    "\\",
    "'",
    "\"",
    "0",
    "1",
    "-1",
    "2.5",
    "1e400",
    "1_000",
    "0x1F",
    "99999999999999999999999999",
    "9223372036854775807",
    "'a'",
    "\"b\"",
    "'%s'",
    "'{:>9}'",
    "'\\x41'",
    "'%1000000000d'",
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "in",
    "endfor",
    "recursive",
    "set",
    "endset",
    "macro",
    "endmacro",
    "call",
    "endcall",
    "filter",
    "endfilter",
    "raw",
    "endraw",
    "do",
    "with",
    "endwith",
    "break",
    "continue",
    "not",
    "and",
    "or",
    "is",
    "none",
    "true",
    "import",
    "include",
    "extends",
    "block",
    "endblock",
    "test",
    "endtest",
    "docs",
    "enddocs",
    "materialization",
    "endmaterialization",
    "snapshot",
    "endsnapshot",
    "x",
    "l",
    "s",
    "d",
    "n",
    "loop",
    "range",
    "namespace",
    "dict",
    "caller",
    "varargs",
    "kwargs",
    "self",
    "return",
    "zip",
    "tojson",
    "fromjson",
    "toyaml",
    "modules.re",
    "modules.datetime",
    "modules.itertools",
    "modules.pytz",
    "loop.index",
    "loop(l)",
    "range(10)",
    "rec(1)",
    "twice(40)",
    "upper",
    "join",
    "map",
    "select",
    "sort",
    "groupby",
    "batch",
    "slice",
    "indent",
    "replace",
    "format",
    "round",
    "int",
    "float",
    "list",
    "length",
    "first",
    "last",
    "default",
    "truncate",
    "wordwrap",
    "center",
    "tojson",
    "xmlattr",
    "string",
    "defined",
    "mapping",
    "sequence",
    "iterable",
    "divisibleby",
    ".append(",
    ".items()",
    ".split(",
    ".format(",
    ".update(",
    ".strftime(",
    ".replace(",
    ".zfill(",
    ".join(",
    ".__class__",
    ".mro",
    "x=",
    "**d",
    "*l",
    "[1:]",
    "[::-1]",
    "[::0]",
];

/// What expressions are made of.
const ATOMS: &[&str] = &[
    "1",
    "0",
    "-3",
    "2.5",
    "1e308",
    "99999999999999999999999",
    "'a'",
    "''",
    "'é😀'",
    "'%d %s'",
    "'{0} {x!r:>5}'",
    "none",
    "true",
    "x",
    "l",
    "s",
    "d",
    "n",
    "l[0]",
    "d.a",
    "range(3)",
    "[]",
    "{}",
    "()",
    "[1, 'a', none]",
    "{'a': [1], 2: ()}",
    "dict(a=1)",
    "namespace(x=1)",
    "loop",
    "modules.datetime.datetime(2024, 2, 29)",
    "modules.datetime.timedelta(days=999999999)",
    "modules.datetime.date(1, 1, 1)",
    "modules.re.compile('(a*)*b')",
    "modules.itertools.count()",
    "modules.pytz.utc",
    "cycler(1, 2)",
    "joiner()",
    "lipsum",
    "set([1, 2])",
    "rec",
    "twice(3)",
    "undefined_name",
    "1.5|round(2)",
];

const OPERATORS: &[&str] = &[
    " + ",
    " - ",
    " * ",
    " / ",
    " // ",
    " % ",
    " ** ",
    " ~ ",
    " == ",
    " != ",
    " < ",
    " >= ",
    " in ",
    " not in ",
    " and ",
    " or ",
    " if x else ",
    " is divisibleby ",
    " is sameas ",
    " is ",
];

/// `{}` stands for the arguments.
const CALLS: &[&str] = &[
    "|upper",
    "|join({})",
    "|map('upper')",
    "|map(attribute={})",
    "|selectattr({})",
    "|sort(attribute={})",
    "|groupby({})",
    "|batch({})",
    "|slice({})",
    "|indent({})",
    "|replace({}, {})",
    "|format({})",
    "|round({})",
    "|int({})",
    "|float",
    "|list",
    "|length",
    "|first",
    "|last",
    "|default({})",
    "|truncate({})",
    "|wordwrap({})",
    "|center({})",
    "|tojson",
    "|string",
    "|sum",
    "|unique",
    "|reverse",
    "|dictsort",
    "|items",
    "|pprint",
    "|urlencode",
    "|striptags",
    "|title",
    "|wordcount",
    "|min",
    "|max",
    "|abs",
    "|filesizeformat",
    "|xmlattr",
    "|attr({})",
    "|random",
    "|as_text",
    "|as_bool",
    "|as_number",
    "|as_native",
    ".append({})",
    ".extend({})",
    ".pop({})",
    ".insert({}, {})",
    ".items()",
    ".get({}, {})",
    ".update({})",
    ".split({})",
    ".rsplit({}, {})",
    ".join({})",
    ".format({})",
    ".replace({}, {}, {})",
    ".zfill({})",
    ".rjust({})",
    ".center({}, {})",
    ".strip({})",
    ".find({})",
    ".count({})",
    ".encode()",
    ".strftime({})",
    ".replace(year={})",
    ".total_seconds()",
    ".astimezone({})",
    ".match({})",
    ".sub({}, {})",
    ".findall({})",
    ".translate({})",
    ".partition({})",
    ".expandtabs({})",
    ".splitlines()",
    "({})",
    "[{}]",
    "[{}:{}]",
    "[::{}]",
    ".{}",
];

struct Limited(Names);

impl Globals for Limited {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.0.lookup(name)
    }

    fn max_passes(&self) -> u64 {
        20_000
    }
}

fn names() -> Limited {
    Limited(crate::cases::names(
        r#"{"l": [1, 2, "c"], "s": "abc", "n": 5, "x": null, "d": {"a": 1, "b": [2]}}"#,
        "{% macro rec(x) %}{{ rec(x) }}{% endmacro %}
         {% macro twice(n) %}{% if n > 0 %}{{ twice(n - 1) }}{{ twice(n - 1) }}{% endif %}{% endmacro %}",
    ))
}

const KINDS: [BlockKind; 5] =
    [BlockKind::Macro, BlockKind::Materialization, BlockKind::Test, BlockKind::Snapshot, BlockKind::Docs];

/// Reads and runs `text` in every way there is. Whatever it answers is right; it has to answer.
fn survives(text: &str) {
    let started = Instant::now();
    if let Ok(found) = extract_blocks(text, &KINDS) {
        for block in &found.blocks {
            let _ = MacroDef::compile(block.full, "macro.fuzz.m", "m.sql");
        }
    }
    let _ = MacroDef::compile(text, "macro.fuzz.m", "m.sql");
    if let Ok(template) = Template::compile(text, "t") {
        let _ = template.calls().len();
        for mode in [UndefinedMode::Strict, UndefinedMode::Capture] {
            if let Err(error) = template.render(&names(), mode) {
                assert!(!error.message().is_empty(), "an error without words");
            }
            let _ = template.render_native(&names(), mode).map(|value| value.repr());
        }
    }
    assert!(started.elapsed() < LONG, "took {:?}", started.elapsed());
}

fn texts_below(folder: &Path, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            texts_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "sql" || extension == "case") {
            // Cut at a size that a case can read in a moment.
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            found.extend(text.char_indices().step_by(4000).map(|(at, _)| text[at..].chars().take(4000).collect()));
        }
    }
}

/// The macros, models and templates of this repository.
static CORPUS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in
        ["crates/engine", "crates/adapter-athena", "crates/jinja/tests", "examples", "conformance/dbt-parity/projects"]
    {
        texts_below(&root.join(folder), &mut found);
    }
    assert!(found.len() > 100, "only {} texts to start from", found.len());
    found
});

#[derive(Clone, Debug)]
enum Damage {
    Insert(Index, &'static str),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Move(Index, Index, usize),
    Cut(Index),
    Splice(Index, Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), select(WORDS)).prop_map(|(at, word)| Damage::Insert(at, word)),
        2 => (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        1 => (any::<Index>(), 1..40_usize, 1..300_usize).prop_map(|(at, length, times)| Damage::Repeat(at, length, times)),
        2 => (any::<Index>(), any::<Index>(), 1..40_usize).prop_map(|(from, to, length)| Damage::Move(from, to, length)),
        1 => any::<Index>().prop_map(Damage::Cut),
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
            Damage::Move(from, to, length) => {
                let from = place(from);
                let part: Vec<char> = letters.drain(from..(from + length).min(letters.len())).collect();
                let to = to.index(letters.len() + 1);
                letters.splice(to..to, part);
            }
            Damage::Cut(at) => letters.truncate(place(at)),
            Damage::Splice(at, other, from) => {
                let other: Vec<char> = CORPUS[other.index(CORPUS.len())].chars().collect();
                letters.truncate(place(at));
                letters.extend(&other[from.index(other.len() + 1)..]);
            }
        }
    }
    letters.into_iter().collect()
}

fn expression() -> impl Strategy<Value = String> {
    select(ATOMS).prop_map(str::to_owned).prop_recursive(6, 40, 3, |inner| {
        prop_oneof![
            (inner.clone(), select(OPERATORS), inner.clone())
                .prop_map(|(a, operator, b)| format!("({a}{operator}{b})")),
            (inner.clone(), select(CALLS), prop::collection::vec(inner.clone(), 3)).prop_map(
                |(of, call, arguments)| {
                    let call =
                        arguments.iter().fold(call.to_owned(), |call, argument| call.replacen("{}", argument, 1));
                    format!("{of}{call}")
                }
            ),
            inner.clone().prop_map(|of| format!("(not {of})")),
            inner.clone().prop_map(|of| format!("(-{of})")),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
            (inner.clone(), inner).prop_map(|(key, value)| format!("{{{key}: {value}}}")),
        ]
    })
}

fn template() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        expression().prop_map(|value| format!("{{{{ {value} }}}}")),
        (select(&["x", "l", "s", "d.a", "x, y"][..]), expression())
            .prop_map(|(target, value)| format!("{{% set {target} = {value} %}}")),
        expression().prop_map(|value| format!("{{% do {value} %}}")),
        Just("text".to_owned()),
        Just("{% break %}".to_owned()),
        Just("{{ caller() }}".to_owned()),
        Just("{{ loop.index }}".to_owned()),
    ];
    leaf.prop_recursive(4, 30, 3, |inner| {
        let body = prop::collection::vec(inner, 1..4).prop_map(|parts| parts.concat());
        prop_oneof![
            (expression(), body.clone())
                .prop_map(|(test, body)| format!("{{% if {test} %}}{body}{{% else %}}{body}{{% endif %}}")),
            (expression(), body.clone())
                .prop_map(|(items, body)| format!("{{% for x in {items} %}}{body}{{% endfor %}}")),
            (expression(), body.clone()).prop_map(|(items, body)| format!(
                "{{% for a, b in {items} recursive %}}{body}{{{{ loop(l) }}}}{{% endfor %}}"
            )),
            (expression(), body.clone()).prop_map(|(value, body)| format!(
                "{{% macro m(x, y={value}) %}}{body}{{% endmacro %}}{{{{ m(1) }}}}{{{{ m(x=2, z=3) }}}}"
            )),
            body.clone().prop_map(|body| format!(
                "{{% macro m(x) %}}{body}{{{{ caller(1) }}}}{{% endmacro %}}{{% call(z) m(1) %}}{body}{{% endcall %}}"
            )),
            body.clone().prop_map(|body| format!(
                "{{% set s %}}{body}{{% endset %}}{{% filter indent %}}{body}{{% endfilter %}}"
            )),
        ]
    })
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn words_in_any_order(words in prop::collection::vec(select(WORDS), 0..40), spaced in any::<bool>()) {
        survives(&words.join(if spaced { " " } else { "" }));
    }

    #[test]
    fn any_characters(text in "\\PC{0,60}|[\\x00-\\x7f]{0,60}") {
        survives(&text);
        survives(&format!("{{{{ {text} }}}}"));
        survives(&format!("{{% {text} %}}"));
    }

    #[test]
    fn expressions(value in expression()) {
        survives(&format!("{{{{ {value} }}}}"));
    }

    #[test]
    fn templates(text in template()) {
        survives(&text);
    }

    #[test]
    fn damaged_files(at in any::<Index>(), damages in prop::collection::vec(damage(), 1..6)) {
        survives(&damaged(&CORPUS[at.index(CORPUS.len())], &damages));
    }

    #[test]
    fn repeated_words(before in prop::collection::vec(select(WORDS), 0..4), word in select(WORDS), times in 1..20_000_usize) {
        survives(&format!("{} {}", before.join(" "), word.repeat(times)));
        survives(&format!("{{{{ {} {} }}}}", before.join(" "), format!("{word} ").repeat(times)));
    }
}
