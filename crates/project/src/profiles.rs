//! `profiles.yml`: which warehouse a project builds in.

use std::path::PathBuf;

use diagnostic::Diagnostic;
use serde_json::{Map as JsonMap, Value as Json};

use crate::dbt_project::{DbtProject, unreadable};
use crate::fields::Fields;
use crate::render::{RenderError, RenderYaml, has_jinja};
use crate::source::SourceText;
use crate::yaml::{self, Map, Node, Value};

/// What chooses a profile; `cli` reads flags and environment.
#[derive(Debug, Clone, Default)]
pub struct ProfileSettings {
    /// Directories that may hold `profiles.yml`, the first that does counts: `--profiles-dir` alone when given, else
    /// `DBT_PROFILES_DIR` alone when set, else the current directory and `~/.dbt`.
    pub directories: Vec<PathBuf>,
    /// `--profile`
    pub profile: Option<String>,
    /// `--target`
    pub target: Option<String>,
    /// `--threads`
    pub threads: Option<usize>,
}

/// Where an athena profile's queries go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LakehouseChoice {
    /// The lakehouse inside this program; the directory, if one was named, is relative to the project.
    Embedded {
        /// `lakehouse_dir`
        directory: Option<String>,
    },
    /// AWS, or whatever endpoint the profile or environment names.
    Aws,
}

/// One target of one profile, rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The profile's name.
    pub name: String,
    /// The target's name.
    pub target: String,
    /// `type`
    pub adapter_type: String,
    /// How many nodes build at once.
    pub threads: usize,
    /// Every other key of the target, with `catalog` renamed to `database`; natively rendered.
    pub credentials: JsonMap<String, Json>,
    /// The file it is from; `None` for the built-in default.
    pub file: Option<PathBuf>,
}

impl Profile {
    /// The profile of a project that has none: the lakehouse in the project's own `.owlet` directory.
    pub fn embedded_default() -> Self {
        let mut credentials = JsonMap::new();
        credentials.insert("lakehouse".to_owned(), Json::from("embedded"));
        credentials.insert("database".to_owned(), Json::from("awsdatacatalog"));
        credentials.insert("schema".to_owned(), Json::from("dev"));
        Self {
            name: "default".to_owned(),
            target: "dev".to_owned(),
            adapter_type: "athena".to_owned(),
            threads: 4,
            credentials,
            file: None,
        }
    }

    /// The profile that `project` and `settings` choose. With no `profiles.yml` anywhere and no profile asked for by name
    /// on the command line, [`Profile::embedded_default`]. `renderer` is the secret-aware one.
    ///
    /// # Errors
    /// Everything that is wrong with the choice or the chosen target. Other targets are not looked at.
    pub fn load(
        project: &DbtProject,
        settings: &ProfileSettings,
        renderer: &dyn RenderYaml,
    ) -> Result<Self, Vec<Diagnostic>> {
        let Some(path) = settings.directories.iter().map(|dir| dir.join("profiles.yml")).find(|path| path.is_file())
        else {
            return without_file(settings);
        };
        let shown = path.display().to_string();
        let text = fs_err::read_to_string(&path).map_err(|error| vec![unreadable(&shown, &error)])?;
        let Some(name) = settings.profile.clone().or_else(|| project.profile.clone()) else {
            return Err(vec![no_profile_named(project)]);
        };
        let mut profile = Self::parse(SourceText::new(shown, text), &name, settings, renderer)?;
        profile.file = Some(path);
        Ok(profile)
    }

    /// Reads one profile out of the text of a `profiles.yml`.
    ///
    /// # Errors
    /// As [`Profile::load`].
    pub fn parse(
        source: SourceText,
        name: &str,
        settings: &ProfileSettings,
        renderer: &dyn RenderYaml,
    ) -> Result<Self, Vec<Diagnostic>> {
        let (root, mut diagnostics) = yaml::parse_file(&source.file, &source.text);
        let Some(root) = root else { return Err(diagnostics) };
        // A duplicate key in a file that many projects share is not this project's mistake.
        diagnostics.clear();
        let profile = read(&source, &root, name, settings, renderer, &mut diagnostics);
        match profile {
            Some(profile) if diagnostics.is_empty() => Ok(profile),
            _ => Err(diagnostics),
        }
    }

