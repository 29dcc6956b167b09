//! `docs generate`: manifest.json, catalog.json and the page that shows them. `docs serve`: the page in a browser.

mod page;
mod serve;

use std::{collections::HashSet, path::Path};

use artifacts::{Metadata, catalog::Catalog, timestamp};
use engine::events::{Event, Level};
use graph::ResourceType;
use names::UniqueId;

use super::{Outcome, compile::compile_all};
use crate::{
    args::DocsGenerateArgs,
    selection::{self, EmptyNodes},
    session::{Session, Write},
};

pub use serve::serve;

/// Writes manifest.json, catalog.json and index.html.
pub async fn generate(session: &Session, args: &DocsGenerateArgs) -> anyhow::Result<Outcome> {
    let manifest = session.parse_and(Write::Nothing).await?;
    let mut types = ResourceType::OF_COMPILE.to_vec();
    types.push(ResourceType::Source);
    let selected = selection::select(session, &manifest, &args.selection, &types, EmptyNodes::Keep)?;
    let connection = session.connect().await?;
    let adapter = session.adapter(&connection)?;
    let compiler = session.compiler(manifest.clone(), std::sync::Arc::clone(&adapter), &selected);
    if !args.no_compile {
        compile_all(session, &compiler, &selected, false).await?;
    }
    session.events.emit(Event::Note { name: "BuildingCatalog", text: "Building catalog".to_owned() });
    let wanted: HashSet<UniqueId> = selected.into_iter().collect();
    let mut catalog = if args.empty_catalog {
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
    if !args.no_compile && session.settings.write_json {
        session.write_compiled(&compiler)?;
    }
    connection.close().await;
    fs_err::write(session.target_dir.join("index.html"), page::html())?;
    if args.r#static {
        let path = session.target_dir.join("static_index.html");
        fs_err::write(&path, page::with_data(&compiler.artifact(), &catalog)?)?;
        session.events.line(Level::Info, format!("Page with everything in it written to {}", path.display()));
    }
    copy_assets(session)?;
    let text = format!("Catalog written to {}", session.target_dir.join("catalog.json").display());
    session.events.emit(Event::Note { name: "CatalogWritten", text });
    Ok(Outcome::Success)
}

/// `asset-paths`: pictures that descriptions show.
fn copy_assets(session: &Session) -> anyhow::Result<()> {
    for path in &session.project.root.asset_paths {
        let from = session.project_dir.join(path);
        if !from.is_dir() {
            continue;
        }
        copy(&from, &session.target_dir.join(path))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs_err::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
