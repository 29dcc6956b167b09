//! The macros of all packages: the project's, its packages', the adapter's and dbt's own.

use std::{collections::HashMap, sync::Arc};

use artifacts::manifest::{Docs, Macro, MacroArgument, MacroConfig, MacroDependsOn};
use diagnostic::{Diagnostic, Location};
use indexmap::IndexMap;
use jinja::{BlockKind, MacroDef, MacroKind, extract_blocks};
use names::UniqueId;
use project::{FileKind, Project, ProjectFiles};
use rayon::prelude::*;

use super::{blocks, built_in::BUILT_IN};
use crate::context::{GLOBAL_PACKAGE, Host, MacroRegistry};

/// A file with macros.
struct MacroFile<'a> {
    package: &'a str,
    path: String,
    text: &'a str,
    lines_before: usize,
    /// From the `generic` directory of tests, whose parameters dbt does not list.
    is_test: bool,
    /// Not the engine's, and not the adapter's.
    is_of_project: bool,
}

/// A macro and where it is.
pub(super) struct LoadedMacro {
    pub package: String,
    pub path: String,
    pub text: Arc<str>,
    pub line: usize,
    is_test: bool,
    pub definition: Arc<MacroDef>,
}

/// All macros, and what names mean.
pub(super) struct LoadedMacros {
    pub macros: Vec<LoadedMacro>,
    pub registry: MacroRegistry,
}

/// Reads and compiles all macros.
pub(super) fn load(
    project: &Project,
    files: &[ProjectFiles],
    host: &Host,
    diagnostics: &mut Vec<Diagnostic>,
) -> LoadedMacros {
    let adapter_package = format!("dbt_{}", host.adapter.type_name());
    let adapter_macros = host.adapter.macros();
    let mut sources: Vec<MacroFile<'_>> = Vec::new();
    for (path, text) in BUILT_IN {
        sources.push(MacroFile {
            package: GLOBAL_PACKAGE,
            path: (*path).to_owned(),
            text,
            lines_before: 0,
            is_test: *path == "macros/tests.sql",
            is_of_project: false,
        });
    }
    for (path, text) in &adapter_macros {
        sources.push(MacroFile {
            package: &adapter_package,
            path: (*path).to_owned(),
            text,
            lines_before: 0,
            is_test: false,
            is_of_project: false,
        });
    }
    for project in files.iter().rev() {
        let of = |kind| project.of_kind(kind);
        for file in of(FileKind::Macro).chain(of(FileKind::GenericTest)) {
            sources.push(MacroFile {
                package: &project.package,
                path: file.path.clone(),
                text: &file.contents,
                lines_before: file.lines_before,
                is_test: file.kind == FileKind::GenericTest,
                is_of_project: true,
            });
        }
    }
    let loaded: Vec<(Vec<LoadedMacro>, Vec<Diagnostic>)> = sources.par_iter().map(load_file).collect();
    let mut macros = Vec::new();
    let mut seen: HashMap<UniqueId, String> = HashMap::new();
    for (found, problems) in loaded {
        diagnostics.extend(problems);
        for found in found {
            let id = UniqueId::new(found.definition.id());
            if let Some(first) = seen.insert(id, found.path.clone()) {
                diagnostics.push(duplicate(&found, &first));
            }
            macros.push(found);
        }
    }
    let search_orders =
        project.root.dispatch.iter().map(|d| (d.macro_namespace.clone(), d.search_order.clone())).collect();
    let registry = MacroRegistry::new(
        &project.root.name,
        host.adapter.type_name(),
        vec![adapter_package, GLOBAL_PACKAGE.to_owned()],
        search_orders,
        &project.reading_order,
        macros.iter().map(|found| (found.package.clone(), Arc::clone(&found.definition))),
    );
    LoadedMacros { macros, registry }
}

fn duplicate(found: &LoadedMacro, first: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "Compilation Error\n  dbt found multiple macros named \"{}\" in the project \"{}\".",
        found.definition.name, found.package
    ))
    .at(Location { line: Some(found.line), ..Location::file(&found.path) })
    .cause(format!("the other one is in {first}"))
    .fix("rename or remove one of them")
}

