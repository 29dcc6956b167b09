//! What a run did, for OpenLineage and OpenTelemetry: the run, its commands, and their nodes out of run_results.json, manifest.json and
//! catalog.json.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use chrono::DateTime;
use schedules::Schedule;
use serde_json::Value as Json;
use store::{Database, sqlx};

use super::Details;
use crate::{clock::Micros, model::RunState};

/// A run that has begun.
#[derive(Debug)]
pub(super) struct Story {
    pub run_id: i64,
    pub uuid: String,
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    pub owner: Option<String>,
    pub cause: String,
    pub attempt: i64,
    pub branch: Option<String>,
    pub commit: Option<String>,
    pub connection: Option<String>,
    pub state: RunState,
    pub reason: Option<String>,
    pub planned_at: Option<Micros>,
    pub started_at: Micros,
    /// `None` while it runs.
    pub ended_at: Option<Micros>,
    /// Of the queries that it made.
    pub region: Option<String>,
    pub commands: Vec<Command>,
}

#[derive(Debug)]
pub(super) struct Command {
    pub position: i64,
    pub text: String,
    pub state: RunState,
    pub return_code: Option<i64>,
    pub started_at: Micros,
    pub ended_at: Micros,
    pub nodes: Vec<Node>,
}

/// A node that a command ran; skipped ones did nothing.
#[derive(Debug)]
pub(super) struct Node {
    pub unique_id: String,
    /// dbt's word: success, error, pass, fail, warn, …
    pub status: String,
    pub has_failed: bool,
    pub message: Option<String>,
    pub started_at: Micros,
    pub ended_at: Micros,
    pub inputs: Vec<Relation>,
    /// What it makes; tests make nothing.
    pub output: Option<Relation>,
    pub sql: Option<String>,
    /// The test's name and column, of a test.
    pub test: Option<(String, Option<String>)>,
    /// Athena's ids, the last one last.
    pub queries: Vec<String>,
    pub data_scanned_in_bytes: Option<i64>,
}

/// A table or view.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// `catalog.database.table`
    pub name: String,
    /// Empty when they are not known.
    pub columns: Vec<Column>,
}

impl Story {
    /// `None` when the run is gone or never began.
    pub async fn of(database: &Database, details: &dyn Details, run_id: i64) -> Result<Option<Self>, Unread> {
        type Columns = (
            String,
            String,
            String,
            String,
            String,
            i64,
            Option<String>,
            Option<String>,
            Option<String>,
            String,
            Option<String>,
            Option<Micros>,
            Option<Micros>,
        );
        let select = "SELECT r.uuid, s.slug, s.name, s.definition, r.cause, r.attempt, r.branch, r.commit_hash, r.connection, r.state, \
                      r.state_reason, r.started_at, r.ended_at FROM run r JOIN schedule s ON s.id = r.schedule_id WHERE r.id = $1";
        let row: Option<Columns> = sqlx::query_as(select).bind(run_id).fetch_optional(database.readers()).await?;
        let Some((
            uuid,
            slug,
            name,
            definition,
            cause,
            attempt,
            branch,
            commit,
            connection,
            state,
            reason,
            started,
            ended_at,
        )) = row
        else {
            return Ok(None);
        };
        let Some(started_at) = started else { return Ok(None) };
        let select = "SELECT (SELECT slot.planned_at FROM run JOIN slot ON slot.id = run.slot_id WHERE run.id = $1), \
                      (SELECT max(region) FROM query_execution WHERE run_id = $1)";
        let (planned_at, region): (Option<Micros>, Option<String>) =
            sqlx::query_as(select).bind(run_id).fetch_one(database.readers()).await?;
        let definition: Option<Schedule> = serde_json::from_str(&definition).ok();
        let commands = commands(database, details, run_id).await?;
        Ok(Some(Self {
            run_id,
            uuid,
            slug,
            name,
            description: definition.as_ref().and_then(|schedule| schedule.description.clone()),
            owner: definition.and_then(|schedule| schedule.owner_email),
            cause,
            attempt,
            branch,
            commit,
            connection,
            state: state.parse().unwrap_or(RunState::Error),
            reason,
            planned_at,
            started_at,
            ended_at,
            region: region.filter(|region| !region.is_empty()),
            commands,
        }))
    }
}

