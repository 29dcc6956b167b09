//! The little of a project that must be known before its packages are there.

use std::path::{Path, PathBuf};

use diagnostic::{Diagnostic, Severity};

use crate::dbt_project::{missing_project, read_name, unreadable};
use crate::fields::Fields;
use crate::packages::PackagesFile;
use crate::render::{RenderYaml, Verbatim, has_jinja, render_tree};
use crate::source::SourceText;
use crate::yaml::{self, Map, Node, Value};

/// Name and packages of a project. The rest of dbt_project.yml, which may name the target or variables, is not looked at.
#[derive(Debug, Clone, Default)]
pub struct ProjectMetadata {
    /// `name`
    pub name: String,
    /// The project's directory.
    pub root: PathBuf,
    /// `packages-install-path`
    pub packages_install_path: String,
    /// What it asks for.
    pub packages: PackagesFile,
}

impl ProjectMetadata {
    /// Reads the project at `root`. `shown` is the directory as messages name it (`""` for the root project).
    ///
    /// `None` when there is no project; what is wrong is among the diagnostics then.
    pub fn load(root: &Path, shown: &str, renderer: &dyn RenderYaml) -> (Option<Self>, Vec<Diagnostic>) {
        let file = if shown.is_empty() { "dbt_project.yml".to_owned() } else { format!("{shown}/dbt_project.yml") };
        let path = root.join("dbt_project.yml");
        let source = match fs_err::read_to_string(&path) {
            Ok(text) => SourceText::new(file, text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (None, vec![missing_project(&path)]),
            Err(error) => return (None, vec![unreadable(&file, &error)]),
        };
        let (node, mut diagnostics) = yaml::parse_file(&source.file, &source.text);
        // What is odd elsewhere in the file is told when the project is read.
        diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
        let Some(node) = node else { return (None, diagnostics) };
        let mut wanted = Map::new();
        for key in ["name", "packages-install-path"] {
            if let Some(value) = node.value.as_map().and_then(|map| map.get(key)) {
                let has_jinja = value.value.as_str().is_some_and(has_jinja);
                let renderer = if has_jinja { renderer } else { &Verbatim };
                wanted.insert(key, render_tree(value, renderer, &|_| false, &source, &mut diagnostics));
            }
        }
        let wanted = Node::at(Value::Map(wanted), node.position);
        let Some(mut fields) = Fields::new(&wanted, "dbt_project.yml", &source, &mut diagnostics) else {
            return (None, diagnostics);
        };
        let Some(name) = read_name(&mut fields) else { return (None, diagnostics) };
        let packages_install_path = fields.text("packages-install-path").unwrap_or_else(|| "dbt_packages".to_owned());
        let (packages, more) = PackagesFile::load(root, shown, renderer);
        diagnostics.extend(more);
        (Some(Self { name, root: root.to_owned(), packages_install_path, packages }), diagnostics)
    }
}
