//! Docs blocks, and descriptions that quote them.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use artifacts::manifest::Doc;
use diagnostic::{Diagnostic, Location};
use indexmap::IndexMap;
use jinja::{BlockKind, Error, Template, Value, extract_blocks};
use names::UniqueId;
use project::{FileKind, ProjectFiles};

use super::patches::Describe;
use crate::context::{
    GLOBAL_PACKAGE, Host, ProjectScope,
    yaml::{DocContext, YamlContext, render_description},
};

/// What the documentation site shows first when the project has nothing of its own.
const OVERVIEW: &str = "### Welcome!\n\nThe models, sources and tests of this project, with what they are made of. \
Write a `{% docs __overview__ %}` block to put your own words here.";

/// By name, as they are read.
type Blocks = HashMap<String, Vec<(String, UniqueId, Arc<str>)>>;

/// All docs blocks.
pub(super) struct Docs {
    pub docs: IndexMap<UniqueId, Doc>,
    blocks: Arc<Blocks>,
    root: String,
    /// A node's own package comes before the root project.
    package_first: bool,
    /// One per package.
    contexts: HashMap<String, YamlContext>,
}

impl Docs {
    pub fn load(files: &[ProjectFiles], scope: &ProjectScope, host: &Host, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut docs = IndexMap::new();
        let mut blocks = Blocks::new();
        let mut add = |package: &str, path: &str, original: &str, name: &str, contents: &str| {
            let id = UniqueId::new(format!("doc.{package}.{name}"));
            let doc = Doc {
                name: name.to_owned(),
                resource_type: "doc".to_owned(),
                package_name: package.to_owned(),
                path: path.to_owned(),
                original_file_path: original.to_owned(),
                unique_id: id.clone(),
                block_contents: contents.to_owned(),
            };
            blocks.entry(name.to_owned()).or_default().push((package.to_owned(), id.clone(), Arc::from(contents)));
            docs.insert(id, doc).is_none()
        };
        add(GLOBAL_PACKAGE, "overview.md", "docs/overview.md", "__overview__", OVERVIEW);
        for project in files {
            for file in project.of_kind(FileKind::Docs) {
                if !file.contents.contains("{%") {
                    continue;
                }
                match extract_blocks(&file.contents, &[BlockKind::Docs]) {
                    Ok(extracted) => {
                        for block in extracted.blocks {
                            let path = file.path_in_search_path();
                            let place = Location { line: Some(block.line as usize), ..Location::file(&file.path) };
                            let contents = match rendered(block.contents, &file.path) {
                                Ok(contents) => contents,
                                Err(error) => {
                                    let what = format!("Compilation Error in {}\n  {}", file.path, error.message());
                                    let fix = "put what Jinja should leave alone between {% raw %} and {% endraw %}";
                                    diagnostics.push(Diagnostic::error(what).at(place).fix(fix));
                                    continue;
                                }
                            };
                            if !add(&project.package, path, &file.path, block.name, contents.trim()) {
                                diagnostics.push(
                                    Diagnostic::error(format!(
                                        "Compilation Error\n  dbt found two docs blocks with the name \"{}\".",
                                        block.name
                                    ))
                                    .at(place)
                                    .fix("rename or remove one of them"),
                                );
                            }
                        }
                    }
                    Err(error) => diagnostics.push(
                        Diagnostic::error(format!("Compilation Error in {}\n  {}", file.path, error.message()))
                            .at(Location { line: error.line().map(|line| line as usize), ..Location::file(&file.path) })
                            .fix("close every {% docs %} block with {% enddocs %}"),
                    ),
                }
            }
        }
        let place = |package: &str| scope.macros.reading_order().iter().position(|read| read == package);
        for found in blocks.values_mut() {
            found.sort_by_key(|(package, ..)| place(package));
        }
        let contexts = files
            .iter()
            .map(|project| (project.package.clone(), YamlContext::for_properties(scope, host, &project.package)))
            .collect();
        Self { docs, blocks: Arc::new(blocks), root: scope.root.clone(), package_first: scope.package_first, contexts }
    }
}

