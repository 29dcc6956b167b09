//! A project into a [`Manifest`]: macros, nodes, properties, tests, and what refers to what.
//!
//! Reading order: [`parse`], then `nodes` (one file), `tests`, `sources`, `others`, and `resolve` (names into ids).

mod blocks;
mod builder;
mod built_in;
mod checksums;
mod colors;
mod config;
mod config_types;
mod deprecated;
mod docs;
pub(crate) mod errors;
mod functions;
mod homes;
mod macro_types;
mod macros;
mod node_places;
mod nodes;
mod others;
mod patches;
mod python;
mod query_comment;
pub(crate) mod resolve;
pub(crate) mod semantic;
mod semantic_columns;
mod semantic_links;
mod semantic_osi;
mod semantic_problems;
mod semantic_shapes;
mod shared_configs;
mod slips;
mod source_overrides;
mod sources;
mod spaces;
pub(crate) mod test_entries;
pub(crate) mod tests;
mod unit_test_csv;
mod unit_test_rows;
mod unrendered;
mod validate;

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use artifacts::{
    Metadata,
    manifest::{Disabled, ManifestMetadata, Node, Quoting, ResourceType, SCHEMA_VERSION},
};
use diagnostic::{Diagnostic, Location, Severity};
use indexmap::IndexMap;
use jinja::{BlockKind, extract_blocks};
use md5::{Digest as _, Md5};
use names::UniqueId;
use project::{ConfigKind, FileKind, Project, ProjectFiles, PropertyFile, ReadOptions};
use rayon::prelude::*;
use serde_json::Value as Json;
use sha2::Sha256;

use crate::{
    Manifest,
    context::{Fixture, Host, ProjectScope, yaml::YamlContext},
    manifest::{HookTime, Lookup},
};
use builder::Builder;
pub(crate) use config::defaults as known_configs;
use homes::Homes;
use node_places::NodePlaces;
use nodes::{Draft, ParsedNode, Parser};
pub(crate) use others::Named;
use patches::Patches;
use sources::ParsedSource;
use test_entries::{Place, test_entries};
use tests::OnColumn;
pub(crate) use unrendered::{keeps_as_written, of_first_call};

/// What `ref('x')` or `source('a', 'b')`, written as a text, names.
pub(crate) fn read_reference(expression: &str) -> Option<Named> {
    let mut named = Named::default();
    others::read_reference(expression, &mut named).then_some(named)
}

