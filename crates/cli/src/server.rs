//! A server's state, opened by a command beside it: SQLite lets several processes in, Postgres anyway.

use std::{
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use diagnostic::Diagnostic;
use scheduler::{
    MIGRATIONS,
    clock::SystemClock,
    model::Actor,
    settings::{self, SettingKind},
};
use store::{Database, Durability, database_file_of};
use vault::KeyRing;

use crate::{args::server::StateArgs, environment::Environment, settings::Settings, terminal::Stream};

/// The folder of the server: named, or `.owlet` of the project or of the current folder.
pub fn directory(args: &StateArgs, settings: &Settings) -> PathBuf {
    match (&args.dir, &settings.project_dir) {
        (Some(dir), _) => dir.clone(),
        (None, Some(project_dir)) => project_dir.join(".owlet"),
        (None, None) => PathBuf::from(".owlet"),
    }
}

/// The database, its tables up to date.
pub async fn database(args: &StateArgs, dir: &Path) -> anyhow::Result<Database> {
    let opened = match &args.database_url {
        Some(url) => Database::open(url, Durability::Power).await,
        None => Database::sqlite(&database_file_of(dir), Durability::Power).await,
    };
    let explained = |error: store::DatabaseError| anyhow::anyhow!("{error}\n  fix:   {}", error.fix());
    let database = opened.map_err(explained)?;
    database.migrate(&MIGRATIONS).await.map_err(explained)?;
    Ok(database)
}

/// The keys: `OWLET_SECRET_KEY`, or the folder's file, which is made when it is not there.
pub fn keys(dir: &Path, environment: &Environment) -> anyhow::Result<KeyRing> {
    let keys = match environment.get("OWLET_SECRET_KEY").filter(|text| !text.is_empty()) {
        Some(text) => KeyRing::from_text(text, "OWLET_SECRET_KEY"),
        None => KeyRing::open_or_create(dir),
    };
    keys.map_err(|error| anyhow::anyhow!("{error}\n  fix:   {}", error.fix()))
}

/// What people set.
pub async fn open_settings(
    args: &StateArgs,
    settings: &Settings,
    environment: &Environment,
) -> anyhow::Result<settings::Settings> {
    let dir = directory(args, settings);
    let database = database(args, &dir).await?;
    let keys = keys(&dir, environment)?;
    Ok(settings::Settings::new(database, keys, Arc::new(SystemClock::new())))
}

/// Whoever runs the command, for the audit log.
pub fn actor(environment: &Environment) -> Actor {
    let name = environment.get("USER").or_else(|| environment.get("LOGNAME")).filter(|name| !name.is_empty());
    Actor::person(name.unwrap_or("owlet"), None)
}

/// All that is wrong, one after the other.
pub fn refused(error: &settings::SettingsError) -> anyhow::Error {
    all_of(&error.diagnostics())
}

/// Diagnostics as an error.
pub fn all_of(problems: &[Diagnostic]) -> anyhow::Error {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("{}", texts.join("\n"))
}

/// How a value is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    Visibly,
    Unseen,
}

/// Values from standard input: prompted for on a terminal, else its lines; a single one is all of it, as keys have many lines.
pub fn read_values(names: &[&str], typed: Typed) -> anyhow::Result<Vec<String>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    if std::io::stdin().is_terminal() {
        return names.iter().map(|name| prompt(name, typed)).collect();
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("reading the value from standard input")?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    let values: Vec<String> =
        if names.len() == 1 { vec![text.to_owned()] } else { text.lines().map(str::to_owned).collect() };
    if values.len() != names.len() {
        bail!(
            "Standard input has {} lines for {} values\n  cause: {} are read one per line\n  fix:   give a line for each, in this order",
            values.len(),
            names.len(),
            names.join(", ")
        );
    }
    Ok(values)
}

fn prompt(name: &str, typed: Typed) -> anyhow::Result<String> {
    let terminal = console::Term::stderr();
    terminal.write_str(&format!("{name}: ")).context("asking for the value")?;
    let read = match typed {
        Typed::Visibly => terminal.read_line(),
        Typed::Unseen => terminal.read_secure_line(),
    };
    read.context("reading the value from the terminal")
}

/// Tells of names with secrets in them that this setting has to do with. The setting is made: a failure here is not told.
pub async fn warn_of_names(store: &settings::Settings, kind: SettingKind, name: &str) {
    let found = store.names_with_secrets().await.unwrap_or_default();
    let warnings: Vec<Diagnostic> =
        found.into_iter().filter(|found| found.concerns(kind, name)).map(|found| found.warning).collect();
    warn(&warnings);
}

/// Tells warnings.
pub fn warn(warnings: &[Diagnostic]) {
    for warning in warnings {
        Stream::Stderr.write_line(&format!("Warning: {warning}"));
    }
}
