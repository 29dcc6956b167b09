//! OpenLineage: what a run read and wrote, as events for a lineage server.
//!
//! A run's `START` is told when it begins, everything else when it is over: `START` and `COMPLETE` or `FAIL` of each of its commands and their
//! nodes, and its own end. Ids follow from the run's: told twice, an event is the same event.
//!
//! Sources: OpenLineage 2-0-2 (`spec/OpenLineage.json`, `spec/facets`), `spec/Naming.md` for Athena's datasets.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::story::{Command, Node, Relation, Story};
use crate::{clock::Micros, model::RunState};

/// Who says it: `_producer`.
const PRODUCER: &str = concat!("owlet://owlet/", env!("CARGO_PKG_VERSION"));
const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// The event of a run's begin.
pub(super) fn begin(story: &Story, namespace: &str) -> Vec<Value> {
    vec![of_run(story, namespace, "START", story.started_at)]
}

/// Everything about a run that is over: begins before ends, each in the order of time.
pub(super) fn end(story: &Story, namespace: &str) -> Vec<Value> {
    let mut events = Vec::new();
    for command in &story.commands {
        let mut add = |kind, at| events.push(of_command(story, command, namespace, kind, at));
        add("START", command.started_at);
        for node in &command.nodes {
            events.push(of_node(story, command, node, namespace, "START", node.started_at));
            let kind = if node.has_failed && node.test.is_none() { "FAIL" } else { "COMPLETE" };
            events.push(of_node(story, command, node, namespace, kind, node.ended_at));
        }
        let kind = match (command.state, command.return_code) {
            (RunState::Canceled, _) => "ABORT",
            (_, Some(0)) => "COMPLETE",
            _ => "FAIL",
        };
        events.push(of_command(story, command, namespace, kind, command.ended_at));
    }
    let kind = match story.state {
        RunState::Success => "COMPLETE",
        RunState::Failed | RunState::Error => "FAIL",
        _ => "ABORT",
    };
    events.push(of_run(story, namespace, kind, story.ended_at.unwrap_or(story.started_at)));
    events.sort_by_key(|event| event["eventType"] != "START");
    events
}

fn of_run(story: &Story, namespace: &str, kind: &str, at: Micros) -> Value {
    let mut run = Map::new();
    if let Some(planned_at) = story.planned_at {
        run.insert(
            "nominalTime".to_owned(),
            facet("NominalTimeRunFacet", "1-0-1", json!({"nominalStartTime": time(planned_at)})),
        );
    }
    if kind == "FAIL" {
        run.insert("errorMessage".to_owned(), error(story.reason.as_deref().unwrap_or("the run failed"), "SHELL"));
    }
    let mut job = job_facets("SCHEDULE", "OWLET");
    if let Some(description) = &story.description {
        job.insert(
            "documentation".to_owned(),
            facet("DocumentationJobFacet", "1-1-0", json!({"description": description})),
        );
    }
    if let Some(owner) = &story.owner {
        let owners = json!({"owners": [{"name": format!("user:{owner}"), "type": "MAINTAINER"}]});
        job.insert("ownership".to_owned(), facet("OwnershipJobFacet", "1-0-1", owners));
    }
    event(kind, at, (run_uuid(story), run), (namespace, &story.slug, job), &[], &[])
}

fn of_command(story: &Story, command: &Command, namespace: &str, kind: &str, at: Micros) -> Value {
    let mut run = Map::new();
    run.insert("parent".to_owned(), parent(story, namespace, (run_uuid(story), &story.slug)));
    if kind == "FAIL" {
        let said = command
            .return_code
            .map_or("it has no exit code".to_owned(), |code| format!("it ended with exit code {code}"));
        run.insert("errorMessage".to_owned(), error(&format!("{}: {said}", command.text), "SHELL"));
    }
    let mut job = job_facets("COMMAND", if is_dbt(command) { "DBT" } else { "OWLET" });
    job.insert(
        "documentation".to_owned(),
        facet("DocumentationJobFacet", "1-1-0", json!({"description": command.text})),
    );
    event(kind, at, (command_uuid(story, command), run), (namespace, &command_job(story, command), job), &[], &[])
}

