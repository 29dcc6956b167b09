//! `deps`: what packages.yml asks for.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use diagnostic::{Diagnostic, Severity};
use engine::{
    context::YamlContext,
    events::{Event, Level},
};
use packages::{DEFAULT_HUB, DepsEvent, DepsOptions, Goal, Host, NewPackage, NewSource, Reporter, Secrets};

use super::{Outcome, Reported};
use crate::{
    args::{DepsArgs, PackageSource},
    environment::Environment,
    interrupt,
    session::Opening,
    settings::Settings,
    warnings::Treatment,
};

/// Installs the packages. Needs neither a profile nor, of course, the packages.
pub async fn run(
    args: &DepsArgs,
    opening: &Opening,
    settings: &Settings,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let options = DepsOptions {
        upgrade: args.upgrade,
        goal: match (args.dry_run, args.lock) {
            (true, _) => Goal::Tell,
            (_, true) => Goal::Lock,
            _ => Goal::Install,
        },
        add: args.add_package.as_deref().map(|package| new_package(package, args.source)).transpose()?,
        version_check: settings.version_check,
    };
    let lookup = {
        let environment = environment.clone();
        Arc::new(move |name: &str| environment.get(name).map(str::to_owned))
    };
    let renderer = YamlContext::for_profiles(lookup, settings.vars.clone()).of_invocation(opening.names(settings));
    let host = Host {
        renderer: &renderer,
        reporter: &Log { opening, settings },
        secrets: Secrets::new(secrets(environment)),
        hub_url: environment.setting("PACKAGE_HUB_URL").unwrap_or(DEFAULT_HUB).to_owned(),
        retry_pause: Duration::from_secs(1),
    };
    let installing = packages::install(settings.need_project()?, &options, &host);
    let interrupted = interrupt::on_interrupt();
    tokio::select! {
        done = installing => {
            if let Err(diagnostics) = done {
                opening.events.emit(Event::Failed { diagnostics });
                return Err(Reported.into());
            }
            Ok(Outcome::Success)
        }
        () = interrupted.cancelled() => {
            bail!("Interrupted\n  cause: Ctrl-C, or a signal to end\n  fix:   run `owlet deps` again; the packages that were installed before are still there")
        }
    }
}

fn secrets(environment: &Environment) -> impl Iterator<Item = String> {
    let is_secret = |name: &str| name.starts_with("DBT_ENV_SECRET");
    environment.all().iter().filter(move |(name, _)| is_secret(name)).map(|(_, value)| value.clone())
}

/// `dbt-labs/dbt_utils@1.3.0`. The `@` in `git@github.com:…` is none.
fn new_package(text: &str, source: PackageSource) -> anyhow::Result<NewPackage> {
    let is_version = |version: &str| !version.is_empty() && !version.contains(['/', ':']);
    let (name, version) = match text.rsplit_once('@') {
        Some((name, version)) if is_version(version) => (name, Some(version.to_owned())),
        _ => (text.trim_end_matches('@'), None),
    };
    let (source, word) = match source {
        PackageSource::Hub => (NewSource::Hub, "hub"),
        PackageSource::Git => (NewSource::Git, "git"),
        PackageSource::Local => (NewSource::Local, "local"),
    };
    if name.is_empty() {
        bail!(
            "--add-package needs a name\n  cause: it is '{text}'\n  fix:   write --add-package dbt-labs/dbt_utils@1.3.0"
        );
    }
    if version.is_none() && source != NewSource::Local {
        bail!(
            "Version is required in --add-package when a package when source is {word}\n  cause: '{text}' has none\n  fix:   write --add-package {name}@VERSION"
        );
    }
    Ok(NewPackage { name: name.to_owned(), version, source })
}

/// Lines and warnings of the invocation's log.
struct Log<'a> {
    opening: &'a Opening,
    settings: &'a Settings,
}

impl Reporter for Log<'_> {
    fn event(&self, event: DepsEvent) {
        let level = if matches!(event, DepsEvent::Debug(_)) { Level::Debug } else { Level::Info };
        self.opening.events.line(level, event.to_string());
    }

    fn warning(&self, name: &str, warning: Diagnostic) -> Result<(), Diagnostic> {
        match self.settings.warnings.treat(name) {
            Treatment::Error => return Err(Diagnostic { severity: Severity::Error, ..warning }),
            Treatment::Warn => {
                self.opening.events.emit(Event::Warning { name: name.to_owned(), diagnostic: warning });
            }
            Treatment::Silence => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_behind_the_last_at_sign() {
        let read = |text, source| new_package(text, source).map(|new| (new.name, new.version));
        let version = |name: &str, version: &str| (name.to_owned(), Some(version.to_owned()));
        assert_eq!(read("a/b@1.0.0", PackageSource::Hub).expect("read"), version("a/b", "1.0.0"));
        assert_eq!(read("a/b@>=1.0.0,<2.0.0", PackageSource::Hub).expect("read"), version("a/b", ">=1.0.0,<2.0.0"));
        assert_eq!(read("git@x.com:a/b.git@v1", PackageSource::Git).expect("read"), version("git@x.com:a/b.git", "v1"));
        assert_eq!(read("../b", PackageSource::Local).expect("read"), ("../b".to_owned(), None));
        assert!(read("git@x.com:a/b.git", PackageSource::Git).is_err());
        assert!(read("a/b", PackageSource::Hub).is_err());
    }
}
