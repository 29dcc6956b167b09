//! `/api/openapi.json`: made from the table of routes and the types that the handlers take and give, so that it cannot say anything else.

use axum::{Json, http::Method};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::{
    auth::Scope,
    error::ErrorBody,
    routes::{Access, Answer, Operation, operations as all_operations},
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/openapi.json", "openapi", "This document", || async { Json(document()) })
            .access(Access::Public)
            .answers::<Value>(),
    ]
}

/// The document, OpenAPI 3.1.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let error = generator.subschema_for::<ErrorBody>();
    let mut paths = Map::new();
    for operation in all_operations() {
        let mut entry = Map::new();
        entry.insert("operationId".to_owned(), json!(operation.id));
        entry.insert("summary".to_owned(), json!(operation.summary));
        match operation.access {
            Access::Public => entry.insert("security".to_owned(), json!([])),
            Access::Needs(scope) | Access::Page(scope) => {
                entry.insert("description".to_owned(), json!(format!("Needs the scope `{scope}`.")))
            }
            Access::LoggedIn => None,
        };
        let mut parameters = path_parameters(operation.path);
        if let Some(query) = operation.query {
            let schema = Value::from(query(&mut generator));
            parameters.extend(query_parameters(&schema));
        }
        if !parameters.is_empty() {
            entry.insert("parameters".to_owned(), Value::Array(parameters));
        }
        if let Some(body) = operation.body {
            let schema = body(&mut generator);
            entry.insert(
                "requestBody".to_owned(),
                json!({"required": true, "content": {"application/json": {"schema": schema}}}),
            );
        }
        let content = match operation.answer {
            Answer::Json(schema) => json!({"application/json": {"schema": schema(&mut generator)}}),
            Answer::Other(content_type) => json!({content_type: {"schema": {"type": "string"}}}),
        };
        let mut responses = Map::new();
        responses.insert(operation.status.as_str().to_owned(), json!({"description": "done", "content": content}));
        responses.insert(
            "default".to_owned(),
            json!({"description": "not done", "content": {"application/json": {"schema": error}}}),
        );
        entry.insert("responses".to_owned(), Value::Object(responses));
        let path = paths.entry(operation.path.to_owned()).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(method_name(&operation.method).to_owned(), Value::Object(entry));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Owlet",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Schedules, runs, logs, artifacts, costs and settings of `owlet up`. Times are RFC 3339 in UTC. Lists go from page to page by \
                `after`, the `next` of the page before. The GraphQL API of existing clients is at /api/v1/{workspace}/graphql.",
            "license": {"name": "Apache-2.0"},
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": format!(
                    "A token of `owlet token create`. Scopes: {}. A server on loopback serves its own machine without one.",
                    Scope::ALL.map(Scope::as_str).join(", ")
                ),
            }},
            "schemas": generator.take_definitions(true),
        },
    })
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::POST => "post",
        Method::DELETE => "delete",
        Method::PUT => "put",
        _ => "get",
    }
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let kind = if matches!(name, "run_id" | "command_id" | "artifact_id") { "integer" } else { "string" };
            json!({"name": name, "in": "path", "required": true, "schema": {"type": kind}})
        })
        .collect()
}

fn query_parameters(schema: &Value) -> Vec<Value> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, property)| {
            let mut property = property.clone();
            let description = property.as_object_mut().and_then(|property| property.remove("description"));
            let is_required = required.contains(&name.as_str());
            json!({"name": name, "in": "query", "required": is_required, "description": description, "schema": property})
        })
        .collect()
}