    /// Where queries of this profile go.
    pub fn lakehouse(&self) -> LakehouseChoice {
        if self.credentials.get("lakehouse").and_then(Json::as_str) == Some("embedded") {
            let directory = self.credentials.get("lakehouse_dir").and_then(Json::as_str).map(str::to_owned);
            return LakehouseChoice::Embedded { directory };
        }
        LakehouseChoice::Aws
    }

    /// A text among the credentials.
    pub fn credential(&self, key: &str) -> Option<&str> {
        self.credentials.get(key).and_then(Json::as_str)
    }
}

fn without_file(settings: &ProfileSettings) -> Result<Profile, Vec<Diagnostic>> {
    let asked = match (&settings.profile, &settings.target) {
        (Some(profile), _) => format!("profile '{profile}'"),
        (None, Some(target)) => format!("target '{target}'"),
        (None, None) => {
            let mut profile = Profile::embedded_default();
            if let Some(threads) = settings.threads {
                profile.threads = threads;
            }
            return Ok(profile);
        }
    };
    let searched: Vec<String> = settings.directories.iter().map(|dir| dir.display().to_string()).collect();
    Err(vec![
        Diagnostic::error(format!("Runtime Error\n  Could not find profiles.yml, which should hold {asked}"))
            .cause(format!("there is none in {}", searched.join(", ")))
            .fix("write one, name its directory with --profiles-dir, or ask for no profile to use the embedded lakehouse"),
    ])
}

fn no_profile_named(project: &DbtProject) -> Diagnostic {
    Diagnostic::error("Runtime Error\n  dbt cannot run because no profile was specified for this dbt project.")
        .at(project.source.location(project.unrendered.position))
        .cause("the project does not say which profile of profiles.yml is its own")
        .fix("add `profile: <name>` to dbt_project.yml, or pass --profile")
}

/// `did you mean 'x'? …` when something near is known.
pub(crate) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(wanted, candidate), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn did_you_mean<'a>(wanted: &str, known: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    nearest(wanted, known).map_or_else(|| otherwise.to_owned(), |near| format!("did you mean '{near}'? {otherwise}"))
}