fn of_node(story: &Story, command: &Command, node: &Node, namespace: &str, kind: &str, at: Micros) -> Value {
    let mut run = Map::new();
    let above = (command_uuid(story, command), command_job(story, command));
    run.insert("parent".to_owned(), parent(story, namespace, (above.0, &above.1)));
    if let Some(query) = node.queries.last() {
        let query = json!({"externalQueryId": query, "source": "athena"});
        run.insert("externalQuery".to_owned(), facet("ExternalQueryRunFacet", "1-0-2", query));
    }
    if kind == "FAIL" {
        run.insert("errorMessage".to_owned(), error(node.message.as_deref().unwrap_or(&node.status), "SQL"));
    }
    let mut job = job_facets(if node.test.is_some() { "TEST" } else { "MODEL" }, "DBT");
    if let Some(sql) = &node.sql {
        job.insert("sql".to_owned(), facet("SQLJobFacet", "1-1-0", json!({"query": sql, "dialect": "athena"})));
    }
    let is_end = kind != "START";
    let inputs: Vec<Value> = node
        .inputs
        .iter()
        .map(|relation| {
            let mut input = dataset(relation, story);
            if let Some((name, column)) = node.test.as_ref().filter(|_| is_end) {
                let mut assertion = json!({"assertion": name, "success": !node.has_failed && node.status != "warn"});
                if let Some(column) = column {
                    assertion["column"] = json!(column);
                }
                let checked = facet("DataQualityAssertionsDatasetFacet", "1-1-0", json!({"assertions": [assertion]}));
                input["inputFacets"] = json!({"dataQualityAssertions": checked});
            }
            input
        })
        .collect();
    let outputs: Vec<Value> = node.output.iter().map(|relation| dataset(relation, story)).collect();
    event(kind, at, (node_uuid(story, command, node), run), (namespace, &node.unique_id, job), &inputs, &outputs)
}

fn event(
    kind: &str,
    at: Micros,
    (run, run_facets): (Uuid, Map<String, Value>),
    (namespace, job, job_facets): (&str, &str, Map<String, Value>),
    inputs: &[Value],
    outputs: &[Value],
) -> Value {
    json!({
        "eventType": kind,
        "eventTime": time(at),
        "run": {"runId": run, "facets": run_facets},
        "job": {"namespace": namespace, "name": job, "facets": job_facets},
        "inputs": inputs,
        "outputs": outputs,
        "producer": PRODUCER,
        "schemaURL": EVENT,
    })
}

fn dataset(relation: &Relation, story: &Story) -> Value {
    let region = story.region.as_deref().unwrap_or("us-east-1");
    let mut dataset = json!({
        "namespace": format!("awsathena://athena.{region}.amazonaws.com"),
        "name": relation.name,
    });
    let fields = relation.columns.iter().map(|(name, kind, description)| {
        let mut field = json!({"name": name});
        if let Some(kind) = kind {
            field["type"] = json!(kind);
        }
        if let Some(description) = description {
            field["description"] = json!(description);
        }
        field
    });
    let fields: Vec<Value> = fields.collect();
    if !fields.is_empty() {
        dataset["facets"] = json!({"schema": facet("SchemaDatasetFacet", "1-2-0", json!({"fields": fields}))});
    }
    dataset
}

fn parent(story: &Story, namespace: &str, (run, job): (Uuid, &str)) -> Value {
    let parent = json!({
        "run": {"runId": run},
        "job": {"namespace": namespace, "name": job},
        "root": {"run": {"runId": run_uuid(story)}, "job": {"namespace": namespace, "name": story.slug}},
    });
    facet("ParentRunFacet", "1-2-0", parent)
}

fn job_facets(kind: &str, integration: &str) -> Map<String, Value> {
    let kind = json!({"processingType": "BATCH", "integration": integration, "jobType": kind});
    Map::from_iter([("jobType".to_owned(), facet("JobTypeJobFacet", "2-0-4", kind))])
}

fn error(message: &str, language: &str) -> Value {
    facet("ErrorMessageRunFacet", "1-0-1", json!({"message": message, "programmingLanguage": language}))
}

fn facet(name: &str, version: &str, mut content: Value) -> Value {
    content["_producer"] = json!(PRODUCER);
    content["_schemaURL"] = json!(format!("https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}"));
    content
}

fn is_dbt(command: &Command) -> bool {
    command.text.trim_start().starts_with("dbt")
}

fn command_job(story: &Story, command: &Command) -> String {
    format!("{}.command_{}", story.slug, command.position)
}

/// Of the run itself.
pub(super) fn run_uuid(story: &Story) -> Uuid {
    Uuid::parse_str(&story.uuid).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, story.uuid.as_bytes()))
}

fn command_uuid(story: &Story, command: &Command) -> Uuid {
    Uuid::new_v5(&run_uuid(story), format!("command {}", command.position).as_bytes())
}

fn node_uuid(story: &Story, command: &Command, node: &Node) -> Uuid {
    Uuid::new_v5(&command_uuid(story, command), node.unique_id.as_bytes())
}

fn time(at: Micros) -> String {
    DateTime::from_timestamp_micros(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, true)
}