/// The database or the artifacts could not be read; another time they may be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Artifacts(String),
}

/// Athena's id, and the bytes that it scanned.
type Query = (String, Option<i64>);

/// Name, type, description.
type Column = (String, Option<String>, Option<String>);

async fn commands(database: &Database, details: &dyn Details, run_id: i64) -> Result<Vec<Command>, Unread> {
    let select = "SELECT id, position, text, state, return_code, started_at, ended_at FROM command \
                  WHERE run_id = $1 AND started_at IS NOT NULL AND ended_at IS NOT NULL ORDER BY position";
    type Columns = (i64, i64, String, String, Option<i64>, Micros, Micros);
    let rows: Vec<Columns> = sqlx::query_as(select).bind(run_id).fetch_all(database.readers()).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let select = "SELECT command_id, node, query_execution_id, data_scanned_in_bytes FROM query_execution \
                  WHERE run_id = $1 AND node IS NOT NULL ORDER BY started_at, query_execution_id";
    let made: Vec<(i64, String, String, Option<i64>)> =
        sqlx::query_as(select).bind(run_id).fetch_all(database.readers()).await?;
    let mut queries: HashMap<(i64, String), Vec<Query>> = HashMap::new();
    for (command, node, id, bytes) in made {
        queries.entry((command, node)).or_default().push((id, bytes));
    }
    let mut files: HashMap<i64, HashMap<String, Json>> = HashMap::new();
    for (command, path, bytes) in details.results(run_id).await.map_err(Unread::Artifacts)? {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        // A command's file may be anything; what is no JSON tells nothing.
        if let Ok(json) = serde_json::from_slice::<Json>(&bytes) {
            files.entry(command).or_default().insert(name, json);
        }
    }
    // `dbt test` may leave the manifest as `dbt run` before it left it: it is stored once.
    let (mut manifest, mut catalog) = (Json::Null, Json::Null);
    let mut commands = Vec::new();
    for (id, position, text, state, return_code, started_at, ended_at) in rows {
        let mut left = files.remove(&id).unwrap_or_default();
        if let Some(newer) = left.remove("manifest.json") {
            manifest = newer;
        }
        if let Some(newer) = left.remove("catalog.json") {
            catalog = newer;
        }
        let results = left.remove("run_results.json").unwrap_or_default();
        let nodes = results["results"].as_array().into_iter().flatten();
        let nodes = nodes.filter_map(|result| {
            let mut node = node(result, &manifest, &catalog, started_at)?;
            let made = queries.remove(&(id, node.unique_id.clone())).unwrap_or_default();
            node.data_scanned_in_bytes = node.data_scanned_in_bytes.or_else(|| {
                let bytes: Vec<i64> = made.iter().filter_map(|(_, bytes)| *bytes).collect();
                (!bytes.is_empty()).then(|| bytes.iter().sum())
            });
            if !made.is_empty() {
                node.queries = made.into_iter().map(|(id, _)| id).collect();
            }
            Some(node)
        });
        let nodes = nodes.collect();
        let state = state.parse().unwrap_or(RunState::Error);
        commands.push(Command { position, text, state, return_code, started_at, ended_at, nodes });
    }
    Ok(commands)
}