/// A block's text is a template that knows no names but Jinja's own.
///
/// Source: dbt Core 1.12, `DocumentationParser.parse_block`.
fn rendered<'t>(contents: &'t str, path: &str) -> Result<Cow<'t, str>, Error> {
    if !project::has_jinja(contents) {
        return Ok(Cow::Borrowed(contents));
    }
    let template = Template::compile(contents, path)?;
    template.render(&jinja::Names::default(), jinja::UndefinedMode::Strict).map(Cow::Owned)
}

/// The block that `doc(name)` means: that of the first of these packages that has one, else of the first that is read.
fn find<'b>(
    blocks: &'b Blocks,
    packages: [&str; 2],
    wanted: Option<&str>,
    name: &str,
) -> Option<&'b (String, UniqueId, Arc<str>)> {
    let found = blocks.get(name)?;
    let of = |package: &str| found.iter().find(|(owner, ..)| owner == package);
    match wanted {
        Some(wanted) => of(wanted),
        None => packages.into_iter().find_map(of).or_else(|| found.first()),
    }
}

impl Describe for Docs {
    fn describe(&self, text: &str, package: &str) -> Result<(String, Vec<UniqueId>), Error> {
        if !project::has_jinja(text) {
            return Ok((text.to_owned(), Vec::new()));
        }
        let Some(yaml) = self.contexts.get(package) else { return Ok((text.to_owned(), Vec::new())) };
        let template = Template::compile(text, "description")?;
        let doc = {
            let blocks = Arc::clone(&self.blocks);
            let packages = self.packages_of(package).map(str::to_owned);
            Value::function("doc", move |_, args| {
                let names: Vec<String> = args.positional.iter().map(ToString::to_string).collect();
                let (wanted, name) = match names.as_slice() {
                    [name] => (None, name),
                    [package, name] => (Some(package.as_str()), name),
                    other => {
                        return Err(Error::host(Diagnostic::error(format!(
                            "doc() takes at most two arguments ({} given)",
                            other.len()
                        ))));
                    }
                };
                match find(&blocks, packages.each_ref().map(String::as_str), wanted, name) {
                    Some((.., contents)) => Ok(Value::Str(Arc::clone(contents))),
                    None => Err(Error::host(missing(&blocks, name))),
                }
            })
        };
        let description = render_description(&template, &DocContext { yaml, doc })?;
        Ok((description, self.written_blocks(&template, package)))
    }
}

impl Docs {
    /// Where a node of `package` looks first.
    fn packages_of<'p>(&'p self, package: &'p str) -> [&'p str; 2] {
        if self.package_first { [package, &self.root] } else { [&self.root, package] }
    }

    /// The blocks dbt records: those that a `{{ doc(…) }}` names in so many words. It knows none of `doc('a' ~ 'b')` and `doc('a') | upper`.
    fn written_blocks(&self, template: &Template, package: &str) -> Vec<UniqueId> {
        let calls = template.calls().iter().filter(|call| call.is_alone && call.name == "doc");
        let found = calls.filter_map(|call| {
            let names: Vec<String> = call.positional.iter().flatten().map(ToString::to_string).collect();
            let (wanted, name) = match names.as_slice() {
                [name] => (None, name),
                [package, name] => (Some(package.as_str()), name),
                _ => return None,
            };
            find(&self.blocks, self.packages_of(package), wanted, name).map(|(_, id, _)| id.clone())
        });
        found.collect()
    }
}

fn missing(blocks: &Blocks, name: &str) -> Diagnostic {
    let near = super::resolve::nearest(name, blocks.keys().map(String::as_str));
    Diagnostic::error(format!("Documentation for '{name}' was not found"))
        .cause(format!("no .md file has a block {{% docs {name} %}}"))
        .fix(near.map_or_else(
            || "write the block, or correct the name".to_owned(),
            |near| format!("did you mean '{near}'?"),
        ))
}
