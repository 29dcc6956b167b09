//! `sql`: the scratchpad.

mod split;

use std::{
    io::{BufRead, IsTerminal, Read, Write},
    path::Path,
    sync::Arc,
};

use adapter_athena::{AthenaAdapter, AthenaProfile};
use engine::{
    Adapter, Compiler,
    adapter::{ResultTable, StatementOrigin},
};
use jinja::Value;
use project::Profile;

use self::split::statements;
use super::Outcome;
use crate::{
    args::{ResultFormat, SqlArgs},
    connection::Connection,
    environment::Environment,
    session::Session,
    settings::Settings,
    table::{Cell, Table},
    terminal::Stream,
};

/// In a project: its profile, and its Jinja.
pub async fn in_project(session: &Session, args: &SqlArgs) -> anyhow::Result<Outcome> {
    let text = query_text(args)?;
    let connection = session.connect().await?;
    let adapter = session.adapter(&connection)?;
    let mut console =
        Console { adapter, compiler: None, session: Some(session), args, colors: session.settings.colors };
    let outcome = console.run(text, &connection.description).await;
    connection.close().await;
    outcome
}

/// Anywhere else: the lakehouse of the current folder.
pub async fn without_project(
    args: &SqlArgs,
    settings: &Settings,
    environment: &Environment,
    current_dir: &Path,
) -> anyhow::Result<Outcome> {
    if settings.target.is_some() || settings.profile.is_some() {
        anyhow::bail!(
            "`owlet sql --target` needs a project\n  \
             cause: neither the current folder nor one above it has a dbt_project.yml, which says which profile is meant\n  \
             fix:   go to your project, or name it with --project-dir"
        );
    }
    let text = query_text(args)?;
    let profile = AthenaProfile::parse(&Profile::embedded_default().credentials).map_err(|problems| {
        anyhow::anyhow!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    let connection = Connection::open(&profile, current_dir, environment).await?;
    let adapter = Arc::new(AthenaAdapter::new(profile, connection.services.clone(), uuid::Uuid::new_v4().to_string()));
    let mut console = Console { adapter, compiler: None, session: None, args, colors: settings.colors };
    let outcome = console.run(text, &connection.description).await;
    connection.close().await;
    outcome
}

/// The statements of argument, file or standard input; `None` asks for them at a prompt.
fn query_text(args: &SqlArgs) -> anyhow::Result<Option<String>> {
    let text = match (&args.query, &args.file) {
        (Some(query), _) if query != "-" => query.clone(),
        (_, Some(file)) => fs_err::read_to_string(file)?,
        (None, None) if std::io::stdin().is_terminal() => return Ok(None),
        _ => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text)?;
            text
        }
    };
    if text.trim().is_empty() {
        anyhow::bail!(
            "There is no statement to run\n  cause: the query, file or standard input is empty\n  fix:   owlet sql \"select 1\""
        );
    }
    Ok(Some(text))
}

/// Runs statements one after the other.
struct Console<'a> {
    adapter: Arc<dyn Adapter>,
    /// Made when the first statement with Jinja comes: the project is parsed for it.
    compiler: Option<Compiler>,
    session: Option<&'a Session>,
    args: &'a SqlArgs,
    colors: bool,
}

