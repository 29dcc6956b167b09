//! How long typical templates take: `cargo run --profile perf -p jinja --example bench`

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use jinja::{MacroDef, Names, Template, UndefinedMode, Value};

fn time(out: &mut impl Write, what: &str, mut run: impl FnMut()) -> std::io::Result<()> {
    for _ in 0..1000 {
        run();
    }
    let rounds = 20_000;
    let start = Instant::now();
    for _ in 0..rounds {
        run();
    }
    writeln!(out, "{what}: {} ns", start.elapsed().as_nanos() / rounds)
}

fn main() -> std::io::Result<()> {
    let model = "{{ config(materialized='table', tags=['a', 'b']) }}\n\nselect\n    id,\n    \
                 {{ cents_to_dollars('amount') }} as amount,\n    {% for s in ['new', 'paid', 'sent'] %}\n    \
                 sum(case when status = '{{ s }}' then 1 end) as {{ s }}_count{{ ',' if not loop.last }}\n    \
                 {% endfor %}\nfrom {{ ref('orders') }}\n{% if is_incremental() %}where x > 1{% endif %}\n";
    let mut names = Names::default();
    for name in ["config", "ref"] {
        names.0.insert(
            name.to_owned(),
            Value::function("host", |_, args| Ok(args.positional.into_iter().next().unwrap_or_else(|| "".into()))),
        );
    }
    for block in [
        "{% macro cents_to_dollars(column, scale=2) %}({{ column }} / 100)::numeric(16, {{ scale }}){% endmacro %}",
        "{% macro is_incremental() %}{% if not execute %}{{ return(false) }}{% else %}{{ return(true) }}{% endif %}{% endmacro %}",
    ] {
        if let Ok(definition) = MacroDef::compile(block, "macro.shop.m", "macros/m.sql") {
            names.0.insert(definition.name.to_string(), Value::from(Arc::new(definition)));
        }
    }
    if let Some(function) = jinja::modules::builtin("return") {
        names.0.insert("return".to_owned(), function);
    }
    let mut out = std::io::stdout();
    let small = "{{ config(materialized='view') }} select * from {{ ref('x') }}";
    for (what, text) in
        [("small model", small), ("model with macros and a loop", model), ("plain SQL", "select 1 as id")]
    {
        time(&mut out, &format!("compile {what}"), || drop(Template::compile(text, "models/m.sql")))?;
        let Ok(template) = Template::compile(text, "models/m.sql") else { continue };
        time(&mut out, &format!("render {what}"), || drop(template.render(&names, UndefinedMode::Capture)))?;
    }
    let Ok(template) = Template::compile(model, "m") else { return Ok(()) };
    writeln!(out, "{:?}", template.render(&names, UndefinedMode::Capture).map_err(|error| error.to_string()))
}