/// Parses a whole project with its packages. All mistakes of the project are found in one go; with an error among the
/// diagnostics the manifest is incomplete and must not be run.
pub fn parse(project: &Project, host: &Host) -> (Manifest, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let files = read_files(project, host, &mut diagnostics);
    let loaded = macros::load(project, &files, host, &mut diagnostics);
    let created_at = created_at(host);
    let mut macro_artifacts = macros::artifacts(&loaded, created_at);
    let mut scope = ProjectScope::new(project, loaded.registry, host);
    scope.fixtures = fixtures(&files, &mut diagnostics);
    let scope = Arc::new(scope);
    let docs = docs::Docs::load(&files, &scope, host, &mut diagnostics);
    let mut properties = read_properties(&files, &scope, host, &mut diagnostics);
    source_overrides::apply(&mut properties, &mut diagnostics);
    let properties = properties;
    let parser = Parser {
        project,
        properties: &properties,
        scope: Arc::clone(&scope),
        host: host.clone(),
        docs: &docs,
        created_at,
        names: nodes::NameMacros::new(project, &scope.macros),
        as_written: unrendered::keeps_as_written(project),
        configs: shared_configs::SharedConfigs::default(),
    };

    let mut drafts = drafts(&parser, project, &files, &properties, &mut diagnostics);
    let patches = Patches::new(&properties, &Homes::new(&parser, &drafts), &mut diagnostics);
    patches.apply(&mut drafts);
    let parsed: Vec<ParsedNode> = drafts.into_par_iter().map(|draft| parser.parse(draft)).collect();
    let parsed_sources: Vec<ParsedSource<'_>> = properties
        .iter()
        .flat_map(|file| file.sources.iter().flat_map(move |of| of.tables.iter().map(move |table| (file, of, table))))
        .map(|(file, of, table)| parser.parse_source(file, of, table))
        .collect();
    for file in &properties {
        parser.describe_macros(file, &mut macro_artifacts, &mut diagnostics);
    }

    let mut builder = Builder::default();
    for node in parsed {
        builder.add(node, &mut diagnostics);
    }
    let places =
        NodePlaces { project, files: &properties, lines_before: &builder.lines_before, entries: &builder.places };
    functions::finish(&mut builder.artifact, host.adapter.type_name(), &places, &mut diagnostics);
    let (test_targets, test_places) = test_entries(&properties, &builder, &parsed_sources);
    for ((target, _, test), place) in test_targets.iter().zip(&test_places) {
        tests::report_outdated(target, test, place, &mut diagnostics);
    }
    let parsed_tests: Vec<(ParsedNode, Place<'_>)> = test_targets
        .par_iter()
        .zip(test_places.par_iter())
        .map(|((target, column, test), place)| {
            let column = column.as_ref().map(|(name, quote, tags)| OnColumn { name, quote: *quote, tags });
            (parser.parse_test(target, column, test), *place)
        })
        .collect();
    for (test, place) in parsed_tests {
        builder.places.insert(test.node.unique_id.clone(), place);
        builder.add(test, &mut diagnostics);
    }
    builder.add_sources(parsed_sources, &mut diagnostics);
    builder.artifact.macros = macro_artifacts.into_iter().map(|(id, found)| (id, Arc::new(found))).collect();
    builder.artifact.docs = docs.docs.clone();
    builder.add_others(&parser, &properties, &mut diagnostics);
    builder.artifact.metadata = metadata(project, host);

    let lookup = Lookup::new(&builder.artifact, &scope);
    let Builder { mut artifact, lines_before, places: entries, disabled_names, .. } = builder;
    let places = NodePlaces { project, files: &properties, lines_before: &lines_before, entries: &entries };
    let resolver = resolve::Resolver {
        root: &project.root.name,
        packages: project.packages.len(),
        lookup: &lookup,
        disabled: &disabled_names,
        restrict_access: &scope.restrict_access,
        places: &places,
    };
    resolve::resolve(&mut artifact, &resolver, &mut diagnostics);
    semantic::add(&parser, &mut artifact, &lookup, &places, &mut diagnostics);
    resolve::primary_keys(&mut artifact);
    let unique_names = project.root.project_flags().behaviour("require_unique_project_resource_names");
    resolve::check(&artifact, unique_names, &places, &mut diagnostics);
    resolve::maps(&mut artifact);
    deprecated::report(&artifact, host.started_at, &places, &mut diagnostics);
    let nodes = artifact.nodes.values().chain(artifact.functions.values());
    validate::validate(nodes.map(|node| &**node), &scope, &places, &mut diagnostics);
    validate::others(&artifact, &places, &mut diagnostics);
    match scope.batches_microbatch {
        true => validate::unfiltered_microbatch(&artifact, &places, &mut diagnostics),
        false => validate::unbatched_microbatch(&artifact, &mut diagnostics),
    }
    unit_test_rows::check(&artifact, &lookup, &project.root.name, &entries, &mut diagnostics);
    let debug = host.flags.get("debug").and_then(Json::as_bool).unwrap_or(false);
    spaces::report(&artifact, &project.root.project_flags(), debug, &mut diagnostics);
    report_unused_paths(project, &artifact, &mut diagnostics);
    patches.report_unused(&used_patches(&artifact, &files), &artifact, &mut diagnostics);
    let manifest = Manifest::new(artifact, scope);
    diagnostics.extend(query_comment::check(&manifest, project, host));
    // Without other mistakes, whoever selects or runs finds the circle.
    if diagnostics.iter().any(|found| found.severity == Severity::Error)
        && let Err(circle) = crate::run::project_graph(&manifest)
    {
        diagnostics.push(crate::run::cycle(&manifest, circle));
    }
    errors::tell_once(&mut diagnostics);
    (manifest, diagnostics)
}

fn report_unused_paths(project: &Project, artifact: &artifacts::Manifest, diagnostics: &mut Vec<Diagnostic>) {
    let mut used: HashMap<ConfigKind, Vec<&[String]>> = HashMap::new();
    let mut add = |kind, fqn| used.entry(kind).or_default().push(fqn);
    for node in artifact.nodes.values().chain(artifact.functions.values()) {
        // Analyses and operations take the configs of models and are none.
        let kind = config::tree_of(project, node.resource_type);
        if kind != ConfigKind::Models || node.resource_type == ResourceType::Model {
            add(kind, node.fqn.as_slice());
        }
    }
    artifact.sources.values().for_each(|source| add(ConfigKind::Sources, &source.fqn));
    artifact.exposures.values().for_each(|exposure| add(ConfigKind::Exposures, &exposure.fqn));
    artifact.unit_tests.values().for_each(|test| add(ConfigKind::UnitTests, &test.fqn));
    let semantic: Vec<(ConfigKind, Vec<String>)> = [
        (ConfigKind::Metrics, &artifact.metrics),
        (ConfigKind::SemanticModels, &artifact.semantic_models),
        (ConfigKind::SavedQueries, &artifact.saved_queries),
    ]
    .into_iter()
    .flat_map(|(kind, resources)| resources.values().map(move |resource| (kind, json_fqn(resource))))
    .collect();
    semantic.iter().for_each(|(kind, fqn)| add(*kind, fqn));
    let disabled: Vec<Vec<String>> = artifact.disabled.values().flatten().map(disabled_fqn).collect();
    let disabled: Vec<&[String]> = disabled.iter().map(Vec::as_slice).collect();
    validate::unused_config_paths(project, &used, &disabled, diagnostics);
}

fn json_fqn(resource: &Json) -> Vec<String> {
    let parts = resource.get("fqn").and_then(Json::as_array).into_iter().flatten();
    parts.filter_map(Json::as_str).map(str::to_owned).collect()
}

fn disabled_fqn(entry: &Disabled) -> Vec<String> {
    match entry {
        Disabled::Node(node) => node.fqn.clone(),
        Disabled::Source(source) => source.fqn.clone(),
        Disabled::Other(resource) => json_fqn(resource),
    }
}

fn created_at(host: &Host) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a double's 53 bits")]
    let micros = host.started_at.timestamp_micros() as f64;
    micros / 1e6
}