fn load_file(file: &MacroFile<'_>) -> (Vec<LoadedMacro>, Vec<Diagnostic>) {
    let kinds = [BlockKind::Macro, BlockKind::Materialization, BlockKind::Test];
    let mut problems = Vec::new();
    let blocks = match extract_blocks(file.text, &kinds) {
        Ok(extracted) => {
            if file.is_of_project && !file.is_test {
                problems.extend(blocks::unexpected(&file.path, file.text, file.lines_before, &extracted.unexpected));
            }
            extracted.blocks
        }
        Err(error) => {
            problems.push(syntax_error(file, &error));
            return (Vec::new(), problems);
        }
    };
    let mut macros = Vec::with_capacity(blocks.len());
    for block in blocks {
        let prefix = match block.kind {
            BlockKind::Test => "test_",
            BlockKind::Materialization => "materialization_",
            _ => "",
        };
        let id = format!("macro.{}.{prefix}{}", file.package, block.name);
        // Lines before the block make the lines of its errors those of the file.
        let padded = format!("{}{}", "\n".repeat(block.line as usize - 1 + file.lines_before), block.full);
        match MacroDef::compile(&padded, &id, &file.path) {
            Ok(definition) if block.kind == BlockKind::Materialization => {
                // Its full name is known only now.
                let id = format!("macro.{}.{}", file.package, definition.name);
                if let Ok(definition) = MacroDef::compile(&padded, &id, &file.path) {
                    macros.push(loaded(file, block.full, block.line, definition));
                }
            }
            Ok(definition) => macros.push(loaded(file, block.full, block.line, definition)),
            Err(error) => problems.push(syntax_error(file, &error)),
        }
    }
    (macros, problems)
}

fn loaded(file: &MacroFile<'_>, text: &str, line: u32, definition: MacroDef) -> LoadedMacro {
    LoadedMacro {
        package: file.package.to_owned(),
        path: file.path.clone(),
        text: Arc::from(text),
        line: line as usize + file.lines_before,
        is_test: file.is_test,
        definition: Arc::new(definition),
    }
}

fn syntax_error(file: &MacroFile<'_>, error: &jinja::Error) -> Diagnostic {
    let line = error.line().map_or(1, |line| line as usize);
    let mut location = Location::in_source(&file.path, file.text, line.saturating_sub(file.lines_before), None);
    location.line = Some(line);
    Diagnostic::error(format!("Compilation Error in macro file {}\n  {}", file.path, error.message()))
        .at(location)
        .cause("the Jinja of this file cannot be read")
        .fix("check the tags around this line")
}

/// The manifest's `macros`, without what property files say.
pub(super) fn artifacts(loaded: &LoadedMacros, created_at: f64) -> IndexMap<UniqueId, Macro> {
    let macros: Vec<(UniqueId, Macro)> = loaded
        .macros
        .par_iter()
        .map(|found| (UniqueId::new(found.definition.id()), artifact(found, loaded, created_at)))
        .collect();
    macros.into_iter().collect()
}

fn artifact(found: &LoadedMacro, loaded: &LoadedMacros, created_at: f64) -> Macro {
    let definition = &found.definition;
    let arguments = match definition.kind {
        MacroKind::Materialization => {
            vec![MacroArgument { name: "supported_languages".to_owned(), ..MacroArgument::default() }]
        }
        MacroKind::Test if found.is_test => Vec::new(),
        _ => definition
            .parameters
            .iter()
            .map(|parameter| MacroArgument {
                name: parameter.name.to_string(),
                kind: parameter.annotation.clone(),
                description: String::new(),
            })
            .collect(),
    };
    let languages = match definition.kind {
        MacroKind::Materialization if definition.supported_languages.is_empty() => Some(vec!["sql".to_owned()]),
        MacroKind::Materialization => Some(definition.supported_languages.clone()),
        _ => None,
    };
    Macro {
        name: definition.name.to_string(),
        resource_type: "macro".to_owned(),
        package_name: found.package.clone(),
        path: found.path.clone(),
        original_file_path: found.path.clone(),
        unique_id: UniqueId::new(definition.id()),
        macro_sql: Arc::clone(&found.text),
        depends_on: MacroDependsOn { macros: loaded.registry.dependencies(&found.package, definition) },
        docs: Docs::default(),
        config: MacroConfig::default(),
        arguments,
        created_at,
        supported_languages: languages,
        ..Macro::default()
    }
}
