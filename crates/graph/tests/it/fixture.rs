//! The project `tests/select/shop`, as dbt Core 1.12.0 parsed it (`shop.json`), as a graph.

use std::sync::Arc;

use graph::{Graph, GraphNode, ResourceType, TestKind};
use serde_json::Value as Json;

pub fn path(name: &str) -> String {
    format!("{}/tests/select/{name}", env!("CARGO_MANIFEST_DIR"))
}

pub fn nodes() -> Vec<GraphNode> {
    let text = fs_err::read_to_string(path("shop.json")).unwrap();
    let nodes: Vec<Json> = serde_json::from_str(&text).unwrap();
    nodes.iter().map(node).collect()
}

pub fn shop() -> Graph {
    Graph::new(nodes()).unwrap()
}

fn node(json: &Json) -> GraphNode {
    let text = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned);
    let texts = |key: &str| -> Vec<String> {
        let items = json.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
        items.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    GraphNode {
        unique_id: text("unique_id").unwrap().into(),
        resource_type: text("resource_type").unwrap().parse::<ResourceType>().unwrap(),
        name: text("name").unwrap(),
        package_name: text("package").unwrap(),
        fqn: texts("fqn"),
        tags: texts("tags"),
        original_file_path: text("path").unwrap(),
        patch_path: text("patch_path"),
        config: Arc::new(json["config"].as_object().cloned().unwrap_or_default()),
        version: text("version"),
        latest_version: text("latest_version"),
        access: text("access"),
        source_name: text("source_name"),
        test_kind: text("test_kind").map(|kind| if kind == "generic" { TestKind::Generic } else { TestKind::Singular }),
        test_name: text("test_name"),
        is_empty: json["is_empty"] == true,
        depends_on: texts("depends_on").into_iter().map(Into::into).collect(),
        ..GraphNode::default()
    }
}

/// A graph of models from lines such as `c: a b`.
pub fn models(lines: &str) -> Vec<GraphNode> {
    let id = |name: &str| {
        let kind = if name.starts_with("t_") { "test" } else { "model" };
        format!("{kind}.p.{name}")
    };
    lines
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (name, parents) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
            GraphNode {
                unique_id: id(name).into(),
                resource_type: if name.starts_with("t_") { ResourceType::Test } else { ResourceType::Model },
                name: name.to_owned(),
                package_name: "p".to_owned(),
                fqn: vec!["p".to_owned(), name.to_owned()],
                depends_on: parents.split_whitespace().map(|parent| id(parent).into()).collect(),
                ..GraphNode::default()
            }
        })
        .collect()
}
