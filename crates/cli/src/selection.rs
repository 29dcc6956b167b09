//! `--select`, `--exclude`, `--selector`, resource types → the ids a command works on.

use std::str::FromStr;

use anyhow::bail;
use diagnostic::{Diagnostic, Location, Severity};
use engine::{Manifest, events::Event, state::Comparison};
use graph::{
    Graph, IndirectSelection, NoState, ResourceType, SelectionContext, SelectionSpec, SelectionState, Selectors,
};
use names::UniqueId;

use crate::{
    args::{ResourceTypeArgs, SelectionArgs},
    session::Session,
};

/// Empty models are listed but never run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyNodes {
    Keep,
    Skip,
}

/// The selected nodes of the given types, parents before children.
pub fn select(
    session: &Session,
    manifest: &Manifest,
    args: &SelectionArgs,
    types: &[ResourceType],
    empty: EmptyNodes,
) -> anyhow::Result<Vec<UniqueId>> {
    let graph = graph_of(session, manifest)?;
    session.write_graph_summary(&graph)?;
    let indirect = indirect_selection(session);
    let (selectors, diagnostics) = selectors(session, indirect);
    session.report(diagnostics)?;
    let failed = |error: graph::SelectionError| session.fail(error.diagnostic());
    if args.selector.is_some() && !(args.select.is_empty() && args.exclude.is_empty()) {
        let what =
            "The --select and --exclude arguments are being ignored for node selection because --selector is provided";
        let warning = Diagnostic::warning(what).fix("leave one of the two out");
        session.warn("SelectExcludeIgnoredWithSelectorWarning", warning)?;
    }
    let named = match &args.selector {
        Some(name) => Some(selectors.get(name).map_err(failed)?),
        None if args.select.is_empty() && args.exclude.is_empty() => {
            let default = selectors.default_selector();
            if let Some(selector) = default {
                let text = format!("Using default selector {}", selector.name);
                session.events.emit(Event::Note { name: "DefaultSelector", text });
            }
            default
        }
        None => None,
    };
    let spec = match named {
        Some(selector) => selector.spec.clone(),
        None => SelectionSpec::from_arguments(&args.select, &args.exclude, indirect).map_err(failed)?,
    };
    let seed_limit = session.settings.maximum_seed_size_mib;
    let comparison =
        session.previous.as_ref().map(|then| Comparison::new(manifest, then, session.started_at, seed_limit));
    let context = SelectionContext {
        state: comparison.as_ref().map_or(&NoState as &dyn SelectionState, |comparison| comparison),
        selectors: Some(&selectors),
        resource_types: Some(types),
        skip_empty: empty == EmptyNodes::Skip,
        ..SelectionContext::new(manifest.root_package())
    };
    let selected = graph.select(&spec, &context);
    for diagnostic in comparison.iter().flat_map(Comparison::take_warnings) {
        session.warn(diagnostic.name.unwrap_or("UnversionedBreakingChange"), diagnostic)?;
    }
    let selected = selected.map_err(failed)?;
    for diagnostic in selected.warnings {
        session.warn("NoNodesForSelectionCriteria", diagnostic)?;
    }
    Ok(selected.ids)
}

/// The project's graph.
pub fn graph_of(session: &Session, manifest: &Manifest) -> anyhow::Result<Graph> {
    engine::run::project_graph(manifest).map_err(|circle| session.fail(engine::run::cycle(manifest, circle)))
}

fn indirect_selection(session: &Session) -> IndirectSelection {
    let word = session.settings.indirect_selection.as_deref();
    word.and_then(|word| IndirectSelection::from_str(word).ok()).unwrap_or_default()
}

/// The project's selectors as they are without arguments, and what is wrong with them.
pub fn of_project(session: &Session) -> (Selectors, Vec<Diagnostic>) {
    selectors(session, indirect_selection(session))
}

/// selectors.yml; without one there are none.
fn selectors(session: &Session, indirect: IndirectSelection) -> (Selectors, Vec<Diagnostic>) {
    let (file, mut diagnostics) = project::read_selectors_file(&session.project.root, &session.renderer());
    // What could not be rendered would be told a second time.
    let has_errors = diagnostics.iter().any(|found| found.severity == Severity::Error);
    let Some(file) = file.filter(|_| !has_errors) else { return (Selectors::default(), diagnostics) };
    let selectors = Selectors::parse(&file, indirect).unwrap_or_else(|wrong| {
        diagnostics.extend(wrong.iter().map(|error| error.diagnostic().at(place_of(session, error))));
        Selectors::default()
    });
    (selectors, diagnostics)
}

/// Where selectors.yml is wrong: at the name of the selector, if it is in one.
fn place_of(session: &Session, error: &graph::SelectionError) -> Location {
    const FILE: &str = "selectors.yml";
    let text = fs_err::read_to_string(session.project.root.path(FILE)).unwrap_or_default();
    let name = match error {
        graph::SelectionError::InvalidSelectorFile { selector: Some(name), .. } => name.as_str(),
        _ => "selectors",
    };
    let line = text.lines().position(|line| {
        let is_whole = |at: usize| !line[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        line.find(name).is_some_and(is_whole)
    });
    Location::in_source(FILE, &text, line.unwrap_or(0) + 1, None)
}

/// `--resource-type` and `--exclude-resource-type` among the types of the command.
pub fn resource_types(args: &ResourceTypeArgs, of_command: &[ResourceType]) -> anyhow::Result<Vec<ResourceType>> {
    let parse = |words: &[String]| -> anyhow::Result<Vec<ResourceType>> {
        let words = words.iter().flat_map(|word| word.split([' ', ',']));
        words
            .map(|word| resource_type(word, of_command))
            .collect::<anyhow::Result<Vec<Vec<_>>>>()
            .map(|lists| lists.concat())
    };
    let wanted = parse(&args.resource_type)?;
    let unwanted = parse(&args.exclude_resource_type)?;
    Ok(of_command
        .iter()
        .copied()
        .filter(|kind| (wanted.is_empty() || wanted.contains(kind)) && !unwanted.contains(kind))
        .collect())
}

fn resource_type(word: &str, of_command: &[ResourceType]) -> anyhow::Result<Vec<ResourceType>> {
    match word {
        "all" => return Ok(of_command.to_vec()),
        // `ls` can tell analyses, and does so when it is asked to.
        "default" => return Ok(of_command.iter().copied().filter(|kind| *kind != ResourceType::Analysis).collect()),
        _ => {}
    }
    match ResourceType::from_str(word) {
        // One that the command has nothing to do with selects nothing, as `test --exclude-resource-type model` shows.
        Ok(kind) => Ok(vec![kind]),
        _ => {
            let known: Vec<&str> = of_command.iter().map(|kind| kind.as_str()).collect();
            bail!(
                "Invalid value for '--resource-type': '{word}'\n  \
                 cause: there is no such resource type\n  \
                 fix:   use one of: {}",
                known.join(", ")
            )
        }
    }
}
