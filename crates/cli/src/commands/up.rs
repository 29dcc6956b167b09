//! `up`: everything a team needs in one process: lakehouse, scheduler, workers, outbox, API and pages.
//!
//! The order is that of trust: first what can refuse (ports, directory, database), then what moves. Stopping is the reverse: nothing new is claimed,
//! what runs is stopped in order and left for the next server, then the listeners close.

mod artifacts;
mod connector;
mod folder;
mod observed;
mod reconcilers;
mod warehouses;
mod warnings;

use std::{path::Path, sync::Arc};

use anyhow::{Context, anyhow, bail};
use notify::Notifier;
use scheduler::{
    Options, Scheduler, Server,
    clock::{Clock, SystemClock},
    outbox::Observed,
    settings::Settings as WorkspaceSettings,
    worker::{FromSettings, Prices, WorkerSettings, Workers, supervise::Supervisor},
};
use tokio_util::sync::CancellationToken;
use web::{App, AppOptions, TlsFiles, Tokens};

use self::{artifacts::StoredArtifacts, observed::Observability, reconcilers::Messages, warehouses::Connected};
use super::Outcome;
use crate::{
    args::server::UpArgs, environment::Environment, interrupt::on_interrupt, server, settings::Settings,
    terminal::Stream,
};

/// What git, Python and AWS need of this process's environment; nothing else reaches commands.
const INHERITED: [&str; 16] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "VIRTUAL_ENV",
];

/// Runs until it is told to stop.
///
/// # Errors
/// A port is in use, the directory is held, the database cannot be opened: nothing was started then.
pub async fn run(args: &UpArgs, settings: &Settings, environment: &Environment) -> anyhow::Result<Outcome> {
    warnings::write();
    let stop = on_interrupt();
    let say = |line: &str| Stream::Stderr.write_line(line);
    let directory =
        std::path::absolute(server::directory(&args.state, settings)).context("finding the state's folder")?;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate: certificate.clone(), key: key.clone() }),
        _ => None,
    };
    let bound = web::bind(args.listen, tls).await.map_err(|error| anyhow!("{error}\n  fix:   {}", error.fix()))?;
    let database = server::database(&args.state, &directory).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let is_loopback = bound.address.ip().is_loopback();
    if !is_loopback && !Tokens::new(database.clone()).any_valid(clock.now()).await? {
        bail!(
            "'{}' can be reached from elsewhere, and nobody has a token\n  \
             cause: only on loopback does the server trust whoever reaches it\n  \
             fix:   make one first: owlet token create NAME --role admin{}",
            bound.address,
            args.state.dir.as_ref().map(|dir| format!(" --dir {}", dir.display())).unwrap_or_default()
        );
    }
    let lakehouse = start_lakehouse(args, settings, &directory).await?;
    let keys = server::keys(&directory, environment)?;
    let workspace_settings = WorkspaceSettings::new(database.clone(), keys, Arc::clone(&clock));

    let host = host_name();
    let server = Server { host: host.clone(), pid: std::process::id(), version: env!("CARGO_PKG_VERSION").to_owned() };
    // What is wrong with the variables is said before anything runs; the workspace's name is known later.
    let observability = Observability::of(environment, "")?;
    observability.warnings.iter().for_each(|warning| say(&format!("Warning: {warning}")));
    let observed = Observed { lineage: observability.lineage.is_some(), traces: observability.traces.is_some() };
    let options = Options { observed, ..Options::default() };
    let scheduler = Scheduler::open(database.clone(), Arc::clone(&clock), server, options)
        .await
        .map_err(|error| anyhow!("The scheduler cannot start\n  cause: {error}\n  fix:   {}", error.fix()))?;
    let storage = artifacts::open(args.artifacts.as_deref(), &directory, environment).await?;
    let public_url = args.public_url.clone().unwrap_or_else(|| format!("{}://{}", bound.scheme(), bound.address));
    let stopping = CancellationToken::new();
    let warehouses = Arc::new(Connected::new(lakehouse.services.clone(), environment.clone()));
    let notifier = Notifier::new().map_err(|error| anyhow!("Notifications cannot be sent\n  cause: {error}"))?;
    let (request_traces, export) = match observability.traces {
        Some(traces) => {
            let (gathered, export) = web::request_traces(traces.server, traces.resource, notifier.clone());
            (Some(gathered), Some(export))
        }
        None => (None, None),
    };
    let app = App::open(AppOptions {
        scheduler: scheduler.clone(),
        settings: workspace_settings.clone(),
        connector: Arc::clone(&warehouses) as _,
        notifier: notifier.clone(),
        artifacts: Arc::new(StoredArtifacts(storage.clone())),
        trust_loopback: is_loopback,
        webhook_secret: environment.get("OWLET_WEBHOOK_SECRET").map(str::to_owned),
        public_url: public_url.clone(),
        request_traces,
        stopping: stopping.clone(),
    })
    .await?;
    let workspace = app.workspace().clone();

    let owlet = std::env::current_exe().context("finding this program's file")?;
    let inherited = INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), environment.get(name)?.to_owned())));
    let aws = environment.all().iter().filter(|(name, _)| name.starts_with("AWS_"));
    let worker_settings = WorkerSettings {
        directory: directory.clone(),
        supervisor: Supervisor { command: vec![owlet.clone().into(), "exec-supervised".into()] },
        owlet,
        host,
        inherited: inherited.chain(aws.map(|(name, value)| (name.clone(), value.clone()))).collect(),
        lakehouse: lakehouse.served.clone(),
        artifacts: storage.clone(),
        prices: Prices::default(),
        left_queries: args.left_queries.into(),
        grace: std::time::Duration::from_secs(20),
        git: scheduler::worker::checkout::Limits::default(),
        max_runs: usize::from(args.max_runs),
    };
    let configurations =
        Arc::new(FromSettings { settings: workspace_settings.clone(), workspace_name: workspace.name.clone() });
    let workers = Workers::new(scheduler.clone(), worker_settings, configurations, warehouses);

    say(&format!("Owlet serves {public_url}"));
    say(&format!("  GraphQL API: {public_url}/api/v1/{}/graphql", workspace.uid));
    say(&format!("  state: {}", database.name()));
    folder::make_environment(&workspace_settings, settings).await?;
    let observability = Observability::of(environment, &workspace.name)?;
    let messages = Messages { notifier, workspace: &workspace, public_url: &public_url, observability };
    let kept = (storage, args.retention.into());
    let mut tasks = reconcilers::start(&scheduler, &workers, &workspace_settings, messages, kept, &stop);
    match settings.project_dir.clone() {
        _ if args.no_deploy => {}
        Some(project) => drop(tasks.spawn(folder::keep_deployed(project, scheduler.clone(), stop.clone()))),
        None => folder::warn_of_no_project(Path::new(".")),
    }
    // Until the last answers are given.
    let traced = CancellationToken::new();
    let tracing = export.map(|export| tokio::spawn(export.run(traced.clone())));
    let served = tokio::spawn(web::serve(bound, web::router(app), stopping.clone().cancelled_owned()));

    // Until told to stop; then runs end first, so that their ends are still written and seen.
    workers.run(stop.clone()).await;
    say("The runs of this server have stopped; what was not finished goes on with the next server");
    scheduler.stopped().await.map_err(|error| anyhow!("{error}"))?;
    stopping.cancel();
    while tasks.join_next().await.is_some() {}
    served
        .await
        .context("waiting for the last answers")?
        .map_err(|error| anyhow!("{error}\n  fix:   {}", error.fix()))?;
    traced.cancel();
    if let Some(tracing) = tracing {
        tracing.await.context("waiting for the last spans")?;
    }
    lakehouse.close().await?;
    database.close().await;
    say("Stopped");
    Ok(Outcome::Success)
}

