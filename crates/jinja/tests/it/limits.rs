//! Nothing a user writes makes us panic, overflow the stack or run for ever.

use std::path::Path;

use jinja::{BlockKind, MacroDef, Template, UndefinedMode, extract_blocks};

fn run(text: &str) -> Result<String, String> {
    let names = crate::cases::names(
        r#"{"l": [1, 2], "s": "abc", "d": {"a": 1}}"#,
        "{% macro rec(x) %}{{ rec(x) }}{% endmacro %}",
    );
    let template = Template::compile(text, "t").map_err(|error| error.message().to_owned())?;
    template.render(&names, UndefinedMode::Strict).map_err(|error| error.message().to_owned())
}

#[test]
fn deep_templates_are_refused() {
    let nested =
        |open: &str, close: &str, count: usize| format!("{{{{ {}1{} }}}}", open.repeat(count), close.repeat(count));
    let too_deep = "the template is nested too deeply";
    for text in [
        nested("(", ")", 5000),
        nested("[", "]", 5000),
        nested("-", "", 5000),
        nested("not ", "", 5000),
        nested("{1:", "}", 5000),
    ] {
        assert_eq!(run(&text), Err(too_deep.to_owned()));
    }
    assert_eq!(
        run(&format!("{{{{ 1{} }}}}", " + 1".repeat(5000))),
        Err("the expression is nested too deeply".to_owned())
    );
    assert_eq!(
        run(&format!("{{{{ s{} }}}}", "|upper".repeat(5000))),
        Err("the expression is nested too deeply".to_owned())
    );
    assert_eq!(run(&format!("{{{{ 1{} }}}}", " ~ 1".repeat(5000))), Ok("1".repeat(5001)));
    assert_eq!(run(&"{% if 1 %}".repeat(5000)), Err(too_deep.to_owned()));
    assert_eq!(run(&"{% for x in l %}".repeat(5000)), Err(too_deep.to_owned()));
    assert_eq!(run(&format!("{{{{ 1{} }}}}", " + 1".repeat(300))), Ok("301".to_owned()));
    assert_eq!(run(&nested("(", ")", 100)), Ok("1".to_owned()));
    let blocks = |open: &str, close: &str| format!("{}{{{{ s }}}}{}", open.repeat(120), close.repeat(120));
    assert_eq!(run(&blocks("{% for x in [1] %}", "{% endfor %}")), Ok("abc".to_owned()));
    assert_eq!(run(&blocks("{% if s %}{{ loop }}", "{% endif %}")), Ok("abc".to_owned()));
    assert_eq!(run(&blocks("{% filter lower %}", "{% endfilter %}")), Ok("abc".to_owned()));
}

#[test]
fn recursion_ends() {
    assert_eq!(run("{{ rec(1) }}"), Err("maximum recursion depth exceeded".to_owned()));
    let deep = "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x|string|length > 100 }}";
    assert_eq!(run(deep), Ok("True".to_owned()));
    let tuple =
        "{% set ns = namespace(x=()) %}{% for i in range(100000) %}{% set ns.x = (ns.x, {1: ns.x}) %}{% endfor %}done";
    assert_eq!(run(tuple), Ok("done".to_owned()));
    let key =
        "{% set ns = namespace(x=()) %}{% for i in range(100000) %}{% set ns.x = (ns.x,) %}{% endfor %}{{ {ns.x: 1} }}";
    assert_eq!(run(key), Err("maximum recursion depth exceeded".to_owned()));
    let looping = "{% set x = [] %}{% do x.append(x) %}{{ x == [x] }}{{ tojson(x) }}";
    assert_eq!(run(looping), Ok("TrueNone".to_owned()));
    assert_eq!(
        run("{% for i in [l] recursive %}{{ loop([l]) }}{% endfor %}"),
        Err("maximum recursion depth exceeded".to_owned())
    );
}

