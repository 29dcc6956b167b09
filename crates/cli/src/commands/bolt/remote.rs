//! `bolt` commands that speak to a running server.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    io::{BufRead, IsTerminal, Write},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};
use diagnostic::Severity;
use schedules::{Known, read_files, verify};
use serde_json::{Value as Json, json};

use super::client::{Client, part};
use crate::{
    args::TextOrJson,
    args::server::RemoteCommand as Command,
    commands::Outcome,
    settings::Settings,
    table::{Cell, Table},
    terminal::Stream,
};

/// How often a waiting command looks for something new.
const LOOK: Duration = Duration::from_millis(700);

/// Runs the command.
///
/// # Errors
/// The server cannot be reached or refuses.
pub async fn run(command: &Command, settings: &Settings, current_dir: &Path) -> anyhow::Result<Outcome> {
    match command {
        Command::Deploy { server, path, dry_run, yes } => {
            let root = match (path, &settings.project_dir) {
                (Some(path), _) => current_dir.join(path),
                (None, Some(project)) => project.clone(),
                (None, None) => current_dir.to_path_buf(),
            };
            deploy(&Client::new(server)?, &root, *dry_run, *yes).await
        }
        Command::Schedules { server, search, format } => {
            list_schedules(&Client::new(server)?, search.as_deref(), *format, settings).await
        }
        Command::Run { server, schedule, command, branch, reason, continue_on_error, wait } => {
            let client = Client::new(server)?;
            let commands = command.iter().map(|command| json!({"command": command})).collect::<Vec<_>>();
            let body = json!({
                "commands": if commands.is_empty() { Json::Null } else { commands.into() },
                "branch": branch,
                "reason": reason,
                "variables": settings.vars.to_json(),
                "continue_on_error": continue_on_error.then_some(true),
            });
            let answer = client.post(&format!("/api/v1/schedules/{}/runs", part(schedule)), &body).await?;
            started(&client, &answer, *wait).await
        }
        Command::Runs { server, schedule, state, limit, format } => {
            let mut path = format!("/api/v1/runs?limit={limit}");
            for (name, value) in [("schedule", schedule), ("state", state)] {
                if let Some(value) = value {
                    path.push_str(&format!("&{name}={}", part(value)));
                }
            }
            list_runs(&Client::new(server)?, &path, *format, settings).await
        }
        Command::Logs { server, run_id, follow } => {
            let client = Client::new(server)?;
            if *follow {
                return follow_run(&client, *run_id).await;
            }
            let mut shown = Shown::default();
            let detail = client.get(&format!("/api/v1/runs/{run_id}")).await?;
            for command in commands_of(&detail) {
                shown.print_new(&client, command).await?;
            }
            Ok(Outcome::Success)
        }
        Command::Artifacts { server, run_id, fetch, output } => {
            artifacts(&Client::new(server)?, *run_id, fetch.as_deref(), output.as_deref(), settings).await
        }
        Command::Cancel { server, run_id, reason } => {
            let client = Client::new(server)?;
            let answer = client.post(&format!("/api/v1/runs/{run_id}/cancel"), &json!({"reason": reason})).await?;
            let word = match answer["done"].as_str().unwrap_or_default() {
                "at_once" => "Run {} is canceled; it had not begun",
                "requested" => "Run {} is being stopped",
                _ => "Run {} was over already",
            };
            Stream::Stderr.write_line(&word.replace("{}", &run_id.to_string()));
            Ok(Outcome::Success)
        }
        Command::Retry { server, run_id, all, wait } => {
            let client = Client::new(server)?;
            let answer = client.post(&format!("/api/v1/runs/{run_id}/retry"), &json!({"all": all})).await?;
            started(&client, &answer, *wait).await
        }
        Command::Suspend { server, schedule, reason } => {
            let path = format!("/api/v1/schedules/{}/suspend", part(schedule));
            Client::new(server)?.post(&path, &json!({"reason": reason})).await?;
            Stream::Stderr.write_line(&format!("'{schedule}' is suspended: the clock does not start it"));
            Ok(Outcome::Success)
        }
        Command::Resume { server, schedule } => {
            let path = format!("/api/v1/schedules/{}/resume", part(schedule));
            Client::new(server)?.post(&path, &json!({})).await?;
            Stream::Stderr.write_line(&format!("The clock starts '{schedule}' again"));
            Ok(Outcome::Success)
        }
        Command::Backfill { server, schedule, from, until, newest_first, parallelism, dry_run } => {
            let body = json!({
                "from": from,
                "until": until,
                "newest_first": newest_first,
                "parallelism": parallelism,
                "dry_run": dry_run,
            });
            let path = format!("/api/v1/schedules/{}/backfills", part(schedule));
            let answer = Client::new(server)?.post(&path, &body).await?;
            let slots = answer["slots"].as_array().cloned().unwrap_or_default();
            for slot in &slots {
                Stream::Stdout.write_line(slot.as_str().unwrap_or_default());
            }
            let done = match answer["id"].as_i64() {
                Some(id) => format!("Backfill {id}: {} runs, {parallelism} at a time", slots.len()),
                None => format!("{} slots; nothing was started", slots.len()),
            };
            Stream::Stderr.write_line(&done);
            Ok(Outcome::Success)
        }
    }
}

