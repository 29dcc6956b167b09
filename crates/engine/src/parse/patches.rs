//! What property files say about nodes, found by name.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    ffi::OsStr,
    path::Path,
};

use artifacts::{
    JsonMap, Manifest as Artifact,
    manifest::{Column, ColumnConfig, Constraint, ResourceType},
};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use diagnostic::Diagnostic;
use indexmap::IndexMap;
use names::UniqueId;
use project::{
    PropertyFile,
    properties::{self, ColumnProperties, NodeProperties, VersionProperties},
};
use serde_json::Value as Json;

use super::{
    homes::Homes,
    nodes::{Draft, Parser},
};

/// A patch: the entry of a property file for one node (or one version of a model).
#[derive(Debug, Clone, Copy)]
pub(super) struct Patch<'a> {
    pub file: &'a PropertyFile,
    pub node: &'a NodeProperties,
    pub version: Option<&'a VersionProperties>,
}

impl<'a> Patch<'a> {
    /// `shop://models/schema.yml`.
    pub fn path(&self) -> String {
        format!("{}://{}", self.file.package, self.file.source.file)
    }

    pub fn config(&self) -> Cow<'a, JsonMap> {
        match self.version {
            None => Cow::Borrowed(&self.node.config),
            Some(version) => Cow::Owned(self.node.config_of(version)),
        }
    }

    /// What `config:` of the entry says before rendering; of a version, its own alone.
    pub fn unrendered_config(&self) -> &JsonMap {
        self.version.map_or(&self.node.unrendered_config, |version| &version.unrendered_config)
    }

    pub fn description(&self) -> &str {
        let of_version = self.version.and_then(|version| version.description.as_deref());
        of_version.unwrap_or(&self.node.description)
    }

    pub fn columns(&self) -> Cow<'a, [ColumnProperties]> {
        match self.version {
            None => Cow::Borrowed(&self.node.columns),
            Some(version) => Cow::Owned(self.node.columns_of(version)),
        }
    }

    pub fn constraints(&self) -> &[properties::Constraint] {
        let of_version = self.version.and_then(|version| version.constraints.as_deref());
        of_version.unwrap_or(&self.node.constraints)
    }

    /// As a moment: a date is its midnight.
    pub fn deprecation_date(&self) -> Option<String> {
        // What is said of the model is not about its versions.
        let written = match self.version {
            Some(version) => version.deprecation_date.as_deref()?,
            None => self.node.deprecation_date.as_deref()?,
        };
        let moment = match written.parse::<NaiveDate>() {
            Ok(date) => date.and_time(NaiveTime::MIN).and_utc().fixed_offset(),
            Err(_) => match DateTime::parse_from_rfc3339(written) {
                Ok(moment) => moment,
                Err(_) => written.replacen(' ', "T", 1).parse::<NaiveDateTime>().ok()?.and_utc().fixed_offset(),
            },
        };
        Some(moment.to_rfc3339())
    }
}

type Key = (String, String);

/// Entries without a node for which a name that is near is looked for.
const GUESSES: usize = 100;

/// All patches.
#[derive(Debug, Default)]
pub(super) struct Patches<'a> {
    /// Package and file stem → patch.
    models: HashMap<Key, Patch<'a>>,
    /// Package and name → patch.
    others: HashMap<(ResourceType, String, String), Patch<'a>>,
    /// Package and file of nodes that no entry is about.
    passed_over: HashSet<(String, String)>,
}

