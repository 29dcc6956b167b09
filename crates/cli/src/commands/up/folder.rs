//! The project in whose folder the server was started: its environment, and its schedules, deployed whenever their files change.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use diagnostic::Severity;
use scheduler::{
    Scheduler,
    model::{Actor, Code, Environment},
    request::{ChangeKind, Deploy},
    settings::Settings as WorkspaceSettings,
};
use schedules::{Known, read_files, verify};
use tokio_util::sync::CancellationToken;

use crate::{commands::bolt::waits, settings::Settings, terminal::Stream};

/// The environment that schedules of the folder name.
const SLUG: &str = "production";
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Makes the environment of the folder's project if there is none at all.
pub async fn make_environment(workspace: &WorkspaceSettings, settings: &Settings) -> anyhow::Result<()> {
    let explained = |error: scheduler::settings::SettingsError| {
        anyhow::anyhow!("Setting up the environment '{SLUG}' failed\n  cause: {error}")
    };
    let Some(project) = &settings.project_dir else { return Ok(()) };
    if !workspace.environments().await.map_err(explained)?.is_empty() {
        return Ok(());
    }
    let mut environment = Environment::new(Code::Local { path: project.display().to_string() });
    if let Some(target) = &settings.target {
        environment.target.clone_from(target);
    }
    workspace
        .set_environment(SLUG, "Production", true, &environment, &Actor::system("owlet up"))
        .await
        .map_err(explained)?;
    Stream::Stderr.write_line(&format!("  environment '{SLUG}': the code in {}", project.display()));
    Ok(())
}

/// Schedules without a project beside them are not deployed, which nobody would notice otherwise.
pub fn warn_of_no_project(folder: &Path) {
    if read_files(folder).is_ok_and(|files| !files.is_empty()) {
        Stream::Stderr.write_line(
            "Warning: the schedules of this folder are not deployed: there is no dbt_project.yml here or above\n  \
             fix:   start the server in the project's folder, or deploy them: owlet bolt deploy --path .",
        );
    }
}

/// Deploys the folder's schedules, now and whenever their files change, until `stop`. Files with mistakes change nothing; the mistakes are shown.
pub async fn keep_deployed(project: PathBuf, scheduler: Scheduler, stop: CancellationToken) {
    let mut seen: Option<Vec<(String, String)>> = None;
    while !stop.is_cancelled() {
        match read_files(&project) {
            Ok(files) => {
                let texts = files.iter().map(|file| (file.file.clone(), file.text.to_string())).collect::<Vec<_>>();
                // A folder that never had schedules is no order to delete those of others.
                let is_news = seen.as_ref().map_or(!texts.is_empty(), |seen| *seen != texts);
                if is_news && deploy(&scheduler, &files).await {
                    seen = Some(texts);
                }
            }
            Err(error) => tracing::warn!(%error, "the schedules of the project cannot be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Whether these files need no second look: they were deployed, or have mistakes that were shown.
async fn deploy(scheduler: &Scheduler, files: &[project::SourceText]) -> bool {
    let say = |line: &str| Stream::Stderr.write_line(line);
    let verification = verify(files, &Known::default());
    let errors: Vec<_> = verification
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    if !errors.is_empty() {
        say(&format!("The schedules have mistakes; nothing was deployed\n{}", errors.join("\n")));
        return true;
    }
    let deploy = Deploy {
        schedules: verification.schedules.into_iter().map(|declared| declared.schedule).collect(),
        source: "yaml".to_owned(),
        actor: Actor::system("owlet up"),
        is_dry_run: false,
    };
    match scheduler.deploy(deploy).await {
        Ok(diff) => {
            say(&format!("Schedules: {} changed, {} as they were", diff.changes.len(), diff.unchanged));
            for change in &diff.changes {
                if let Some(line) = waits(change.kind == ChangeKind::Delete, &change.waiting) {
                    say(&format!("  {}\n{line}", change.slug));
                }
            }
            true
        }
        Err(error) if error.is_transient() => {
            tracing::warn!(%error, "the schedules could not be deployed");
            false
        }
        Err(error) => {
            say(&format!("The schedules were not deployed\n  cause: {error}\n  fix:   {}", error.fix()));
            true
        }
    }
}
