//! The view on a model's latest version, made once the model is built.

use std::sync::Arc;

use artifacts::manifest::Node;
use names::RelationName;
use serde_json::Value as Json;

use super::{RunContext, blocking, build, results::NodeFailure};
use crate::adapter::Materialization;

/// Makes the view, where there is one to make. Grants are the model's; hooks and descriptions are not.
pub(super) async fn create(
    context: &Arc<RunContext>,
    node: &Node,
    built: Option<&RelationName>,
) -> Result<(), NodeFailure> {
    if !context.compiler.has_latest_version_pointer(node) {
        return Ok(());
    }
    let (compiler, id) = (context.compiler.clone(), node.unique_id.clone());
    let alias = blocking(move || compiler.latest_version_pointer(&id)).await.map_err(|error| context.failure(error))?;
    let source = match built {
        Some(relation) => relation.to_string(),
        None => context.compiler.rendered_relation(node),
    };
    let mut pointer = node.clone();
    pointer.alias = alias;
    for key in ["pre-hook", "post-hook", "persist_docs"] {
        pointer.config.insert(key.to_owned(), Json::Null);
    }
    let view = Materialization::View { sql: format!("select * from {source}") };
    let request = build::request_for(context, &pointer, view).await?;
    build::execute_beside(context, &pointer, request).await.map(|_| ())
}
