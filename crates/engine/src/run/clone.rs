//! `clone`: the relations of another state, here, without building them.
//!
//! Athena cannot copy a table without its data, so that a clone is a view on the other relation, as dbt-athena makes it.

use std::sync::Arc;

use artifacts::manifest::Node;

use super::{
    RunContext, blocking,
    build::{self, Hooks},
    errors,
    job::Outcome,
    results::NodeFailure,
};
use crate::{adapter::Materialization, events::Level};

/// Makes the view, or what a macro of the project makes in its place, unless there is no counterpart or something of the name is there already.
pub(super) async fn run(context: &Arc<RunContext>, node: &Arc<Node>) -> Result<Outcome, NodeFailure> {
    let (compiler, id) = (context.compiler.clone(), node.unique_id.clone());
    let by_macro = blocking(move || compiler.run_clone(&id)).await.map_err(|error| context.failure(error))?;
    let nothing = || Outcome { message: Some("No-op".to_owned()), ..Outcome::default() };
    if let Some(done) = by_macro {
        let Some(done) = done else { return Ok(nothing()) };
        build::look_again(context, node, &done).await?;
        build::write_run_sql(context, node, &done.run_sql)?;
        return Ok(Outcome { response: Some(done.response), ..Outcome::default() });
    }
    let Some(other) = context.compiler.counterpart(&node.unique_id) else { return Ok(nothing()) };
    let failed = |error| errors::of_adapter(node, &error, None);
    let relation = node.relation();
    let existing = context.adapter.get_relation(&relation).await.map_err(failed)?;
    if existing.is_some() && !build::full_refresh(context, node) {
        context.events.line(Level::Info, format!("Relation {relation} already exists"));
        return Ok(nothing());
    }
    let sql = format!("select * from {}", context.compiler.rendered_relation(&other));
    let request = build::request_for(context, node, Materialization::View { sql }).await?;
    build::execute(context, node, request, None, Hooks::ALL).await
}
