//! Macros as the host uses them: compilation, the call stack, what is found without evaluating.

use std::sync::{Arc, Mutex};

use jinja::{CallArgs, Globals, MacroCall, MacroDef, MacroKind, Names, State, Template, UndefinedMode, Value};

struct Host {
    names: Names,
    entered: Mutex<Vec<(String, usize)>>,
}

impl Globals for Host {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.names.lookup(name)
    }

    fn enter_macro(&self, call: &MacroCall, depth: usize) {
        self.entered.lock().unwrap().push((call.id.to_string(), depth));
    }
}

fn host(blocks: &[&str]) -> Host {
    let mut names = crate::cases::names("", "");
    for block in blocks {
        let definition = MacroDef::compile(block, "", "").unwrap();
        let id = format!("macro.shop.{}", definition.name);
        let path = format!("macros/{}.sql", definition.name);
        let definition = MacroDef::compile(block, &id, &path).unwrap();
        names.0.insert(definition.name.to_string(), Value::from(Arc::new(definition)));
    }
    Host { names, entered: Mutex::new(Vec::new()) }
}

#[test]
fn error_has_the_macro_stack_the_place_and_dbts_words() {
    let host =
        host(&["{% macro outer() %}{{ inner() }}{% endmacro %}", "{% macro inner() %}\n\n{{ gone.x }}{% endmacro %}"]);
    let template = Template::compile("select\n{{ outer() }}", "models/m.sql").unwrap();
    let error = template.render(&host, UndefinedMode::Strict).unwrap_err();
    let stack: Vec<String> = error.stack().iter().map(|call| format!("{} ({})", call.name, call.path)).collect();
    assert_eq!(stack, ["inner (macros/inner.sql)", "outer (macros/outer.sql)"]);
    assert_eq!((error.template(), error.line()), (Some("macros/inner.sql"), Some(3)));
    assert_eq!(error.dbt_message(), "'gone' is undefined");
    assert_eq!(*host.entered.lock().unwrap(), [("macro.shop.outer".to_owned(), 0), ("macro.shop.inner".to_owned(), 1)]);

    let error = Template::compile("{{ gone() }}", "m").unwrap().render(&host, UndefinedMode::Strict).unwrap_err();
    assert_eq!(
        error.dbt_message(),
        "'gone' is undefined. This can happen when calling a macro that does not exist. \
         Check for typos and/or install package dependencies with \"dbt deps\"."
    );
}

#[test]
fn syntax_error_has_its_line() {
    let error = Template::compile("a\n\n{{ 1 + }}", "models/m.sql").unwrap_err();
    assert_eq!((error.line(), error.template()), (Some(3), Some("models/m.sql")));
    assert_eq!(error.dbt_message(), "unexpected 'end of print statement'\n  line 3\n    {{ 1 + }}");
}

#[test]
fn signatures() {
    let definition =
        MacroDef::compile("{% macro m(a: str, b: Dict[str, List[int]] = none) %}{% endmacro %}", "", "").unwrap();
    assert_eq!((&*definition.name, definition.kind), ("m", MacroKind::Macro));
    let shown: Vec<_> =
        definition.parameters.iter().map(|p| (p.name.to_string(), p.annotation.clone(), p.has_default)).collect();
    assert_eq!(
        shown,
        [
            ("a".to_owned(), Some("str".to_owned()), false),
            ("b".to_owned(), Some("Dict[str, List[int]]".to_owned()), true)
        ]
    );
    let block =
        "{% materialization t, adapter='athena', supported_languages=['python', 'sql'] %}{% endmaterialization %}";
    let definition = MacroDef::compile(block, "", "").unwrap();
    assert_eq!((&*definition.name, definition.kind), ("materialization_t_athena", MacroKind::Materialization));
    assert_eq!(definition.supported_languages, ["python", "sql"]);
    let block = "{% materialization t, default %}{% endmaterialization %}";
    assert_eq!(MacroDef::compile(block, "", "").unwrap().supported_languages, ["sql"]);
    let error = MacroDef::compile("{% materialization t, foo=1 %}{% endmaterialization %}", "", "").unwrap_err();
    assert_eq!(error.message(), "materialization 't' received unknown argument 'foo'.");
}

