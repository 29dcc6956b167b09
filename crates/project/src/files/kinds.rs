//! Which files of which directories are what.

use super::FileKind;
use crate::dbt_project::DbtProject;

/// A directory to search and what its files are.
pub(super) struct Search<'a> {
    pub kind: FileKind,
    /// Relative to the project.
    pub directory: String,
    /// The configured directory, which may lie above.
    pub search_path: &'a str,
    pub extensions: &'static [&'static str],
    /// Directories below that belong to another kind.
    pub except: Vec<String>,
}

pub(super) fn searches(project: &DbtProject) -> Vec<Search<'_>> {
    let mut all = Vec::new();
    let mut add = |kind, paths: &'_ [String], extensions: &'static [&'static str]| {
        for path in paths {
            all.push((kind, path.clone(), extensions));
        }
    };
    add(FileKind::Macro, &project.macro_paths, &["sql"]);
    add(FileKind::Model, &project.model_paths, &["sql", "py"]);
    add(FileKind::Snapshot, &project.snapshot_paths, &["sql"]);
    add(FileKind::Analysis, &project.analysis_paths, &["sql"]);
    add(FileKind::Seed, &project.seed_paths, &["csv"]);
    add(FileKind::Docs, &project.docs_paths, &["md"]);
    add(FileKind::Function, &project.function_paths, &["sql", "py", "js"]);
    let mut found: Vec<Search<'_>> = Vec::new();
    for (kind, path, extensions) in all {
        let search_path = owner(project, &path);
        found.push(Search { kind, directory: path, search_path, extensions, except: Vec::new() });
    }
    for path in &project.test_paths {
        let generic = format!("{path}/generic");
        let fixtures = format!("{path}/fixtures");
        found.push(Search {
            kind: FileKind::SingularTest,
            directory: path.clone(),
            search_path: path,
            extensions: &["sql"],
            except: vec![generic.clone(), fixtures.clone()],
        });
        let below =
            [(FileKind::GenericTest, generic, &["sql"][..]), (FileKind::Fixture, fixtures, &["csv", "sql"][..])];
        for (kind, directory, extensions) in below {
            found.push(Search { kind, directory, search_path: path, extensions, except: Vec::new() });
        }
    }
    for path in property_paths(project) {
        found.push(Search {
            kind: FileKind::Properties,
            directory: path.clone(),
            search_path: path,
            extensions: &["yml", "yaml"],
            except: Vec::new(),
        });
    }
    found
}

/// The configured directory that is spelled `path`.
fn owner<'a>(project: &'a DbtProject, path: &str) -> &'a str {
    property_paths(project)
        .chain(&project.docs_paths)
        .find(|candidate| candidate.as_str() == path)
        .map_or("", String::as_str)
}

/// Where property files are looked for.
fn property_paths(project: &DbtProject) -> impl Iterator<Item = &String> {
    [
        &project.model_paths,
        &project.seed_paths,
        &project.snapshot_paths,
        &project.analysis_paths,
        &project.macro_paths,
        &project.test_paths,
        &project.function_paths,
    ]
    .into_iter()
    .flatten()
}