fn node(result: &Json, manifest: &Json, catalog: &Json, command_began: Micros) -> Option<Node> {
    let unique_id = result["unique_id"].as_str()?.to_owned();
    let status = result["status"].as_str()?.to_owned();
    if matches!(status.as_str(), "skipped" | "no-op" | "reused") {
        return None;
    }
    let timing = result["timing"].as_array();
    let moments = |key: &'static str| {
        timing.into_iter().flatten().filter_map(move |phase| {
            let at = DateTime::parse_from_rfc3339(phase[key].as_str()?).ok()?;
            Some(at.timestamp_micros())
        })
    };
    let started_at = moments("started_at").min().unwrap_or(command_began);
    let seconds = result["execution_time"].as_f64().unwrap_or_default().max(0.0);
    let ended_at = moments("completed_at").max().unwrap_or(started_at + (seconds * 1e6) as i64).max(started_at);
    let known = &manifest["nodes"][unique_id.as_str()];
    let kind = known["resource_type"].as_str().or_else(|| unique_id.split('.').next()).unwrap_or_default();
    let is_test = matches!(kind, "test" | "unit_test");
    let has_failed = matches!(status.as_str(), "error" | "fail" | "runtime error" | "partial success");
    let text = |value: &Json| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let test = is_test.then(|| {
        let name =
            text(&known["test_metadata"]["name"]).or_else(|| text(&known["name"])).unwrap_or_else(|| unique_id.clone());
        (name, text(&known["column_name"]))
    });
    let makes = matches!(kind, "model" | "seed" | "snapshot") && known["config"]["materialized"] != "ephemeral";
    let output = if makes { relation(&unique_id, manifest, catalog) } else { None };
    Some(Node {
        has_failed,
        message: text(&result["message"]),
        started_at,
        ended_at,
        inputs: inputs(&unique_id, manifest, catalog),
        output,
        sql: text(&result["compiled_code"]).or_else(|| text(&known["compiled_code"])),
        test,
        queries: text(&result["adapter_response"]["query_id"]).into_iter().collect(),
        data_scanned_in_bytes: result["adapter_response"]["data_scanned_in_bytes"].as_i64(),
        unique_id,
        status,
    })
}

/// The relations that a node reads, through ephemeral models.
fn inputs(unique_id: &str, manifest: &Json, catalog: &Json) -> Vec<Relation> {
    let mut found = BTreeMap::new();
    let mut seen = HashSet::new();
    let mut open = vec![unique_id.to_owned()];
    while let Some(id) = open.pop() {
        let parents = manifest["nodes"][id.as_str()]["depends_on"]["nodes"].as_array();
        for parent in parents.into_iter().flatten().filter_map(Json::as_str) {
            if !seen.insert(parent.to_owned()) {
                continue;
            }
            if manifest["nodes"][parent]["config"]["materialized"] == "ephemeral" {
                open.push(parent.to_owned());
            } else if let Some(relation) = relation(parent, manifest, catalog) {
                found.insert(relation.name.clone(), relation);
            }
        }
    }
    found.into_values().collect()
}

/// As catalog.json has it, else as the project's files describe it.
fn relation(unique_id: &str, manifest: &Json, catalog: &Json) -> Option<Relation> {
    let (node, listed) = match unique_id.starts_with("source.") {
        true => (&manifest["sources"][unique_id], &catalog["sources"][unique_id]),
        false => (&manifest["nodes"][unique_id], &catalog["nodes"][unique_id]),
    };
    let table = node["identifier"].as_str().or_else(|| node["alias"].as_str())?;
    let name = format!("{}.{}.{table}", node["database"].as_str()?, node["schema"].as_str()?);
    let described = node["columns"].as_object();
    let text = |value: &Json| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let description = |name: &str| {
        let found = described.into_iter().flatten().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, column)| text(&column["description"]))
    };
    let mut columns: Vec<(i64, Column)> = Vec::new();
    for (name, column) in listed["columns"].as_object().into_iter().flatten() {
        columns.push((
            column["index"].as_i64().unwrap_or_default(),
            (name.clone(), text(&column["type"]), description(name)),
        ));
    }
    if columns.is_empty() {
        for (name, column) in described.into_iter().flatten() {
            columns.push((0, (name.clone(), text(&column["data_type"]), text(&column["description"]))));
        }
    }
    columns.sort_by_key(|(index, _)| *index);
    Some(Relation { name, columns: columns.into_iter().map(|(_, column)| column).collect() })
}

/// Command, path, content.
pub type ResultFile = (i64, String, Bytes);