fn read_files(project: &Project, host: &Host, diagnostics: &mut Vec<Diagnostic>) -> Vec<ProjectFiles> {
    let options = ReadOptions {
        maximum_seed_size_mib: host.flags.get("maximum_seed_size_mib").and_then(Json::as_u64).unwrap_or(1),
        jinja_extensions: project.root.project_flags().behaviour("allow_jinja_file_extensions"),
    };
    let mut all = Vec::new();
    for project in project.all() {
        let (files, found) = ProjectFiles::read(project, options);
        diagnostics.extend(found);
        all.push(files);
    }
    all
}

fn two_fixtures(name: &str, first: &str, second: &str) -> Diagnostic {
    let what = format!("Compilation Error\n  dbt found two fixtures with the name \"{name}\".");
    Diagnostic::error(what)
        .at(Location::file(second))
        .cause(format!("unit tests name a fixture by its file's name, and {first} has this one"))
        .fix("rename one of the files")
}

fn fixtures(files: &[ProjectFiles], diagnostics: &mut Vec<Diagnostic>) -> HashMap<(String, String), Fixture> {
    let mut fixtures = HashMap::new();
    for file in files.iter().flat_map(|project| project.of_kind(FileKind::Fixture)) {
        match file.read() {
            Ok(bytes) => {
                // dbt reads every file without the blanks around its text.
                let text = String::from_utf8_lossy(&bytes).trim().to_owned();
                let name = (file.package.clone(), file.stem().to_owned());
                match fixtures.entry(name) {
                    Entry::Vacant(free) => {
                        free.insert(Fixture { path: file.path.clone(), text });
                    }
                    Entry::Occupied(taken) => {
                        diagnostics.push(two_fixtures(file.stem(), &taken.get().path, &file.path))
                    }
                }
            }
            Err(error) => diagnostics.push(
                Diagnostic::error(format!("Runtime Error\n  Could not read {}", file.path))
                    .cause(error.to_string())
                    .fix("check that the file may be read"),
            ),
        }
    }
    fixtures
}