/// As rows and pages have it.
fn host_name() -> String {
    let name = fs_err::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs_err::read_to_string("/etc/hostname"));
    name.map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}

/// The lakehouse of this server, if this build has one.
struct Lake {
    served: scheduler::worker::environment::ServedLakehouse,
    services: Option<athena_api::Services>,
    #[cfg(feature = "lakehouse")]
    closing: CancellationToken,
    #[cfg(feature = "lakehouse")]
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Lake {
    async fn close(self) -> anyhow::Result<()> {
        #[cfg(feature = "lakehouse")]
        {
            self.closing.cancel();
            self.task.await.context("waiting for the lakehouse to close")??;
        }
        Ok(())
    }
}

#[cfg(feature = "lakehouse")]
async fn start_lakehouse(args: &UpArgs, settings: &Settings, directory: &Path) -> anyhow::Result<Lake> {
    let mounts = match &settings.project_dir {
        Some(project) => crate::owlet_yml::OwletYml::load(project)?.mounts,
        None => Vec::new(),
    };
    let started = crate::lakehouse::start(directory, args.lake_listen, mounts, "--lake-listen").await?;
    Stream::Stderr.write_line(&format!("Athena, Glue and S3 of {} at {}", directory.display(), started.endpoint));
    let served = scheduler::worker::environment::ServedLakehouse {
        directory: Some(directory.to_owned()),
        endpoint: Some(started.endpoint.clone()),
    };
    let services = Some(started.services());
    // Its clients are the runs: it closes when they have ended.
    let closing = CancellationToken::new();
    let task = tokio::spawn(started.serve(closing.clone()));
    Ok(Lake { served, services, closing, task })
}

#[cfg(not(feature = "lakehouse"))]
async fn start_lakehouse(_: &UpArgs, _: &Settings, _: &Path) -> anyhow::Result<Lake> {
    Stream::Stderr.write_line("This build has no lakehouse: schedules need a connection to AWS");
    Ok(Lake { served: scheduler::worker::environment::ServedLakehouse::default(), services: None })
}
