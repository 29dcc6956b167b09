//! `clean`: deletes what `clean-targets` names, and nothing outside of the project.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use anyhow::bail;
use diagnostic::Diagnostic;
use engine::{context::YamlContext, events::Level};
use project::DbtProject;

use super::{Outcome, Reported};
use crate::{
    args::CleanArgs,
    environment::Environment,
    session::{self, Opening},
    settings::Settings,
};

/// Deletes the folders. Needs neither a profile nor the packages, as it comes before `deps` where somebody starts afresh.
pub fn run(
    args: &CleanArgs,
    opening: &Opening,
    settings: &Settings,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let project_dir = settings.need_project()?;
    let lookup = {
        let environment = environment.clone();
        Arc::new(move |name: &str| environment.get(name).map(str::to_owned))
    };
    // Without a profile every member of `target` is empty.
    let renderer = YamlContext::for_project(lookup, settings.vars.clone(), Some(&serde_json::Map::new()))
        .of_invocation(opening.names(settings));
    let (root, diagnostics) = DbtProject::load(project_dir, "", &renderer);
    session::report(&opening.events, settings, diagnostics)?;
    let Some(root) = root else { return Err(Reported.into()) };

    let mut protected: Vec<&String> = [&root.model_paths, &root.seed_paths, &root.test_paths, &root.analysis_paths]
        .into_iter()
        .chain([&root.macro_paths, &root.snapshot_paths])
        .flatten()
        .collect();
    protected.dedup();
    let target_path = settings.target_path.clone().unwrap_or_else(|| PathBuf::from(&root.target_path));
    let targets: Vec<PathBuf> = match root.clean_targets.as_slice() {
        [] => vec![project_dir.join(target_path)],
        targets => targets.iter().map(|target| project_dir.join(target)).collect(),
    };
    // All are checked before the first is deleted.
    for target in &targets {
        check(target, project_dir, &protected, args.no_clean_project_files_only)?;
    }
    let events = &opening.events;
    let is_cleaned = |path: &str| root.clean_targets.iter().any(|target| target == path);
    if is_cleaned("dbt_modules") && !is_cleaned(&root.packages_install_path) {
        let what = "The default package install path has changed from `dbt_modules` to `dbt_packages`.";
        let diagnostic = Diagnostic::warning(what)
            .named("PackageInstallPathDeprecation")
            .fix("name `dbt_packages` in `clean-targets` and .gitignore, or set `packages-install-path: dbt_modules`");
        session::report(events, settings, vec![diagnostic])?;
    }
    for target in targets {
        let shown = target.strip_prefix(project_dir).unwrap_or(&target).display();
        events.line(Level::Info, format!("Checking {shown}/*"));
        if target.is_dir() {
            fs_err::remove_dir_all(&target)?;
            events.line(Level::Info, format!("Cleaned {shown}/*"));
        }
    }
    events.line(Level::Info, "Finished cleaning all paths.");
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