fn read_properties(
    files: &[ProjectFiles],
    scope: &ProjectScope,
    host: &Host,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<PropertyFile> {
    let mut all = Vec::new();
    for project in files {
        let context = YamlContext::for_properties(scope, host, &project.package);
        let sources: Vec<_> =
            project.of_kind(FileKind::Properties).map(|file| (file.source(), file.search_path.clone())).collect();
        let read: Vec<(PropertyFile, Vec<Diagnostic>)> = sources
            .into_par_iter()
            .map(|(source, search_path)| {
                let (file, found) = PropertyFile::parse(&project.package, source, &context);
                (PropertyFile { search_path, ..file }, found)
            })
            .collect();
        let is_root = project.package == scope.root;
        for (file, found) in read {
            diagnostics.extend(found.into_iter().filter(|found| is_root || !slips::is_slip(found)));
            all.push(file);
        }
    }
    all
}

/// Everything that has code of its own.
fn drafts<'a>(
    parser: &Parser<'a>,
    project: &Project,
    files: &[ProjectFiles],
    properties: &[PropertyFile],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    for package in files {
        for file in package.of_kind(FileKind::Model) {
            let mut draft = parser.draft(ResourceType::Model, file, file.stem(), Arc::clone(&file.contents));
            if file.extension() == "py" {
                Arc::make_mut(&mut draft.node).language = "python".to_owned();
            }
            drafts.push(draft);
        }
        for file in package.of_kind(FileKind::Snapshot) {
            snapshot_blocks(parser, file, &mut drafts, diagnostics);
        }
        for file in package.of_kind(FileKind::Analysis) {
            let mut draft = parser.draft(ResourceType::Analysis, file, file.stem(), Arc::clone(&file.contents));
            if !config::has_corrected_analyses(project) {
                let node = Arc::make_mut(&mut draft.node);
                node.fqn.insert(1, "analysis".to_owned());
                node.path = format!("analysis/{}", node.path);
            }
            drafts.push(draft);
        }
        for file in package.of_kind(FileKind::SingularTest) {
            drafts.push(parser.draft(ResourceType::Test, file, file.stem(), Arc::clone(&file.contents)));
        }
        for file in package.of_kind(FileKind::Function) {
            let mut draft = parser.draft(ResourceType::Function, file, file.stem(), Arc::clone(&file.contents));
            Arc::make_mut(&mut draft.node).language = functions::language(file.extension()).to_owned();
            drafts.push(draft);
        }
        for file in package.of_kind(FileKind::Seed) {
            let mut draft = parser.draft(ResourceType::Seed, file, file.stem(), Arc::from(""));
            let root = project.get(&file.package).map(|project| project.root.display().to_string());
            Arc::make_mut(&mut draft.node).root_path = root;
            drafts.push(draft);
        }
    }
    for file in properties {
        yaml_snapshots(parser, file, &mut drafts, diagnostics);
    }
    for project in project.all() {
        for (when, hooks) in [(HookTime::Start, &project.on_run_start), (HookTime::End, &project.on_run_end)] {
            for (index, sql) in hooks.iter().enumerate() {
                drafts.push(hook(parser, project, when, index, sql));
            }
        }
    }
    drafts
}

fn snapshot_blocks<'a>(
    parser: &Parser<'a>,
    file: &project::SourceFile,
    drafts: &mut Vec<Draft<'a>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let extracted = match extract_blocks(&file.contents, &[BlockKind::Snapshot]) {
        Ok(extracted) => extracted,
        Err(error) => {
            let line = error.line().map_or(1, |line| line as usize);
            diagnostics.push(
                Diagnostic::error(format!("Compilation Error in {}\n  {}", file.path, error.message()))
                    .at(Location::in_source(&file.path, &file.contents, line, None))
                    .fix("close every {% snapshot %} block with {% endsnapshot %}"),
            );
            return;
        }
    };
    diagnostics.extend(blocks::unexpected(&file.path, &file.contents, file.lines_before, &extracted.unexpected));
    for block in extracted.blocks {
        let mut draft = parser.draft(ResourceType::Snapshot, file, block.name, Arc::from(block.contents));
        let fqn = &mut Arc::make_mut(&mut draft.node).fqn;
        fqn.insert(fqn.len() - 1, file.stem().to_owned());
        draft.lines_before = file.lines_before + block.line as usize - 1;
        drafts.push(draft);
    }
}

/// dbt's checksum of a file: white space does not count.
fn sha256(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    hex::encode(Sha256::digest(words.join(" ").as_bytes()))
}

fn yaml_snapshots<'a>(
    parser: &Parser<'a>,
    file: &PropertyFile,
    drafts: &mut Vec<Draft<'a>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for entry in &file.snapshots {
        let (Some(raw_code), Some(relation)) = (entry.snapshot_raw_code(), &entry.relation) else { continue };
        if !others::is_reference(&relation.expression) {
            let what = format!("Parsing Error\n  Invalid jinja expression: {}", relation.expression);
            let error = file.source.error(relation.position, what);
            diagnostics.push(
                error
                    .cause(format!("`relation` of snapshot '{}' names what it is taken of", entry.name))
                    .fix("write `relation: ref('model')` or `relation: source('source', 'table')`, without braces"),
            );
            continue;
        }
        let mut fqn = vec![file.package.clone()];
        fqn.extend(tests::directories_below(file));
        fqn.push(entry.name.clone());
        let node = Node {
            name: entry.name.clone(),
            resource_type: ResourceType::Snapshot,
            package_name: file.package.clone(),
            path: format!("{}.sql", entry.name),
            original_file_path: file.source.file.clone(),
            unique_id: UniqueId::new(format!("snapshot.{}.{}", file.package, entry.name)),
            fqn,
            alias: entry.name.clone(),
            checksum: artifacts::manifest::Checksum::sha256(sha256(&file.source.text)),
            raw_code: Arc::from(raw_code),
            language: "sql".to_owned(),
            created_at: parser.created_at,
            database: Some(parser.host.adapter.database().to_owned()),
            schema: parser.host.adapter.schema().to_owned(),
            ..Node::default()
        };
        drafts.push(Draft {
            node: Arc::new(node),
            lines_before: 0,
            patch: None,
            tags: Vec::new(),
            known: None,
            test_arguments: None,
            config: artifacts::JsonMap::new(),
        });
    }
}

