//! `deps`: packages that lie on this machine.

use engine::{context::YamlContext, events::Level};
use project::{DbtProject, install_local_packages};

use super::Outcome;
use crate::{
    environment::Environment,
    session::{Opening, report},
    settings::Settings,
};

/// Installs the packages. Needs neither a profile nor, of course, the packages: it reads dbt_project.yml and packages.yml alone.
pub fn run(opening: &Opening, settings: &Settings, environment: &Environment) -> anyhow::Result<Outcome> {
    let events = &opening.events;
    let environment = environment.clone();
    let lookup = std::sync::Arc::new(move |name: &str| environment.get(name).map(str::to_owned));
    let renderer = YamlContext::for_profiles(lookup, settings.vars.clone());
    let (root, diagnostics) = DbtProject::load(settings.need_project()?, "", &renderer);
    let Some(root) = root else {
        report(events, settings, diagnostics)?;
        anyhow::bail!("dbt_project.yml could not be read");
    };
    let installed = match install_local_packages(&root, &renderer) {
        Ok(installed) => installed,
        Err(diagnostics) => {
            report(events, settings, diagnostics)?;
            Vec::new()
        }
    };
    if installed.is_empty() {
        events.line(Level::Info, "No packages were found in packages.yml");
    }
    for package in installed {
        events.line(Level::Info, format!("Installing {}", package.path));
        events.line(Level::Info, format!("  Installed from <local @ {}> as {}", package.path, package.name));
    }
    Ok(Outcome::Success)
}
