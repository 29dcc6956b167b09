//! The flags of a project: `flags:` of dbt_project.yml or, as older projects have them, `config:` of profiles.yml.

use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;
use project::{SourceText, yaml};

/// What an invocation goes by where neither command line nor environment speak.
#[derive(Debug, Clone, Default)]
pub struct ProjectFlags {
    pub values: yaml::Map,
    /// `log-path` of dbt_project.yml, as it is written: dbt does not render it.
    pub log_path: Option<PathBuf>,
    /// The file that they are in.
    source: SourceText,
    /// They are from profiles.yml.
    pub are_of_profiles: bool,
}

impl ProjectFlags {
    /// Reads both files. One that cannot be read gives none here and its error when it is loaded; if both have flags, the project's
    /// hold, and it is a mistake.
    pub fn read(project_dir: Option<&Path>, profiles_dirs: &[PathBuf]) -> (Self, Option<Diagnostic>) {
        let project_file = project_dir.map(|dir| dir.join("dbt_project.yml"));
        let of_project = project_file.as_deref().and_then(|file| mapping_in(file, "flags"));
        let log_path = project_file.as_deref().and_then(log_path_in);
        let (flags, mistake) = Self::of(of_project, profiles_dirs);
        (Self { log_path, ..flags }, mistake)
    }

    fn of(of_project: Option<Flags>, profiles_dirs: &[PathBuf]) -> (Self, Option<Diagnostic>) {
        let profiles = profiles_dirs.iter().map(|dir| dir.join("profiles.yml")).find(|path| path.is_file());
        let of_profiles = profiles.as_deref().and_then(|path| mapping_in(path, "config"));
        match (of_project, of_profiles) {
            (None, None) => (Self::default(), None),
            (Some((_, values, source)), None) => (Self { values, source, ..Self::default() }, None),
            (None, Some((_, values, source))) => {
                (Self { values, source, are_of_profiles: true, ..Self::default() }, None)
            }
            (Some((_, values, source)), Some((position, _, profiles))) => {
                let what =
                    "Runtime Error\n  Do not specify both 'config' in profiles.yml and 'flags' in dbt_project.yml";
                let both = Diagnostic::error(what)
                    .at(profiles.location(position))
                    .cause("`config:` of profiles.yml is the older place of `flags:`")
                    .fix("move what it says below `flags:` of dbt_project.yml");
                (Self { values, source, ..Self::default() }, Some(both))
            }
        }
    }

    /// A mistake in the value of a flag, with its place.
    pub fn located(&self, flag: &str, mistake: Diagnostic) -> Diagnostic {
        match self.values.get(flag) {
            Some(value) => mistake.at(self.source.location(value.position)),
            None => mistake,
        }
    }

    /// Those that the project has from profiles.yml.
    pub fn of_profiles(&self) -> serde_json::Map<String, serde_json::Value> {
        match yaml::Value::Map(self.values.clone()).to_json() {
            serde_json::Value::Object(values) if self.are_of_profiles => values,
            _ => serde_json::Map::new(),
        }
    }

    /// What dbt says of the older place.
    pub fn deprecation(&self) -> Option<Diagnostic> {
        let what =
            "User config should be moved from the 'config' key in profiles.yml to the 'flags' key in dbt_project.yml.";
        self.are_of_profiles.then(|| {
            Diagnostic::warning(what)
                .named("ProjectFlagsMovedDeprecation")
                .fix("write the same keys below `flags:` of dbt_project.yml, and remove `config:`")
        })
    }

    /// The project switched off what is on by default.
    pub fn is_off(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|flag| flag.value.to_json() == serde_json::Value::Bool(false))
    }
}

fn log_path_in(file: &Path) -> Option<PathBuf> {
    let text = fs_err::read_to_string(file).ok().filter(|text| text.contains("log-path"))?;
    let (node, _) = yaml::parse(&text).ok()?;
    let written = node.value.as_map()?.get("log-path")?.value.scalar_text()?;
    Some(written).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// What stands below a key, where, and in which file.
type Flags = (yaml::Position, yaml::Map, SourceText);

/// What stands below a key, if that is anything.
fn mapping_in(file: &Path, key: &str) -> Option<Flags> {
    let text = fs_err::read_to_string(file).ok()?;
    let (node, _) = yaml::parse(&text).ok()?;
    let found = node.value.as_map()?.get(key)?;
    let values = found.value.as_map().filter(|values| !values.is_empty())?.clone();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    Some((found.position, values, SourceText::new(name, text)))
}
