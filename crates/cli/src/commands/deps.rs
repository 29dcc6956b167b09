//! `deps`: packages that lie on this machine.

use engine::{context::YamlContext, events::Level};
use project::install_local_packages;

use super::Outcome;
use crate::session::Session;

/// Installs the packages.
pub fn run(session: &Session) -> anyhow::Result<Outcome> {
    let environment = session.environment.clone();
    let lookup = std::sync::Arc::new(move |name: &str| environment.get(name).map(str::to_owned));
    let renderer = YamlContext::for_profiles(lookup, session.settings.vars.clone());
    let installed = match install_local_packages(&session.project.root, &renderer) {
        Ok(installed) => installed,
        Err(diagnostics) => {
            session.report(diagnostics)?;
            Vec::new()
        }
    };
    if installed.is_empty() {
        session.events.line(Level::Info, "No packages were found in packages.yml");
    }
    for package in installed {
        session.events.line(Level::Info, format!("Installing {}", package.path));
        session.events.line(Level::Info, format!("  Installed from <local @ {}> as {}", package.path, package.name));
    }
    Ok(Outcome::Success)
}
