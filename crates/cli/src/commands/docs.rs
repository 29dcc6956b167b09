//! `docs generate`: catalog.json.

use std::collections::HashSet;

use artifacts::{Metadata, catalog::Catalog, timestamp};
use engine::events::Level;
use graph::ResourceType;
use names::UniqueId;

use super::{Outcome, compile::compile_all};
use crate::{
    args::SelectionArgs,
    selection::{self, EmptyNodes},
    session::Session,
};

/// Writes manifest.json and catalog.json.
pub async fn generate(
    session: &Session,
    args: &SelectionArgs,
    no_compile: bool,
    empty_catalog: bool,
) -> anyhow::Result<Outcome> {
    let manifest = session.parse().await?;
    let mut types = ResourceType::OF_COMPILE.to_vec();
    types.push(ResourceType::Source);
    let selected = selection::select(session, &manifest, args, &types, EmptyNodes::Keep)?;
    let connection = session.connect().await?;
    let adapter = session.adapter(&connection);
    if !no_compile {
        let compiler = session.compiler(manifest.clone(), std::sync::Arc::clone(&adapter), &selected);
        compile_all(session, &compiler, &selected).await?;
    }
    session.events.line(Level::Info, "Building catalog");
    let wanted: HashSet<UniqueId> = selected.into_iter().collect();
    let mut catalog = if empty_catalog {
        Catalog::default()
    } else {
        let found = engine::docs::catalog(&manifest, &*adapter, |id| wanted.contains(id)).await;
        found.map_err(|error| session.fail(*error.diagnostic))?
    };
    catalog.metadata = Metadata {
        dbt_schema_version: engine::docs::SCHEMA_VERSION.to_owned(),
        dbt_version: project::CLAIMED_DBT_VERSION.to_string(),
        generated_at: timestamp(session.events.now()),
        invocation_id: Some(session.invocation_id.clone()),
        invocation_started_at: Some(timestamp(session.started_at)),
        ..Metadata::default()
    };
    session.write("catalog.json", &catalog)?;
    connection.close().await;
    session
        .events
        .line(Level::Info, format!("Catalog written to {}", session.target_dir.join("catalog.json").display()));
    Ok(Outcome::Success)
}