impl<'a> Patches<'a> {
    pub fn new(files: &'a [PropertyFile], homes: &Homes<'_>, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut patches = Self { passed_over: homes.passed_over(), ..Self::default() };
        for file in files {
            for node in &file.models {
                patches.add_model(file, node, homes, diagnostics);
            }
            let sections = [
                (ResourceType::Seed, &file.seeds),
                (ResourceType::Snapshot, &file.snapshots),
                (ResourceType::Analysis, &file.analyses),
                (ResourceType::Test, &file.data_tests),
                (ResourceType::Function, &file.functions),
            ];
            for (kind, nodes) in sections {
                for node in nodes {
                    let patch = Patch { file, node, version: None };
                    let package = homes.package_of(kind, &file.package, &node.name);
                    diagnostics.extend(which_one(kind, package, &node.name, patch, homes));
                    let key = (kind, package.to_owned(), node.name.clone());
                    if let Some(earlier) = patches.others.insert(key, patch) {
                        diagnostics.push(duplicate(kind.as_str(), patch, earlier));
                    }
                }
            }
        }
        patches
    }

    fn add_model(
        &mut self,
        file: &'a PropertyFile,
        node: &'a NodeProperties,
        homes: &Homes<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let key = |stem: &str| (homes.package_of(ResourceType::Model, &file.package, stem).to_owned(), stem.to_owned());
        if node.versions.is_empty() {
            let patch = Patch { file, node, version: None };
            let key = key(&node.name);
            diagnostics.extend(which_one(ResourceType::Model, &key.0, &node.name, patch, homes));
            // Of what is not there dbt takes any number.
            let is_known = homes.is_known(ResourceType::Model, &node.name);
            if let Some(earlier) = self.models.insert(key, patch)
                && is_known
            {
                diagnostics.push(duplicate("model", patch, earlier));
            }
            return;
        }
        for version in &node.versions {
            let patch = Patch { file, node, version: Some(version) };
            let latest = node.latest_version.as_ref() == Some(&version.v);
            let mut stem = version.defined_in.clone().unwrap_or_else(|| format!("{}_v{}", node.name, version.v));
            if latest && version.defined_in.is_none() && !homes.is_known(ResourceType::Model, &stem) {
                stem.clone_from(&node.name);
            }
            let key = key(&stem);
            diagnostics.extend(which_one(ResourceType::Model, &key.0, &stem, patch, homes));
            if let Some(earlier) = self.models.insert(key, patch) {
                diagnostics.push(duplicate("model", patch, earlier));
            }
        }
    }