/// Reads the files, shows what changes, asks, and does it.
async fn deploy(client: &Client, root: &Path, dry_run: bool, yes: bool) -> anyhow::Result<Outcome> {
    let schedules = schedules_of(root)?;
    let body = |dry_run: bool| json!({"schedules": schedules, "source": "yaml", "dry_run": dry_run});
    let diff = client.post("/api/v1/deployments", &body(true)).await?;
    let changes = diff["changes"].as_array().cloned().unwrap_or_default();
    for line in changes.iter().flat_map(described) {
        Stream::Stdout.write_line(&line);
    }
    let unchanged = diff["unchanged"].as_u64().unwrap_or_default();
    Stream::Stderr.write_line(&format!("{} to change, {unchanged} as they are", changes.len()));
    if dry_run || changes.is_empty() {
        return Ok(Outcome::Success);
    }
    if !yes && !confirmed()? {
        Stream::Stderr.write_line("Nothing was deployed");
        return Ok(Outcome::Failure);
    }
    client.post("/api/v1/deployments", &body(false)).await?;
    Stream::Stderr.write_line("Deployed");
    Ok(Outcome::Success)
}

/// The schedules of a folder as JSON.
///
/// # Errors
/// There are none, or they have mistakes, which the error lists.
pub fn schedules_of(root: &Path) -> anyhow::Result<Vec<Json>> {
    let files = read_files(root).with_context(|| format!("Reading the schedules in {}", root.display()))?;
    if files.is_empty() {
        bail!(
            "No schedules found in {}\n  cause: it has neither paradime_schedules.yml nor YAML files below .bolt/\n  \
             fix:   write one, or name the project's folder: --path DIR",
            root.display()
        );
    }
    let verification = verify(&files, &Known::default());
    let errors: Vec<String> = verification
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    if !errors.is_empty() {
        bail!("The schedules have mistakes; nothing was deployed\n{}", errors.join("\n"));
    }
    let json = verification.schedules.iter().map(|declared| serde_json::to_value(&declared.schedule));
    Ok(json.collect::<Result<_, _>>()?)
}

fn described(change: &Json) -> Vec<String> {
    let slug = change["slug"].as_str().unwrap_or_default();
    let name = change["name"].as_str().unwrap_or_default();
    let sign = match change["kind"].as_str().unwrap_or_default() {
        "create" => '+',
        "delete" => '-',
        _ => '~',
    };
    let mut lines = vec![format!("{sign} {slug}  {name}")];
    for field in change["fields"].as_array().into_iter().flatten() {
        let value = |name: &str| if field[name].is_null() { "(none)".to_owned() } else { field[name].to_string() };
        let label = field["field"].as_str().unwrap_or_default();
        lines.push(format!("    {label}: {} -> {}", value("before"), value("after")));
    }
    let waiting: Vec<i64> = change["waiting"].as_array().into_iter().flatten().filter_map(Json::as_i64).collect();
    lines.extend(waits(sign == '-', &waiting));
    lines
}