#[test]
fn calls_are_found_without_evaluating() {
    let text = "{{ config(materialized='table', tags=['a'], x=y) }}{% if false %}{{ ref('a', 'b', v=2) }}{% endif %}\
                {{ adapter.dispatch('m', 'pkg')(dbt_utils.star(source('s', 't'))) }}{{ a.b.c|map(foo(1)) }}";
    let template = Template::compile(text, "m").unwrap();
    let shown: Vec<String> =
        template.calls().iter().map(|call| format!("{}{:?}", call.name, call.positional)).collect();
    assert_eq!(
        shown,
        [
            "config[]",
            "ref[Some('a'), Some('b')]",
            "adapter.dispatch[Some('m'), Some('pkg')]",
            "dbt_utils.star[None]",
            "source[Some('s'), Some('t')]",
            "foo[Some(1)]"
        ]
    );
    assert_eq!(
        format!("{:?}", template.calls()[0].keyword),
        "[(\"materialized\", Some('table')), (\"tags\", Some(['a'])), (\"x\", None)]"
    );
    assert!(template.mentions("y") && !template.mentions("z"));
    assert!(Template::compile("select 1", "m").unwrap().is_static() && !template.is_static());
}

#[test]
fn host_functions_call_back() {
    let mut host = host(&["{% macro twice(x) %}{{ return(x * 2) }}{% endmacro %}"]);
    host.names.0.insert(
        "render".to_owned(),
        Value::function("render", |state, args| {
            let [text] = args.bind("render", ["string"], 1)?;
            let template = Template::compile(&text.unwrap_or(Value::None).to_string(), "render")?;
            state.render(&template).map(Value::from)
        }),
    );
    host.names.0.insert(
        "apply".to_owned(),
        Value::function("apply", |state, args| {
            let [function, value] = args.bind("apply", ["function", "value"], 2)?;
            state.call(&function.unwrap_or(Value::None), CallArgs::positional(value.into_iter().collect()))
        }),
    );
    let render = |text: &str| Template::compile(text, "m").unwrap().render(&host, UndefinedMode::Strict);
    assert_eq!(render("{{ render('{{ twice(2) }}') }} {{ apply(twice, 4) }}").unwrap(), "4 8");
    assert_eq!(
        render("{{ apply(1) }}").unwrap_err().message(),
        "apply() missing 1 required positional argument: 'value'"
    );
    assert_eq!(
        render("{{ apply(1, 2, 3) }}").unwrap_err().message(),
        "apply() takes 2 positional arguments but 3 were given"
    );
    assert_eq!(render("{{ apply(z=1) }}").unwrap_err().message(), "apply() got an unexpected keyword argument 'z'");
    assert_eq!(render("{{ return(1) }}").unwrap_err().message(), "return(...) was called outside of a macro");
    let mut state = State::new(&host, UndefinedMode::Strict);
    let twice = host.lookup("twice").unwrap();
    assert_eq!(state.call(&twice, CallArgs::positional(vec![Value::Int(21)])).unwrap(), Value::Int(42));
}

#[test]
fn values_are_shared_between_threads() {
    let template =
        Template::compile("{% for i in range(50) %}{% do l.append(i) %}{% endfor %}{{ l|length }}", "m").unwrap();
    let mut names = crate::cases::names("", "");
    let list = Value::list(Vec::new());
    names.0.insert("l".to_owned(), list.clone());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| template.render(&names, UndefinedMode::Strict).unwrap());
        }
    });
    assert_eq!(list.len(), Some(200));
}

#[test]
fn newlines_are_normalized() {
    let template = Template::compile("{{ 1 }}\r\nx\ry\r\n", "m").unwrap();
    assert_eq!(template.render(&Names::default(), UndefinedMode::Strict).unwrap(), "1\nx\ny");
}
