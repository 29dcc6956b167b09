//! The flags of a project: `flags:` of dbt_project.yml or, as older projects have them, `config:` of profiles.yml.

use std::path::{Path, PathBuf};

use anyhow::bail;
use diagnostic::Diagnostic;
use project::{SourceText, yaml};

/// What an invocation goes by where neither command line nor environment speak.
#[derive(Debug, Clone, Default)]
pub struct ProjectFlags {
    pub values: yaml::Map,
    /// The file that they are in.
    source: SourceText,
    /// They are from profiles.yml.
    pub are_of_profiles: bool,
}

impl ProjectFlags {
    /// Reads both files. One that cannot be read gives none here and its error when it is loaded.
    ///
    /// # Errors
    /// Both files have flags.
    pub fn read(project_dir: Option<&Path>, profiles_dirs: &[PathBuf]) -> anyhow::Result<Self> {
        let (values, source) =
            project_dir.map(|dir| mapping_in(&dir.join("dbt_project.yml"), "flags")).unwrap_or_default();
        let profiles = profiles_dirs.iter().map(|dir| dir.join("profiles.yml")).find(|path| path.is_file());
        let (of_profiles, profiles_source) =
            profiles.as_deref().map(|path| mapping_in(path, "config")).unwrap_or_default();
        match (values.is_empty(), of_profiles.is_empty()) {
            (_, true) => Ok(Self { values, source, are_of_profiles: false }),
            (true, false) => Ok(Self { values: of_profiles, source: profiles_source, are_of_profiles: true }),
            (false, false) => bail!(
                "Do not specify both 'config' in profiles.yml and 'flags' in dbt_project.yml\n  \
                 cause: {} has `config:`, which is the older place of `flags:`\n  \
                 fix:   move what it says below `flags:` of dbt_project.yml",
                profiles.unwrap_or_default().display()
            ),
        }
    }

    /// An error in the value of a flag, with its place between what and cause.
    pub fn located(&self, flag: &str, error: &anyhow::Error) -> anyhow::Error {
        let text = error.to_string();
        let Some((value, (what, cause))) = self.values.get(flag).zip(text.split_once("\n  cause:")) else {
            return anyhow::Error::msg(text);
        };
        let what = Diagnostic::error(what).at(self.source.location(value.position));
        anyhow::anyhow!("{what}\n  cause:{cause}")
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

fn mapping_in(file: &Path, key: &str) -> (yaml::Map, SourceText) {
    let text = fs_err::read_to_string(file).unwrap_or_default();
    let values = yaml::parse(&text)
        .ok()
        .and_then(|(node, _)| node.value.as_map().and_then(|map| map.get(key).cloned()))
        .and_then(|found| found.value.as_map().cloned())
        .unwrap_or_default();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    (values, SourceText::new(name, text))
}
