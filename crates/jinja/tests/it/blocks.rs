//! Blocks of files.

use jinja::{BlockKind, extract_blocks};

const ALL: [BlockKind; 5] =
    [BlockKind::Macro, BlockKind::Materialization, BlockKind::Test, BlockKind::Snapshot, BlockKind::Docs];

fn shown(source: &str) -> String {
    match extract_blocks(source, &ALL) {
        Ok(found) => {
            let blocks: Vec<String> = found
                .blocks
                .iter()
                .map(|block| {
                    format!("{}@{} {}: {:?} {:?}", block.kind.tag(), block.line, block.name, block.contents, block.full)
                })
                .collect();
            let unexpected = found.unexpected.iter().map(|tag| format!("unexpected@{} {}", tag.line, tag.word));
            blocks.into_iter().chain(unexpected).collect::<Vec<_>>().join("\n")
        }
        Err(error) => format!("{} (line {})", error.message(), error.line().unwrap()),
    }
}

#[test]
fn blocks_of_a_file() {
    assert_eq!(
        shown(
            "text {# {% macro no() %} #}\n{% macro a(x='%}') %}b {{ '{% endmacro %}' }} {% if x %}{% endif %}{% endmacro %} rest"
        ),
        "macro@2 a: \"b {{ '{% endmacro %}' }} {% if x %}{% endif %}\" \
         \"{% macro a(x='%}') %}b {{ '{% endmacro %}' }} {% if x %}{% endif %}{% endmacro %}\""
    );
    assert_eq!(
        shown("x \n{%- docs d -%}  hi  {%- enddocs -%}  \ny{% snapshot s %}select 1{% endsnapshot %}"),
        "docs@2 d: \"hi\" \" \\n{%- docs d -%}  hi  {%- enddocs -%}  \\n\"\n\
         snapshot@3 s: \"select 1\" \"{% snapshot s %}select 1{% endsnapshot %}\""
    );
    assert_eq!(
        shown("{% raw %}{% macro a() %}{% endraw %}{% test t(model) %}q{% endtest %}"),
        "test@1 t: \"q\" \"{% test t(model) %}q{% endtest %}\"\nunexpected@1 raw"
    );
    assert_eq!(shown("{% set x = 1 %}"), "unexpected@1 set");
}

#[test]
fn broken_files() {
    for (source, message) in [
        ("a\n{% macro a() %}", "Reached EOF without finding a close tag for macro (searched from line 2) (line 2)"),
        (
            "{% if x %}{% macro a() %}{% endmacro %}{% endif %}",
            "Got a block definition inside control flow at 1:10. All dbt block definitions must be at the top level (line 1)",
        ),
        (
            "{% macro a() %}{% macro b() %}{% endmacro %}{% endmacro %}",
            "Got nested tags: macro (started at 0) did not have a matching {{% endmacro %}} before a subsequent macro was found (started at 15) (line 1)",
        ),
        (
            "{% endif %}",
            "Got an unexpected control flow end tag, got endif but never saw a preceeding if (@ 1:0) (line 1)",
        ),
        (
            "{% for x in y %}{% endif %}",
            "Got an unexpected control flow end tag, got endif but expected endfor next (@ 1:16) (line 1)",
        ),
        ("{# x", "unexpected EOF, expected #}, got \" x\" (line 1)"),
        ("{{ x", "unexpected EOF, expected }}, got \" x\" (line 1)"),
        ("{% macro a('x", "unexpected EOF, expected string, got \"'x\" (line 1)"),
    ] {
        assert_eq!(shown(source), message, "{source}");
    }
}
