//! `owlet.yml`: the project's settings that dbt has no place for.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use project::yaml;

/// What `owlet.yml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwletYml {
    /// Local folders that the embedded lakehouse shows as read-only buckets.
    pub mounts: Vec<(String, PathBuf)>,
}

impl OwletYml {
    /// Reads the file of a project; without one there is nothing to say.
    pub fn load(project_dir: &Path) -> anyhow::Result<Self> {
        let path = project_dir.join("owlet.yml");
        if !path.is_file() {
            return Ok(Self::default());
        }
        let text = fs_err::read_to_string(&path)?;
        Self::parse(&text, project_dir).with_context(|| format!("reading {}", path.display()))
    }

    fn parse(text: &str, project_dir: &Path) -> anyhow::Result<Self> {
        let (root, _) = yaml::parse(text).map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut file = Self::default();
        for (key, node) in entries(&root, "owlet.yml")? {
            match key.as_str() {
                "lakehouse" => {
                    for (key, node) in entries(node, "lakehouse")? {
                        match key.as_str() {
                            "mounts" => file.mounts = mounts(node, project_dir)?,
                            other => return Err(unknown(other, "lakehouse", "mounts")),
                        }
                    }
                }
                other => return Err(unknown(other, "owlet.yml", "lakehouse")),
            }
        }
        Ok(file)
    }
}

fn mounts(node: &yaml::Node, project_dir: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut mounts = Vec::new();
    for (bucket, folder) in entries(node, "mounts")? {
        let yaml::Value::Str(folder) = &folder.value else {
            bail!("mounts: the folder of '{bucket}' is no text\n  fix:   write `{bucket}: path/to/folder`");
        };
        let folder = project_dir.join(folder);
        if !folder.is_dir() {
            bail!(
                "mounts: '{bucket}' has no folder {}\n  \
                 cause: a mounted bucket shows a local folder, and this one is not there\n  \
                 fix:   create it, or correct the path; it is relative to owlet.yml",
                folder.display()
            );
        }
        mounts.push((bucket, folder));
    }
    Ok(mounts)
}

fn entries<'a>(node: &'a yaml::Node, what: &str) -> anyhow::Result<Vec<(String, &'a yaml::Node)>> {
    match &node.value {
        yaml::Value::Null => Ok(Vec::new()),
        yaml::Value::Map(map) => Ok(map.iter().map(|(key, node)| (key.to_owned(), node)).collect()),
        _ => bail!("{what} must be a mapping\n  fix:   write `key: value` lines below it"),
    }
}

fn unknown(key: &str, place: &str, known: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "{place} has an unknown key '{key}'\n  cause: only '{known}' is known there\n  fix:   correct or remove it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_relative_to_the_project() {
        let dir = tempfile::tempdir().expect("a folder");
        fs_err::create_dir_all(dir.path().join("data/raw")).expect("created");
        let file = OwletYml::parse("lakehouse:\n  mounts:\n    raw: data/raw\n", dir.path()).expect("valid");
        assert_eq!(file.mounts, [("raw".to_owned(), dir.path().join("data/raw"))]);
        assert_eq!(OwletYml::parse("", dir.path()).expect("valid"), OwletYml::default());
        let error = OwletYml::parse("lakehouse: {mount: {}}", dir.path()).expect_err("unknown key");
        assert!(error.to_string().starts_with("lakehouse has an unknown key 'mount'"), "{error}");
    }
}