impl Console<'_> {
    async fn run(&mut self, text: Option<String>, place: &str) -> anyhow::Result<Outcome> {
        let Some(text) = text else { return self.prompt(place).await };
        for statement in statements(&text) {
            if let Err(error) = self.statement(&statement).await {
                Stream::Stderr.write_line(&format!("{error:#}"));
                return Ok(Outcome::Failure);
            }
        }
        Ok(Outcome::Success)
    }

    /// Reads statements up to their `;` until the end of input.
    async fn prompt(&mut self, place: &str) -> anyhow::Result<Outcome> {
        Stream::Stderr
            .write_line(&format!("Connected to {place}. End a statement with ';', leave with 'exit' or Ctrl-D."));
        let mut pending = String::new();
        loop {
            write!(std::io::stderr().lock(), "{}", if pending.is_empty() { "owlet> " } else { "    -> " })?;
            std::io::stderr().flush()?;
            let mut line = String::new();
            if std::io::stdin().lock().read_line(&mut line)? == 0 {
                return Ok(Outcome::Success);
            }
            if pending.is_empty() && matches!(line.trim().trim_end_matches(';'), "exit" | "quit" | "\\q") {
                return Ok(Outcome::Success);
            }
            pending.push_str(&line);
            if !pending.trim_end().ends_with(';') {
                if pending.trim().is_empty() {
                    pending.clear();
                }
                continue;
            }
            for statement in statements(&std::mem::take(&mut pending)) {
                if let Err(error) = self.statement(&statement).await {
                    Stream::Stderr.write_line(&format!("{error:#}"));
                }
            }
        }
    }

    async fn statement(&mut self, statement: &str) -> anyhow::Result<()> {
        let sql = self.rendered(statement).await?;
        let origin = StatementOrigin { node: None, step: "sql".to_owned(), comment: None };
        // One more than is shown, to know whether there are more.
        let fetch = (self.args.limit > 0).then(|| self.args.limit + 1);
        let (response, mut result) =
            self.adapter.execute(&sql, &origin, Some(fetch)).await.map_err(|error| anyhow::anyhow!("{error}"))?;
        if result.columns.is_empty() {
            Stream::Stderr.write_line(&response.message);
            return Ok(());
        }
        let more = self.args.limit > 0 && result.rows.len() > self.args.limit;
        if more {
            result.rows.truncate(self.args.limit);
        }
        let table = to_table(&result);
        Stream::Stdout.write_line(&match self.args.format {
            ResultFormat::Table => table.aligned(self.colors),
            ResultFormat::Csv => table.csv(),
            ResultFormat::Json => serde_json::to_string_pretty(&table.objects())?,
        });
        let rows = table.rows.len();
        let shown = format!("{rows} row{}", if rows == 1 { "" } else { "s" });
        Stream::Stderr.write_line(&if more {
            format!("{shown} shown, there are more: --limit 0 shows all")
        } else {
            shown
        });
        Ok(())
    }

    /// The statement with its Jinja rendered.
    async fn rendered(&mut self, statement: &str) -> anyhow::Result<String> {
        if !project::has_jinja(statement) {
            return Ok(statement.to_owned());
        }
        let Some(session) = self.session else {
            anyhow::bail!(
                "Jinja needs a project\n  cause: there is no dbt_project.yml here\n  fix:   go to your project, or name it with --project-dir"
            );
        };
        let compiler = match &self.compiler {
            Some(compiler) => compiler.clone(),
            None => {
                let manifest = session.parse().await?;
                self.compiler.insert(session.compiler(manifest, Arc::clone(&self.adapter), &[])).clone()
            }
        };
        let statement = statement.to_owned();
        let compiled = tokio::task::spawn_blocking(move || compiler.compile_inline(&statement)).await?;
        Ok(compiled.map_err(|error| anyhow::anyhow!("{error}"))?.sql.to_string())
    }
}

/// Python's values as cells.
pub fn to_table(result: &ResultTable) -> Table {
    Table {
        columns: result.columns.iter().map(|column| column.name.clone()).collect(),
        rows: result.rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::None | Value::Undefined(_) => Cell::Null,
        Value::Bool(flag) => Cell::Bool(*flag),
        Value::Int(number) => Cell::Number { text: number.to_string(), json: (*number).into() },
        Value::Float(number) => Cell::Number {
            text: value.to_string(),
            json: serde_json::Number::from_f64(*number).map_or_else(|| value.to_string().into(), Into::into),
        },
        // JSON's numbers would lose digits of it.
        Value::BigInt(_) | Value::Decimal(_) => {
            Cell::Number { text: value.to_string(), json: value.to_string().into() }
        }
        Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Set(_) => {
            let json = json_of(value);
            Cell::Nested { text: athena_text(&json), json }
        }
        other => Cell::Text(other.to_string()),
    }
}

/// Arrays, maps and rows as Athena writes them into a result: `[1, 2]`, `{k=v}`.
fn athena_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(athena_text).collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}={}", athena_text(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn json_of(value: &Value) -> serde_json::Value {
    match value {
        Value::List(items) => items.read().iter().map(json_of).collect(),
        Value::Tuple(items) => items.iter().map(json_of).collect(),
        Value::Dict(dict) => dict
            .read()
            .iter()
            .map(|(key, value)| (key.value().to_string(), json_of(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::None | Value::Undefined(_) => serde_json::Value::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) => (*number).into(),
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_look_as_in_athenas_results() {
        let value = serde_json::json!([1, "a", null, {"k": [true]}]);
        assert_eq!(athena_text(&value), "[1, a, null, {k=[true]}]");
    }
}