/// How many lines of dbt_project.yml stand before a hook's first.
fn line_of_hook(project: &project::DbtProject, when: HookTime, index: usize) -> usize {
    let written = project.unrendered.value.as_map().and_then(|map| map.get(when.as_str()));
    let node = written.map(|node| node.value.as_seq().and_then(|items| items.get(index)).unwrap_or(node));
    node.map_or(0, |node| node.position.line.saturating_sub(1))
}

fn hook<'a>(parser: &Parser<'a>, project: &project::DbtProject, when: HookTime, index: usize, sql: &str) -> Draft<'a> {
    let package = project.name.as_str();
    let word = when.as_str();
    let name = format!("{package}-{word}-{index}");
    let node = Node {
        name: name.clone(),
        resource_type: ResourceType::Operation,
        package_name: package.to_owned(),
        path: format!("hooks/{name}.sql"),
        original_file_path: "./dbt_project.yml".to_owned(),
        unique_id: UniqueId::new(format!("operation.{package}.{name}")),
        fqn: vec![package.to_owned(), "hooks".to_owned(), name.clone()],
        alias: name,
        checksum: artifacts::manifest::Checksum::sha256(sha256(&project.source.text)),
        raw_code: Arc::from(sql),
        language: "sql".to_owned(),
        created_at: parser.created_at,
        index: i64::try_from(index).ok(),
        database: Some(parser.host.adapter.database().to_owned()),
        schema: parser.host.adapter.schema().to_owned(),
        ..Node::default()
    };
    Draft {
        node: Arc::new(node),
        lines_before: line_of_hook(project, when, index),
        patch: None,
        tags: vec![word.to_owned()],
        known: None,
        test_arguments: None,
        config: artifacts::JsonMap::new(),
    }
}

fn used_patches(artifact: &artifacts::Manifest, files: &[ProjectFiles]) -> HashSet<(ResourceType, String, String)> {
    let mut used = HashSet::new();
    for file in files.iter().flat_map(|project| &project.files) {
        let kind = match file.kind {
            FileKind::Model => ResourceType::Model,
            FileKind::Seed => ResourceType::Seed,
            FileKind::Analysis => ResourceType::Analysis,
            FileKind::SingularTest => ResourceType::Test,
            FileKind::Function => ResourceType::Function,
            _ => continue,
        };
        used.insert((kind, file.package.clone(), file.stem().to_owned()));
    }
    let disabled = artifact.disabled.values().flatten().filter_map(|entry| match entry {
        Disabled::Node(node) => Some(node),
        _ => None,
    });
    for node in artifact.nodes.values().chain(disabled) {
        if node.resource_type == ResourceType::Snapshot {
            used.insert((ResourceType::Snapshot, node.package_name.clone(), node.name.clone()));
        }
    }
    used
}

fn metadata(project: &Project, host: &Host) -> ManifestMetadata {
    let quoting = &project.root.quoting;
    ManifestMetadata {
        common: Metadata {
            dbt_schema_version: SCHEMA_VERSION.to_owned(),
            dbt_version: project::CLAIMED_DBT_VERSION.to_owned(),
            generated_at: artifacts::timestamp(host.started_at),
            invocation_id: Some(host.invocation_id.clone()),
            invocation_started_at: Some(artifacts::timestamp(host.started_at)),
            env: IndexMap::clone(&host.metadata_env),
        },
        project_name: Some(project.root.name.clone()),
        project_id: Some(hex::encode(Md5::digest(project.root.name.as_bytes()))),
        user_id: None,
        send_anonymous_usage_stats: Some(false),
        adapter_type: Some(host.adapter.type_name().to_owned()),
        quoting: Quoting {
            database: Some(quoting.database.unwrap_or(true)),
            schema: Some(quoting.schema.unwrap_or(true)),
            identifier: Some(quoting.identifier.unwrap_or(true)),
            column: None,
        },
        run_started_at: Some(artifacts::timestamp(host.started_at)),
    }
}