fn read(
    source: &SourceText,
    root: &Node,
    name: &str,
    settings: &ProfileSettings,
    renderer: &dyn RenderYaml,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Profile> {
    let mut file = Fields::new(root, "profiles.yml", source, diagnostics)?;
    // Flags in their older place, which concern the project.
    file.take("config");
    let Some(node) = file.take_some(name) else {
        let known: Vec<&str> = file.rest_by_name().map(|(key, _)| key).collect();
        let cause = format!("{} has {}", source.file, listed(&known));
        let fix = did_you_mean(
            name,
            known.iter().copied(),
            "Set `profile:` in dbt_project.yml or --profile to one of them, or add the profile",
        );
        file.diagnostics.push(
            source
                .error(root.position, format!("Runtime Error\n  Could not find profile named '{name}'"))
                .cause(cause)
                .fix(fix),
        );
        return None;
    };
    let mut profile = file.nested(&node, format!("profile '{name}'"))?;
    let target = choose_target(&mut profile, settings, renderer)?;
    let Some(outputs) = profile.take_some("outputs") else {
        let what = format!("Runtime Error\n  outputs not specified in profile '{name}'");
        profile.report(node.position, what, None, "add `outputs:` with one entry for each target");
        return None;
    };
    let mut outputs = profile.nested(&outputs, format!("outputs of profile '{name}'"))?;
    let Some(output) = outputs.take_some(&target) else {
        let known: Vec<&str> = outputs.rest_by_name().map(|(key, _)| key).collect();
        let lines: Vec<String> = known.iter().map(|name| format!("   - {name}")).collect();
        let what = format!(
            "Runtime Error\n  The profile '{name}' does not have a target named '{target}'. The valid target names for this profile are:\n{}",
            lines.join("\n")
        );
        let position = outputs.position;
        let fix = did_you_mean(&target, known.into_iter(), "Set `target:` of the profile or --target to one of them");
        outputs.report(position, what, None, &fix);
        return None;
    };
    let values = output.value.as_map().map(|map| render_values(map, source, renderer, outputs.diagnostics));
    let output = Node::at(values.map_or(output.value, Value::Map), output.position);
    let output = outputs.nested(&output, format!("target '{target}' of profile '{name}'"))?;
    read_target(output, name, &target, settings)
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        return "no profiles".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("the profiles {}", quoted.join(", "))
}

fn choose_target(profile: &mut Fields<'_>, settings: &ProfileSettings, renderer: &dyn RenderYaml) -> Option<String> {
    let written = profile.take_some("target");
    if let Some(target) = &settings.target {
        return Some(target.clone());
    }
    let Some(node) = written else { return Some("default".to_owned()) };
    let mut map = Map::new();
    map.insert("target", node.clone());
    let rendered = render_values(&map, profile.source, renderer, profile.diagnostics);
    let text = rendered.get("target").and_then(|node| node.value.scalar_text());
    if text.is_none() {
        profile.wrong("target", "a string", &node);
    }
    text
}

/// Renders the values of a target. A `password` that is no template is taken as it is.
fn render_values(map: &Map, source: &SourceText, renderer: &dyn RenderYaml, diagnostics: &mut Vec<Diagnostic>) -> Map {
    let mut rendered = Map::new();
    for (key, node) in map.iter() {
        let value = render_value(key, node, source, renderer, diagnostics);
        rendered.insert(key, value);
    }
    rendered
}

fn render_value(
    key: &str,
    node: &Node,
    source: &SourceText,
    renderer: &dyn RenderYaml,
    diagnostics: &mut Vec<Diagnostic>,
) -> Node {
    let value = match &node.value {
        Value::Str(text) if has_jinja(text) => match renderer.render(text, key) {
            Ok(value) => value,
            Err(_) if key == "password" => node.value.clone(),
            Err(error) => {
                diagnostics.push(cannot_render(key, node, &error, source));
                node.value.clone()
            }
        },
        Value::Map(map) => Value::Map(render_values(map, source, renderer, diagnostics)),
        Value::Seq(items) => {
            Value::Seq(items.iter().map(|item| render_value(key, item, source, renderer, diagnostics)).collect())
        }
        other => other.clone(),
    };
    Node::at(value, node.position)
}

fn cannot_render(key: &str, node: &Node, error: &RenderError, source: &SourceText) -> Diagnostic {
    let mut diagnostic = source.error(node.position, format!("Parsing Error\n  {}", error.message)).of_kind(error.kind);
    diagnostic.cause = error.cause.clone().or_else(|| Some(format!("the value of '{key}' is a template")));
    diagnostic.fix = error
        .fix
        .clone()
        .or_else(|| Some("set the variable, or give it a default: env_var('NAME', 'default')".to_owned()));
    diagnostic
}

fn read_target(mut output: Fields<'_>, name: &str, target: &str, settings: &ProfileSettings) -> Option<Profile> {
    let position = output.position;
    let Some(adapter_type) = output.text("type") else {
        let what = format!("Runtime Error\n  required field \"type\" not found in profile {name} and target {target}");
        output.report(position, what, None, "add `type: athena`");
        return None;
    };
    let written = output.peek("threads").cloned();
    if let Some(node) = &written
        && node.value.is_null()
    {
        output.wrong("threads", "an integer", node);
        return None;
    }
    let threads = match (settings.threads, output.int("threads")) {
        (Some(threads), _) => threads,
        (None, Some(threads)) => usize::try_from(threads).unwrap_or(0),
        (None, None) => 1,
    };
    if threads == 0 {
        let at = written.map_or(position, |node| node.position);
        let what = format!("Runtime Error\n  Invalid value for threads in profile {name} and target {target}");
        output.report(at, what, Some("at least one node must be able to build".to_owned()), "write `threads: 4`");
        return None;
    }
    // `catalog` is Athena's name for what dbt calls the database.
    let catalog = output.take_some("catalog");
    if let Some(catalog) = &catalog
        && output.has("database")
    {
        let what = "Runtime Error\n  Got duplicate keys: (catalog) all map to \"database\"".to_owned();
        let cause = Some("`catalog` and `database` are two names of one thing".to_owned());
        output.report(catalog.position, what, cause, "keep `database`");
        return None;
    }
    let mut credentials = output.extra();
    if let Some(catalog) = catalog {
        credentials.insert("database".to_owned(), catalog.value.to_json());
    }
    Some(Profile { name: name.to_owned(), target: target.to_owned(), adapter_type, threads, credentials, file: None })
}