#[test]
fn large_results_are_refused() {
    for text in [
        "{{ 'a' * 999999999999 }}",
        "{{ [1] * 999999999 }}",
        "{{ 10 ** 99999999 }}",
        "{{ 2 ** (2 ** 64) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ range(1, 200000) }}",
        "{{ modules.itertools.count()|list|length }}",
        "{{ modules.itertools.count()|sum }}",
        "{{ modules.itertools.repeat(1)|max }}",
        "{{ 'a' in modules.itertools.count() }}",
        "{{ 'a' in modules.itertools.cycle([1]) }}",
        "{{ modules.itertools.compress(modules.itertools.count(), modules.itertools.repeat(0))|first }}",
        "{{ modules.itertools.islice(modules.itertools.count(), 999999999999, None)|list }}",
        "{{ 2 ** 40000 }}",
        "{% set ns = namespace(x=7) %}{% for i in range(100) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
        "{{ modules.itertools.product(range(100), repeat=5)|list }}",
    ] {
        assert!(run(text).is_err(), "{text}");
    }
    assert_eq!(
        run("{% for i in modules.itertools.count() %}{% if i > 3 %}{% break %}{% endif %}{{ i }}{% endfor %}"),
        Ok("0123".to_owned())
    );
}

#[test]
fn long_numbers_are_refused_as_in_python() {
    let digits = "9".repeat(4301);
    let sentence = "Exceeds the limit (4300 digits) for integer string conversion: value has 4301 digits; use \
                    sys.set_int_max_str_digits() to increase the limit";
    assert_eq!(run(&format!("{{{{ {digits} }}}}")), Err(sentence.to_owned()));
    assert_eq!(run(&format!("{{{{ '{digits}'|int(-1) }}}}")), Ok("-1".to_owned()));
}

struct FewPasses(jinja::Names);

impl jinja::Globals for FewPasses {
    fn lookup(&self, name: &str) -> Option<jinja::Value> {
        self.0.lookup(name)
    }

    fn max_passes(&self) -> u64 {
        10_000
    }
}

#[test]
fn loops_and_macros_that_multiply_are_stopped() {
    let macros = "{% macro twice(n) %}{% if n > 0 %}{{ twice(n - 1) }}{{ twice(n - 1) }}{% endif %}{% endmacro %}";
    let names = FewPasses(crate::cases::names("", macros));
    let loops = "{% for x in l %}".repeat(20);
    for text in [
        "{{ twice(200) }}".to_owned(),
        format!("{{% set l = range(10) %}}{loops}{}", "{% endfor %}".repeat(20)),
        format!("{{% set l = range(10) %}}{loops}{{{{ loop.index }}}}{}", "{% endfor %}".repeat(20)),
        "{% for i in modules.itertools.count() %}{% endfor %}".to_owned(),
    ] {
        let error = Template::compile(&text, "t").unwrap().render(&names, UndefinedMode::Strict).unwrap_err();
        assert_eq!(error.message(), "stopped after 10000 passes through loops and macros", "{text}");
    }
}

/// Templates cut off, with letters dropped, doubled and swapped.
#[test]
fn damaged_templates_never_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below.max(1) as u64) as usize
    };
    let names = crate::cases::names(r#"{"l": [1, 2], "s": "abc", "n": 5, "d": {"a": 1}}"#, "");
    let kinds = [BlockKind::Macro, BlockKind::Docs];
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.contains("{{") || line.contains("{%")) {
            let letters: Vec<char> = line.chars().collect();
            for _ in 0..6 {
                let mut damaged = letters.clone();
                for _ in 0..=random(3) {
                    let at = random(damaged.len());
                    match random(5) {
                        0 => damaged.truncate(at),
                        1 if !damaged.is_empty() => drop(damaged.remove(at)),
                        2 if !damaged.is_empty() => damaged.insert(at, damaged[random(damaged.len())]),
                        3 if !damaged.is_empty() => damaged.swap(at, 0),
                        _ => damaged.insert(at, ['{', '}', '%', '(', '|', '\'', 'é', '\\', '-'][random(9)]),
                    }
                }
                let damaged: String = damaged.into_iter().collect();
                count += 1;
                let _ = extract_blocks(&damaged, &kinds);
                let _ = MacroDef::compile(&damaged, "", "");
                if let Ok(template) = Template::compile(&damaged, "t") {
                    let _ = template.render(&names, UndefinedMode::Strict);
                    let _ = template.render_native(&names, UndefinedMode::Capture);
                }
            }
        }
    }
    assert!(count > 5000, "only {count} templates were tried");
}