/// What a change does to runs that wait.
pub fn waits(is_deleted: bool, waiting: &[i64]) -> Option<String> {
    let (first, rest) = waiting.split_first()?;
    let runs = rest.iter().fold(format!("run {first}"), |runs, id| format!("{runs}, {id}"));
    Some(match is_deleted {
        true => format!("    {runs}: waits, and ends with the schedule"),
        false => format!(
            "    {runs}: waits, and does what the schedule said before; to have it do this, cancel it and run it again"
        ),
    })
}

fn confirmed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("Nobody can be asked here\n  cause: standard input is no terminal\n  fix:   add --yes, or --dry-run");
    }
    let mut prompt = std::io::stderr().lock();
    write!(prompt, "Deploy? [y/N] ")?;
    prompt.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

async fn list_schedules(
    client: &Client,
    search: Option<&str>,
    format: TextOrJson,
    settings: &Settings,
) -> anyhow::Result<Outcome> {
    let mut items = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut path = "/api/v1/schedules?limit=1000".to_owned();
        for (name, value) in [("search", search), ("after", after.as_deref())] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", part(value)));
            }
        }
        let page = client.get(&path).await?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    if format == TextOrJson::Json {
        Stream::Stdout.write_line(&serde_json::to_string_pretty(&items)?);
        return Ok(Outcome::Success);
    }
    let columns = ["slug", "schedule", "timezone", "last run", "state", "next run", ""];
    let rows = items.iter().map(|item| {
        vec![
            text(&item["slug"]),
            text(&item["schedule"]),
            text(&item["timezone"]),
            text(&item["last_run"]["id"]),
            text(&item["last_run"]["state"]),
            time(&item["next_slot_at"]),
            Cell::Text(if item["suspended"] == true { "suspended".to_owned() } else { String::new() }),
        ]
    });
    show(&columns, rows.collect(), settings);
    Ok(Outcome::Success)
}

async fn list_runs(client: &Client, path: &str, format: TextOrJson, settings: &Settings) -> anyhow::Result<Outcome> {
    let page = client.get(path).await?;
    let items = page["items"].as_array().cloned().unwrap_or_default();
    if format == TextOrJson::Json {
        Stream::Stdout.write_line(&serde_json::to_string_pretty(&items)?);
        return Ok(Outcome::Success);
    }
    let columns = ["run", "schedule", "state", "cause", "made", "waited", "ran", "why"];
    let seconds = |value: &Json| value.as_f64().map_or(Cell::Null, |value| Cell::Text(format!("{value:.1} s")));
    let rows = items.iter().map(|item| {
        vec![
            text(&item["id"]),
            text(&item["schedule"]),
            text(&item["state"]),
            text(&item["cause"]),
            time(&item["created_at"]),
            seconds(&item["queued_seconds"]),
            seconds(&item["running_seconds"]),
            Cell::Text(item["state_reason"].as_str().unwrap_or_default().lines().next().unwrap_or_default().to_owned()),
        ]
    });
    show(&columns, rows.collect(), settings);
    Ok(Outcome::Success)
}

async fn artifacts(
    client: &Client,
    run_id: i64,
    fetch: Option<&str>,
    output: Option<&Path>,
    settings: &Settings,
) -> anyhow::Result<Outcome> {
    let page = client.get(&format!("/api/v1/runs/{run_id}/artifacts")).await?;
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let Some(wanted) = fetch else {
        let row = |item: &Json| vec![text(&item["command_id"]), text(&item["path"]), text(&item["size_in_bytes"])];
        show(&["command", "path", "bytes"], items.iter().map(row).collect(), settings);
        return Ok(Outcome::Success);
    };
    // The last command's file is the newest.
    let Some(found) = items.iter().rev().find(|item| item["path"] == wanted) else {
        bail!("Run {run_id} has no artifact '{wanted}'\n  fix:   `owlet bolt artifacts {run_id}` lists those it has");
    };
    let bytes = client.download(found["url"].as_str().unwrap_or_default()).await?;
    match output {
        Some(file) => fs_err::write(file, bytes)?,
        None => std::io::stdout().lock().write_all(&bytes)?,
    }
    Ok(Outcome::Success)
}

