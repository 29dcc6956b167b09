//! `clean`: deletes what `clean-targets` names, and nothing outside of the project.

use std::path::{Component, Path, PathBuf};

use anyhow::bail;
use engine::events::Level;

use super::Outcome;
use crate::{args::CleanArgs, session::Session};

/// Deletes the folders.
pub fn run(session: &Session, args: &CleanArgs) -> anyhow::Result<Outcome> {
    let root = &session.project.root;
    let mut protected: Vec<&String> = [&root.model_paths, &root.seed_paths, &root.test_paths, &root.analysis_paths]
        .into_iter()
        .chain([&root.macro_paths, &root.snapshot_paths])
        .flatten()
        .collect();
    protected.dedup();
    let targets: Vec<PathBuf> = match root.clean_targets.as_slice() {
        [] => vec![session.target_dir.clone()],
        targets => targets.iter().map(|target| session.project_dir.join(target)).collect(),
    };
    // All are checked before the first is deleted.
    for target in &targets {
        check(target, &session.project_dir, &protected, args.no_clean_project_files_only)?;
    }
    for target in targets {
        let shown = target.strip_prefix(&session.project_dir).unwrap_or(&target).display();
        session.events.line(Level::Info, format!("Checking {shown}/*"));
        if target.is_dir() {
            fs_err::remove_dir_all(&target)?;
            session.events.line(Level::Info, format!("Cleaned {shown}/*"));
        }
    }
    session.events.line(Level::Info, "Finished cleaning all paths.");
    Ok(Outcome::Success)
}

fn check(target: &Path, project_dir: &Path, protected: &[&String], anywhere: bool) -> anyhow::Result<()> {
    let climbs = target.components().any(|part| part == Component::ParentDir);
    let is_outside = climbs || !target.starts_with(project_dir);
    if is_outside && !anywhere || project_dir.starts_with(target) {
        bail!(
            "dbt will not clean the following directories outside the project: {}\n  \
             cause: `clean-targets` names a folder that is not inside of the project\n  \
             fix:   remove it from `clean-targets`, or allow it: --no-clean-project-files-only",
            target.display()
        );
    }
    for path in protected {
        let source = project_dir.join(path);
        if source.starts_with(target) || target.starts_with(&source) {
            bail!(
                "dbt will not clean the following source paths: {path}\n  \
                 cause: `clean-targets` names a folder with the project's own files\n  \
                 fix:   remove it from `clean-targets`"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_what_lies_outside_are_kept() {
        let models = "models".to_owned();
        let project = Path::new("/p");
        assert!(check(Path::new("/p/target"), project, &[&models], false).is_ok());
        assert!(check(Path::new("/elsewhere"), project, &[&models], true).is_ok());
        assert!(check(Path::new("/"), project, &[&models], true).is_err());
        for target in ["/p", "/p/../other", "/elsewhere", "/p/models", "/p/models/sub"] {
            assert!(check(Path::new(target), project, &[&models], false).is_err(), "{target}");
        }
    }
}