    /// Gives every draft its patch. Without one stays what is switched off beside another of its name that is not.
    pub fn apply(&self, drafts: &mut [Draft<'a>]) {
        for draft in drafts {
            let node = &draft.node;
            let place = || (node.package_name.clone(), node.original_file_path.clone());
            if !self.passed_over.is_empty() && self.passed_over.contains(&place()) {
                continue;
            }
            if node.resource_type == ResourceType::Model {
                let key = (node.package_name.clone(), node.name.clone());
                if let Some(patch) = self.models.get(&key) {
                    Parser::apply_version(draft, *patch);
                }
            } else {
                let key = (node.resource_type, node.package_name.clone(), node.name.clone());
                draft.patch = self.others.get(&key).copied();
            }
        }
    }

    /// Warns of patches for nodes that are not there. YAML snapshots are nodes themselves.
    pub fn report_unused(
        &self,
        used: &HashSet<(ResourceType, String, String)>,
        artifact: &Artifact,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let mut unused: Vec<(&str, Patch<'_>, String)> = Vec::new();
        for ((package, stem), patch) in &self.models {
            if !used.contains(&(ResourceType::Model, package.clone(), stem.clone())) {
                unused.push(("models", *patch, stem.clone()));
            }
        }
        for ((kind, package, name), patch) in &self.others {
            if !used.contains(&(*kind, package.clone(), name.clone())) && patch.node.relation.is_none() {
                let section = match kind {
                    ResourceType::Analysis => "analyses",
                    ResourceType::Test => "data_tests",
                    ResourceType::Seed => "seeds",
                    ResourceType::Function => "functions",
                    _ => "snapshots",
                };
                unused.push((section, *patch, name.clone()));
            }
        }
        unused.sort_by(|a, b| {
            (&a.1.file.source.file, a.1.node.position).cmp(&(&b.1.file.source.file, b.1.node.position))
        });
        let mut names: HashMap<&str, Vec<&str>> = HashMap::new();
        for (_, package, name) in used.iter().filter(|_| !unused.is_empty()) {
            names.entry(package).or_default().push(name);
        }
        let kinds = if unused.is_empty() { Kinds::default() } else { Kinds::new(artifact) };
        for (index, (section, patch, name)) in unused.into_iter().enumerate() {
            if let Some(kind) = kinds.other_than(section, &patch, &name) {
                diagnostics.push(wrong_section(section, kind, patch));
                continue;
            }
            // Every name is compared with every other: who has hundreds of such entries did not mistype them.
            let of_package = names.get(patch.file.package.as_str()).filter(|_| index < GUESSES);
            let near = of_package.and_then(|names| super::resolve::nearest(&name, names.iter().copied()));
            let source = &patch.file.source;
            let place = match index < GUESSES {
                true => source.location(patch.node.position),
                false => source.place(patch.node.position),
            };
            let what = format!(
                "Did not find matching node for patch with name '{}' in the '{section}' section of file '{}'",
                patch.node.name, source.file
            );
            diagnostics.push(
                Diagnostic::warning(what)
                    .at(place)
                    .named("NoNodeForYamlKey")
                    .with("patch_name", &patch.node.name)
                    .with("yaml_key", section)
                    .with("file_path", &source.file)
                    .cause(format!("no file of package '{}' is named '{name}'", patch.file.package))
                    .fix(match near {
                        Some(near) if near == name => {
                            format!("move the entry to another section: '{name}' is of another kind")
                        }
                        Some(near) => format!("did you mean '{near}'?"),
                        None => "correct the name, or remove the entry".to_owned(),
                    }),
            );
        }
    }
}

/// The kinds of what `ref` may name, by package and name; a model's is its file's.
#[derive(Default)]
struct Kinds<'a>(HashMap<&'a str, Vec<(&'a str, ResourceType)>>);

impl<'a> Kinds<'a> {
    fn new(artifact: &'a Artifact) -> Self {
        let mut found: HashMap<&str, Vec<(&str, ResourceType)>> = HashMap::new();
        for node in artifact.nodes.values() {
            let name = match node.resource_type {
                ResourceType::Model => Path::new(&node.original_file_path).file_stem().and_then(OsStr::to_str),
                ResourceType::Seed | ResourceType::Snapshot => Some(node.name.as_str()),
                _ => None,
            };
            if let Some(name) = name {
                found.entry(name).or_default().push((node.package_name.as_str(), node.resource_type));
            }
        }
        Self(found)
    }

    /// What an entry of `models:`, `seeds:` or `snapshots:` is about, if that is of another kind.
    fn other_than(&self, section: &str, patch: &Patch<'_>, name: &str) -> Option<ResourceType> {
        let named = self.0.get(name).filter(|_| patch.version.is_none())?;
        let own = named.iter().find(|(package, _)| *package == patch.file.package);
        let (_, kind) = own.or_else(|| named.first())?;
        (matches!(section, "models" | "seeds" | "snapshots") && section != plural(*kind)).then_some(*kind)
    }
}

fn plural(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Model => "models",
        ResourceType::Seed => "seeds",
        _ => "snapshots",
    }
}

fn wrong_section(section: &str, kind: ResourceType, patch: Patch<'_>) -> Diagnostic {
    let (name, source) = (&patch.node.name, &patch.file.source);
    let what = format!("'{name}' is a {kind} node, but it is specified in the {section} section of {}.", source.file);
    let warning = source.warning(patch.node.position, what).named("WrongResourceSchemaFile");
    warning.cause("the entry has no effect").fix(format!("place it under the `{}` key instead", plural(kind)))
}

/// An entry that switches on a node of which there are several, all of them off.
fn which_one(kind: ResourceType, package: &str, name: &str, patch: Patch<'_>, homes: &Homes<'_>) -> Option<Diagnostic> {
    let found = homes.switched_off(kind, package, name);
    let is_enabling = patch.node.config.get("enabled").and_then(Json::as_bool).unwrap_or(false);
    (found > 1 && is_enabling).then(|| {
        let what = format!(
            "Parsing Error\n  Found {found} matching disabled nodes for {kind} '{}'. Multiple nodes for the same unique id cannot be enabled in the schema file. They must be enabled in `dbt_project.yml` or in the sql files.",
            patch.node.name
        );
        patch
            .file
            .source
            .error(patch.node.position, what)
            .cause(format!("package '{package}' has {found} files named '{name}', all switched off"))
            .fix("enable one of them in its own file, and remove `enabled` from the entry")
    })
}

fn duplicate(kind: &str, patch: Patch<'_>, earlier: Patch<'_>) -> Diagnostic {
    patch
        .file
        .source
        .error(
            patch.node.position,
            format!(
                "Compilation Error\n  dbt found two schema.yml entries for the same resource named {}. Resources and their associated columns may only be described a single time.",
                patch.node.name
            ),
        )
        .cause(format!(
            "the {kind} is described in {} line {} already",
            earlier.file.source.file, earlier.node.position.line
        ))
        .fix("join the two entries")
}

/// Descriptions with `doc()` rendered, and the blocks they use.
pub(super) trait Describe: Sync {
    fn describe(&self, text: &str, package: &str) -> Result<(String, Vec<UniqueId>), jinja::Error>;
}

/// Descriptions of what is switched off.
pub(super) struct AsWritten;

impl Describe for AsWritten {
    fn describe(&self, text: &str, _: &str) -> Result<(String, Vec<UniqueId>), jinja::Error> {
        Ok((text.to_owned(), Vec::new()))
    }
}

/// Columns as the manifest has them.
pub(super) fn columns(
    columns: &[ColumnProperties],
    package: &str,
    docs: &dyn Describe,
    failed: &mut dyn FnMut(&ColumnProperties, jinja::Error),
) -> IndexMap<String, Column> {
    let mut described = IndexMap::with_capacity(columns.len());
    for column in columns {
        let (description, doc_blocks) = docs.describe(&column.description, package).unwrap_or_else(|error| {
            failed(column, error);
            (column.description.clone(), Vec::new())
        });
        let mut extra = column.extra.clone();
        let granularity = extra.remove("granularity").and_then(|value| value.as_str().map(str::to_owned));
        let granularity = granularity.map(|granularity| granularity.to_lowercase());
        let dimension = extra.remove("dimension").filter(|value| !value.is_null());
        let dimension = dimension.map(|written| super::semantic_columns::dimension(&written, column));
        let entity = extra.remove("entity").filter(|value| !value.is_null());
        let entity = entity.map(|written| super::semantic_columns::entity(&written, column));
        let mut tags: Vec<String> = Vec::new();
        for tag in &column.tags {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        described.insert(
            column.name.clone(),
            Column {
                name: column.name.clone(),
                description,
                meta: column.meta.clone(),
                data_type: column.data_type.clone(),
                constraints: column.constraints.iter().map(|c| constraint(c, false)).collect(),
                quote: column.quote,
                config: ColumnConfig { meta: column.meta.clone(), tags: tags.clone() },
                tags,
                granularity,
                dimension,
                entity,
                doc_blocks,
                extra,
            },
        );
    }
    described
}

/// A constraint as the manifest has it.
pub(super) fn constraint(constraint: &properties::Constraint, of_model: bool) -> Constraint {
    Constraint {
        kind: constraint.kind.as_str().to_owned(),
        name: constraint.name.clone(),
        expression: constraint.expression.clone(),
        warn_unenforced: constraint.warn_unenforced,
        warn_unsupported: constraint.warn_unsupported,
        to: constraint.to.clone(),
        to_columns: constraint.to_columns.clone(),
        columns: of_model.then(|| constraint.columns.clone()),
    }
}

/// The text of a JSON scalar.
pub(super) fn json_text(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}