async fn started(client: &Client, answer: &Json, wait: bool) -> anyhow::Result<Outcome> {
    let run_id = answer["run_id"].as_i64().context("The server's answer names no run")?;
    if answer["is_new"] == false {
        Stream::Stderr.write_line(&format!("It was asked for already: run {run_id}"));
    }
    Stream::Stderr.write_line(&format!("Run {run_id}: {}", answer["url"].as_str().unwrap_or_default()));
    if wait {
        return follow_run(client, run_id).await;
    }
    Stream::Stdout.write_line(&run_id.to_string());
    Ok(Outcome::Success)
}

/// Shows what a run prints until it ends.
async fn follow_run(client: &Client, run_id: i64) -> anyhow::Result<Outcome> {
    let mut shown = Shown::default();
    loop {
        // The state is read before the logs: what is over has printed everything.
        let detail = client.get(&format!("/api/v1/runs/{run_id}")).await?;
        for command in commands_of(&detail) {
            shown.print_new(client, command).await?;
        }
        let state = detail["run"]["state"].as_str().unwrap_or_default();
        if matches!(state, "SUCCESS" | "FAILED" | "ERROR" | "CANCELED" | "SKIPPED") {
            let reason = detail["run"]["state_reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
            Stream::Stderr.write_line(&format!("Run {run_id} ended: {state}{reason}"));
            return Ok(Outcome::of(state == "SUCCESS"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn commands_of(detail: &Json) -> impl Iterator<Item = &Json> {
    let commands = detail["commands"].as_array().into_iter().flatten();
    commands.filter(|command| !command["started_at"].is_null())
}

/// What has been printed of each command.
#[derive(Default)]
struct Shown {
    next: HashMap<i64, String>,
    finished: HashSet<i64>,
}

impl Shown {
    async fn print_new(&mut self, client: &Client, command: &Json) -> anyhow::Result<()> {
        let id = command["id"].as_i64().unwrap_or_default();
        if self.finished.contains(&id) {
            return Ok(());
        }
        if let Entry::Vacant(unseen) = self.next.entry(id) {
            unseen.insert(String::new());
            Stream::Stderr.write_line(&format!("$ {}", command["command"].as_str().unwrap_or_default()));
        }
        loop {
            let after = self.next.get(&id).cloned().unwrap_or_default();
            let page = client.get(&format!("/api/v1/commands/{id}/logs?limit=1000&after={after}")).await?;
            let chunks = page["chunks"].as_array().cloned().unwrap_or_default();
            for chunk in &chunks {
                let text = chunk["text"].as_str().unwrap_or_default();
                // A reader that went away is not our problem.
                let _ = match chunk["stream"].as_str() {
                    Some("STDERR") => std::io::stderr().lock().write_all(text.as_bytes()),
                    _ => std::io::stdout().lock().write_all(text.as_bytes()),
                };
            }
            self.next.insert(id, page["next"].as_str().unwrap_or_default().to_owned());
            if page["finished"] == true {
                self.finished.insert(id);
                return Ok(());
            }
            if chunks.is_empty() {
                return Ok(());
            }
        }
    }
}

fn text(value: &Json) -> Cell {
    match value {
        Json::Null => Cell::Text(String::new()),
        Json::String(text) => Cell::Text(text.clone()),
        Json::Number(number) => Cell::Number { text: number.to_string(), json: value.clone() },
        other => Cell::Text(other.to_string()),
    }
}

/// To the second.
fn time(value: &Json) -> Cell {
    let text = value.as_str().unwrap_or_default();
    Cell::Text(text.split('.').next().unwrap_or_default().replace('T', " "))
}

fn show(columns: &[&str], rows: Vec<Vec<Cell>>, settings: &Settings) {
    let table = Table { columns: columns.iter().map(|name| (*name).to_owned()).collect(), rows };
    Stream::Stdout.write_line(&table.aligned(settings.colors));
}
