//! Exposures, groups, unit tests and what property files say about macros.

use std::{collections::BTreeSet, sync::Arc};

use artifacts::{
    JsonMap,
    manifest::{
        DependsOn, Docs, Exposure, Group, Macro, MacroArgument, MacroConfig, Node, Owner, Ref, ResourceType, UnitTest,
        UnitTestExpect, UnitTestGiven, UnitTestOverrides,
    },
};
use diagnostic::Diagnostic;
use indexmap::IndexMap;
use jinja::{Template, Value};
use names::UniqueId;
use project::{
    ConfigKind, PropertyFile,
    properties::{ExposureProperties, GroupProperties, RowFormat, Rows, UnitTestProperties, VersionFilter},
    yaml,
};
use serde_json::{Value as Json, json};

use super::{
    checksums,
    config::{self, Layers},
    errors, macro_types,
    nodes::Parser,
    tests::{directories, directories_below},
    unit_test_csv::{self, Seeds},
};

/// What `ref('x')`, `source('a', 'b')`, `metric('m')` in a YAML list name.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub refs: Vec<Ref>,
    pub sources: Vec<Vec<String>>,
    pub metrics: Vec<Vec<String>>,
}

/// Reads such an expression.
pub(super) fn read_reference(expression: &str, named: &mut Named) -> bool {
    let Ok(template) = Template::compile(&format!("{{{{ {expression} }}}}"), "a reference") else { return false };
    let [call] = template.calls() else { return false };
    let texts: Option<Vec<String>> =
        call.positional.iter().map(|argument| argument.as_ref().map(ToString::to_string)).collect();
    let Some(texts) = texts else { return false };
    match (call.name.as_str(), texts.as_slice()) {
        ("ref", [name]) => named.refs.push(reference(None, name, call)),
        ("ref", [package, name]) => named.refs.push(reference(Some(package), name, call)),
        ("source", [_, _]) => named.sources.push(texts),
        ("metric", [_] | [_, _]) => named.metrics.push(texts),
        _ => return false,
    }
    true
}

/// Whether the whole expression is one `ref(…)` or `source(…)`.
pub(super) fn is_reference(expression: &str) -> bool {
    let mut named = Named::default();
    is_one_call(expression.trim())
        && read_reference(expression, &mut named)
        && !(named.refs.is_empty() && named.sources.is_empty())
}

/// Whether a name and what is in parentheses behind it is all there is.
fn is_one_call(expression: &str) -> bool {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut closed = false;
    for c in expression.chars() {
        match (quote, c) {
            _ if closed => return false,
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth = depth.saturating_sub(1);
                closed = depth == 0;
            }
            _ => {}
        }
    }
    closed
}

fn reference(package: Option<&String>, name: &str, call: &jinja::StaticCall) -> Ref {
    let version =
        call.keyword.iter().find(|(key, _)| key == "v" || key == "version").and_then(|(_, value)| value.as_ref());
    Ref { name: name.to_owned(), package: package.cloned(), version: version.map(Value::to_json_lossy) }
}

fn owner(owner: &JsonMap) -> Owner {
    let mut extra = owner.clone();
    let email = extra.remove("email");
    let name = extra.remove("name").and_then(|name| name.as_str().map(str::to_owned));
    Owner { email, name, extra }
}

impl<'a> Parser<'a> {
    /// Whether `exposures:` of a project file says `tags: null` about the exposure.
    pub fn parse_exposure(
        &self,
        file: &PropertyFile,
        of: &ExposureProperties,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Exposure {
        let package = &file.package;
        if of.name.is_empty() || !of.name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            diagnostics.push(
                file.source
                    .warning(
                        of.position,
                        format!(
                            "Starting in v1.3, the 'name' of an exposure should contain only letters, numbers, and underscores. Exposures support a new property, 'label', which may contain spaces, capital letters, and special characters. {} does not follow this pattern. Please update the 'name', and use the 'label' property for a human-friendly title. This will raise an error in a future version of dbt-core.",
                            of.name
                        ),
                    )
                    .named("ExposureNameDeprecation")
                    .with("exposure", &of.name)
                    .fix("give it a plain `name`, and this one as `label`"),
            );
        }
        let mut fqn = vec![package.clone()];
        fqn.extend(directories_below(file));
        fqn.push(of.name.clone());
        let of_kind = ResourceType::Exposure;
        let layers = Layers { patch: Some(&of.config), call: None };
        let mut config = config::resolve(self.project, of_kind, package, &fqn, &layers);
        // dbt has rendered the entry by then.
        let unrendered_config = config::resolve_unrendered(self.project, of_kind, package, &fqn, &layers);
        // As dbt: the tags of an exposure are in order, each once, and a text in the place of the list is its letters.
        let of_config = match config.get("tags") {
            Some(Json::Array(items)) => items.iter().map(python_text).collect(),
            Some(Json::String(text)) => text.chars().map(String::from).collect(),
            Some(Json::Object(members)) => members.keys().cloned().collect(),
            other => {
                let value = Value::from(other.unwrap_or(&Json::Null)).repr();
                diagnostics.push(invalid_config(file, of, "tags", "List[str]", &value, "write a list"));
                Vec::new()
            }
        };
        // dbt reads `tags` and `meta` of the project file once more, as long as they have no `+`.
        let of_project = self.project.get(package).and_then(|project| project.configs.get(ConfigKind::Exposures));
        let at_root = |key: &str| of_project.and_then(|tree| tree.plain_at_root(key));
        let plain_tags = at_root("tags").filter(|tags| Value::from(*tags).is_true());
        if let Some(wrong) = plain_tags.filter(|tags| tags.is_string() || tags.is_object()) {
            let value = Value::from(wrong).repr();
            diagnostics.push(invalid_config(file, of, "tags", "List[str]", &value, "write a list"));
        }
        let tags_of_project = plain_tags.and_then(Json::as_array).map(|items| items.iter().map(python_text));
        let tags: BTreeSet<String> =
            of.tags.iter().cloned().chain(of_config).chain(tags_of_project.into_iter().flatten()).collect();
        let tags: Vec<String> = tags.into_iter().collect();
        if let Some(wrong) = config.get("meta").filter(|meta| !meta.is_object()) {
            let value = Value::from(wrong).repr();
            diagnostics.push(invalid_config(file, of, "meta", "Dict[str, Any]", &value, "write a mapping"));
        }
        let mut meta = config::mapping(at_root("meta"));
        meta.extend(of.meta.clone());
        meta.extend(config::mapping(config.get("meta")));
        config.insert("tags".to_owned(), tags.into());
        config.insert("meta".to_owned(), meta.into());
        let mut named = Named::default();
        for expression in &of.depends_on {
            if !read_reference(expression, &mut named) {
                let what = format!("Invalid depends_on of exposure '{}': {expression}", of.name);
                // A name that nothing defines renders as nothing: dbt passes it over.
                let is_name = expression.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ' '));
                let told = match is_name {
                    true => file.source.warning(of.position, what),
                    false => file.source.error(of.position, format!("Parsing Error\n  {what}")),
                };
                diagnostics.push(
                    told.cause("an exposure depends on `ref('…')`, `source('…', '…')` or `metric('…')`")
                        .fix("write one of these, as a string"),
                );
            }
        }
        let description = match self.docs.describe(&of.description, package) {
            Ok((description, _)) => description,
            Err(error) => {
                diagnostics.push(errors::in_yaml(file, of.position, &error));
                of.description.clone()
            }
        };
        Exposure {
            name: of.name.clone(),
            resource_type: "exposure".to_owned(),
            package_name: package.clone(),
            path: file.path_in_search_path().to_owned(),
            original_file_path: file.source.file.clone(),
            unique_id: UniqueId::new(format!("exposure.{package}.{}", of.name)),
            fqn,
            kind: of.exposure_type.clone(),
            owner: owner(&of.owner),
            description,
            label: of.label.clone(),
            maturity: of.maturity.clone(),
            meta: config::mapping(config.get("meta")),
            tags: config::texts(config.get("tags")),
            config,
            unrendered_config,
            url: of.url.clone(),
            depends_on: DependsOn::default(),
            refs: named.refs,
            sources: named.sources,
            metrics: named.metrics,
            created_at: self.created_at,
        }
    }

    pub fn parse_group(&self, file: &PropertyFile, of: &GroupProperties) -> Group {
        let package = &file.package;
        let mut fqn = vec![package.clone()];
        fqn.extend(directories_below(file));
        fqn.push(of.name.clone());
        let config = config::resolve(
            self.project,
            ResourceType::Group,
            package,
            &fqn,
            &Layers { patch: Some(&of.config), call: None },
        );
        Group {
            name: of.name.clone(),
            resource_type: "group".to_owned(),
            package_name: package.clone(),
            path: file.path_in_search_path().to_owned(),
            original_file_path: file.source.file.clone(),
            unique_id: UniqueId::new(format!("group.{package}.{}", of.name)),
            owner: owner(&of.owner),
            description: of.description.clone(),
            config,
        }
    }

    /// A unit test for each version of its model that it wants; `models` finds the models of a name.
    pub fn parse_unit_test(
        &self,
        file: &PropertyFile,
        of: &UnitTestProperties,
        models: &[&Arc<Node>],
        seeds: &Seeds,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<UnitTest> {
        if let Some(model) = models.iter().find(|model| {
            model.version.is_none() && of.versions.as_ref().is_some_and(|versions| *versions != VersionFilter::All)
        }) {
            let what = format!(
                "Parsing Error\n  Unit test '{}' should not have a versions include or exclude when referencing non-versioned model '{}'",
                of.name, model.name
            );
            let error = file.source.error(of.position, what);
            diagnostics.push(error.cause("there are no versions to choose from").fix("remove `versions:`"));
        }
        let wanted = models.iter().filter(|model| match (&model.version, &of.versions) {
            (Some(version), Some(filter)) => {
                let version = yaml::Value::from_json(version);
                project::properties::VersionNumber::of(&version).is_none_or(|version| filter.wants(&version))
            }
            _ => true,
        });
        let tests: Vec<UnitTest> =
            wanted.map(|model| self.unit_test_of(file, of, Some(model), seeds, diagnostics)).collect();
        if let (Some(model), true) = (models.first(), tests.is_empty()) {
            let what = format!(
                "Parsing Error\n  Unit test '{}' referenced a version of '{}' which was not found.",
                of.name, model.name
            );
            let known: Vec<String> =
                models.iter().filter_map(|model| model.version.as_ref()).map(crate::manifest::version_text).collect();
            let error = file.source.error(of.position, what);
            diagnostics.push(
                error
                    .cause(format!("versions of the model are: {}", known.join(", ")))
                    .fix("correct `versions:` of the unit test"),
            );
        }
        tests
    }

    /// The unit test of a model that is off: it is off too, and depends on nothing.
    pub fn parse_unit_test_of_disabled(
        &self,
        file: &PropertyFile,
        of: &UnitTestProperties,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> UnitTest {
        let mut test = self.unit_test_of(file, of, None, &Seeds::default(), diagnostics);
        test.config.insert("enabled".to_owned(), Json::Bool(false));
        test
    }

    fn unit_test_of(
        &self,
        file: &PropertyFile,
        of: &UnitTestProperties,
        model: Option<&Node>,
        seeds: &Seeds,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> UnitTest {
        let package = &file.package;
        let version = model.and_then(|model| model.version.as_ref());
        let name = match version {
            Some(version) => format!("{}_v{}", of.name, crate::manifest::version_text(version)),
            None => of.name.clone(),
        };
        let mut fqn = vec![package.clone()];
        fqn.extend(directories(&file.source.file));
        fqn.push(of.model.clone());
        fqn.push(name.clone());
        let config = config::resolve(
            self.project,
            ResourceType::UnitTest,
            package,
            &fqn,
            &Layers { patch: Some(&of.config), call: None },
        );
        let given: Vec<UnitTestGiven> = of
            .given
            .iter()
            .map(|given| {
                let (mut rows, format, fixture) = self.rows(package, &given.rows, diagnostics, file);
                if let (Rows::FromSeed, Some(read)) = (&given.rows, seeds.rows(package, &given.input)) {
                    match read {
                        Ok(read) => rows = typed_row_first(read),
                        Err(error) => diagnostics.push(error.at(file.source.location(of.position))),
                    }
                }
                UnitTestGiven { input: given.input.clone(), rows, format, fixture }
            })
            .collect();
        let (rows, format, fixture) = self.rows(package, &of.expect, diagnostics, file);
        let expect = UnitTestExpect { rows, format, fixture };
        let overrides = of.overrides.as_ref().map(|overrides| UnitTestOverrides {
            macros: overrides.macros.to_json(),
            vars: overrides.vars.to_json(),
            env_vars: overrides.env_vars.to_json(),
        });
        let versions = of.versions.as_ref().map(|filter| match filter {
            VersionFilter::Include(versions) => {
                json!({"include": versions.iter().map(|v| v.to_json()).collect::<Vec<_>>(), "exclude": null})
            }
            VersionFilter::Exclude(versions) => {
                json!({"include": null, "exclude": versions.iter().map(|v| v.to_json()).collect::<Vec<_>>()})
            }
            VersionFilter::All => json!({"include": null, "exclude": null}),
        });
        let checksum = {
            let inputs: Vec<(&str, checksums::Side<'_>)> = given
                .iter()
                .map(|given| {
                    let fixture = given.fixture.as_deref();
                    (given.input.as_str(), checksums::Side { rows: &given.rows, format: &given.format, fixture })
                })
                .collect();
            let fixture = expect.fixture.as_deref();
            let expected = checksums::Side { rows: &expect.rows, format: &expect.format, fixture };
            checksums::unit_test(of, &inputs, &expected)
        };
        UnitTest {
            model: of.model.clone(),
            given,
            expect,
            resource_type: "unit_test".to_owned(),
            package_name: package.clone(),
            path: file.path_in_search_path().to_owned(),
            original_file_path: file.source.file.clone(),
            unique_id: UniqueId::new(format!("unit_test.{package}.{}.{name}", of.model)),
            name,
            fqn,
            // Of unit tests dbt renders no description.
            description: of.description.clone(),
            overrides,
            depends_on: DependsOn {
                macros: Vec::new(),
                nodes: model.map(|model| model.unique_id.clone()).into_iter().collect(),
            },
            config,
            checksum: Some(checksum),
            schema: model.map(|model| model.schema.clone()),
            created_at: self.created_at,
            versions,
            version: version.cloned(),
        }
    }

    /// Puts descriptions and arguments of property files on the macros.
    pub fn describe_macros(
        &self,
        file: &PropertyFile,
        macros: &mut IndexMap<UniqueId, Macro>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        for of in &file.macros {
            let id = format!("macro.{}.{}", file.package, of.name);
            if !macros.contains_key(id.as_str()) {
                let prefix = format!("macro.{}.", file.package);
                let known = macros.keys().filter_map(|id| id.as_str().strip_prefix(&prefix));
                let near = super::resolve::nearest(&of.name, known);
                diagnostics.push(
                    file.source
                        .warning(of.position, format!("Found patch for macro \"{}\" which was not found", of.name))
                        .named("MacroNotFoundForPatch")
                        .with("patch_name", &of.name)
                        .cause(format!("package '{}' has no macro of this name", file.package))
                        .fix(match near {
                            Some(near) => format!("did you mean '{near}'?"),
                            None => "correct the name, or remove the entry".to_owned(),
                        }),
                );
                continue;
            }
            let Some(found) = macros.get_mut(id.as_str()) else { continue };
            if let Some(earlier) = &found.patch_path {
                let what = format!(
                    "Compilation Error\n  dbt found two schema.yml entries for the same macro in package {} named {}. Macros may only be described a single time.",
                    file.package, of.name
                );
                let earlier = earlier.rsplit_once("://").map_or(earlier.as_str(), |(_, path)| path);
                let error = file.source.error(of.position, what).cause(format!("{earlier} describes it too"));
                diagnostics.push(error.fix("join the two entries"));
                continue;
            }
            let mut describe = |text: &str| match self.docs.describe(text, &file.package) {
                Ok((text, _)) => text,
                Err(error) => {
                    diagnostics.push(errors::in_yaml(file, of.position, &error));
                    text.to_owned()
                }
            };
            found.description = describe(&of.description);
            let arguments: Vec<MacroArgument> = of
                .arguments
                .iter()
                .map(|argument| MacroArgument {
                    name: argument.name.clone(),
                    kind: argument.data_type.clone(),
                    description: describe(&argument.description),
                })
                .collect();
            if !arguments.is_empty() {
                if self.project.root.project_flags().behaviour("validate_macro_args") {
                    macro_types::check(found, &arguments, file, of.position, diagnostics);
                }
                found.arguments = arguments;
            }
            found.meta = config::mapping(of.config.get("meta"));
            found.docs = of
                .config
                .get("docs")
                .cloned()
                .and_then(|docs| serde_json::from_value(docs).ok())
                .unwrap_or_else(Docs::default);
            found.config = MacroConfig { meta: found.meta.clone(), docs: found.docs.clone() };
            found.patch_path = Some(format!("{}://{}", file.package, file.source.file));
        }
    }
}

impl Parser<'_> {
    /// Rows as the manifest has them: dicts and CSV as mappings, a row without nulls first, for it tells the types.
    fn rows(
        &self,
        package: &str,
        rows: &Rows,
        diagnostics: &mut Vec<Diagnostic>,
        file: &PropertyFile,
    ) -> (Json, String, Option<String>) {
        let csv = |text: &str| unit_test_csv::rows(text).map(typed_row_first);
        let mut reported = |result: Result<Json, csv::Error>, path: &str| {
            result.unwrap_or_else(|error| {
                diagnostics.push(
                    Diagnostic::error(format!("Parsing Error\n  Could not read the CSV in {path}"))
                        .at(diagnostic::Location::file(&file.source.file))
                        .cause(error.to_string())
                        .fix("every line needs as many fields as the header"),
                );
                Json::Array(Vec::new())
            })
        };
        match rows {
            Rows::Dicts(maps) => {
                let rows = maps.iter().map(|map| Json::Object(map.to_json())).collect();
                (typed_row_first(rows), "dict".to_owned(), None)
            }
            Rows::Csv(text) => (reported(csv(text), &file.source.file), "csv".to_owned(), None),
            Rows::Sql(text) => (Json::String(text.clone()), "sql".to_owned(), None),
            Rows::Fixture { name, format } => {
                let found = self.scope.fixtures.get(&(package.to_owned(), name.clone()));
                let rows = match (format, found) {
                    (RowFormat::Csv, Some(fixture)) => reported(csv(&fixture.text), &fixture.path),
                    (_, Some(fixture)) => Json::String(fixture.text.clone()),
                    (_, None) => Json::Null,
                };
                (rows, format.as_str().to_owned(), Some(name.clone()))
            }
            Rows::FromSeed => (Json::Null, "dict".to_owned(), None),
        }
    }
}

fn typed_row_first(mut rows: Vec<Json>) -> Json {
    let full =
        rows.iter().position(|row| row.as_object().is_some_and(|row| row.values().all(|value| !value.is_null())));
    if let Some(index) = full {
        rows.swap(0, index);
    }
    Json::Array(rows)
}

/// A config of an exposure of another type.
fn invalid_config(
    file: &PropertyFile,
    of: &ExposureProperties,
    key: &str,
    expected: &str,
    value: &str,
    fix: &str,
) -> Diagnostic {
    let what =
        format!("Parsing Error\n  Field \"{key}\" of type {expected} in ExposureConfig has invalid value {value}");
    file.source
        .error(of.position, what)
        .cause(format!("the config `{key}` of exposure '{}' is {value}", of.name))
        .fix(format!("{fix}, or remove the key; look into `exposures:` of dbt_project.yml too"))
}

/// What Python's `str` makes of a value.
fn python_text(value: &Json) -> String {
    Value::from(value).to_string()
}
