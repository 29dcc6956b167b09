//! One attempt of a run, from its claim to its end: checkout, environment, packages, then the commands in order.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value as Json;
use vault::Masker;

use super::{
    Inner,
    artifacts::{self, Artifacts},
    checkout::{Fault, Reference, Source, WorkingCopy},
    configuration::Configuration,
    control::{Control, Halt},
    engine,
    environment::{self, Places, RunEnvironment},
    failure::{self, Failed},
    logs::{FLUSH, LogWriter},
    owner::{Begun, Done, Gone, Owner},
    queries::{self, JournalReader},
    state,
    supervise::{Ended, Frame, Order, Why},
    words,
};
use crate::model::{Code, ErrorClass, Outcome, Run, RunCommand, RunState};

/// Between two looks at a journal.
const JOURNAL: Duration = Duration::from_secs(1);
/// The working copy, in the run's folder.
pub(super) const CODE: &str = "code";
/// The first command's position; the schedule's own begin behind checkout and packages.
const CHECKOUT: i64 = 1;
const DEPS: i64 = 2;
const FIRST_COMMAND: i64 = 3;

/// An attempt under way.
pub(super) struct Attempt {
    pub(super) worker: Arc<Inner>,
    pub(super) owner: Owner,
    pub(super) run: Run,
    pub(super) control: Arc<Control>,
    /// All files of the attempt.
    pub(super) folder: PathBuf,
}

/// Why an attempt does not go on.
enum Break {
    /// It is over.
    Ended(Outcome),
    /// It is halted, or its lease is gone.
    Halted,
}

impl From<Gone> for Break {
    fn from(_: Gone) -> Self {
        Self::Halted
    }
}

/// What a command that was run came to.
struct Finished {
    ended: Ended,
    class: Option<ErrorClass>,
}

/// What the commands of a run share.
struct Ground {
    places: Places,
    environment: RunEnvironment,
    token_seed: String,
}

impl Attempt {
    /// Runs to the end. `None`: the lease is not ours any more, or the server ends; then nothing may be finished.
    pub(super) async fn execute(mut self) -> Option<Outcome> {
        let outcome = match self.all_commands().await {
            Ok(outcome) | Err(Break::Ended(outcome)) => outcome,
            Err(Break::Halted) => Outcome::success(),
        };
        let outcome = match self.control.halt_reason() {
            None => Some(outcome),
            Some(Halt::Stop { cause, reason }) => Some(cause.outcome(reason)),
            Some(Halt::Lost | Halt::Shutdown) => None,
        };
        if outcome.is_some()
            && let Err(error) = super::checkout::remove(&self.folder).await
        {
            tracing::warn!("run {}: its folder cannot be removed: {error}", self.run.id);
        }
        outcome
    }

    async fn all_commands(&mut self) -> Result<Outcome, Break> {
        let configuration = match self.worker.configurations.of(&self.run).await {
            Ok(configuration) => configuration,
            Err(error) => return Err(Break::Ended(Outcome::error(error.class, error.message))),
        };
        let masker = environment::secrets(&configuration, &self.worker.settings.inherited).masker;
        let copy = self.check_out(&configuration, &masker).await?;
        let project = copy.directory.join(&configuration.environment.project_dir);
        let ground = self.prepare(&configuration, project).await?;
        self.install_packages(&ground).await?;
        self.commands(&ground).await
    }

    /// Command 1.
    async fn check_out(&mut self, configuration: &Configuration, masker: &Masker) -> Result<WorkingCopy, Break> {
        let (source, reference) = wanted(&self.run, configuration);
        let text = match &source {
            Source::Folder(path) => format!("copy {}", path.display()),
            Source::Repository { url, .. } => {
                let what = reference.name.as_ref().map(|name| format!(" --branch {name}")).unwrap_or_default();
                format!("git clone{what} {}", super::checkout::shown(url))
            }
        };
        let command = self.begin(CHECKOUT, "checkout", &text, false).await?;
        let mut log = LogWriter::new(command, masker, 0);
        let said: Mutex<Vec<String>> = Mutex::default();
        let say = |line: String| said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        let to = self.folder.join(CODE);
        let copied = {
            let copying = self.worker.checkouts.check_out(&source, &reference, &to, &say, self.control.token());
            tokio::pin!(copying);
            loop {
                let copied = tokio::time::timeout(FLUSH, &mut copying).await;
                for line in std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner)) {
                    log.say(&line);
                }
                match copied {
                    Ok(copied) => break copied,
                    // A failing database is tried again with the next line.
                    Err(_) => drop(log.flush(&self.owner).await),
                }
            }
        };
        if let Err(error) = &copied {
            log.complain(&format!("{error}\n  fix: {}", error.fix()));
        }
        self.close_log(&mut log, masker).await?;
        let (state, return_code) = match &copied {
            Ok(_) => (RunState::Success, 0),
            Err(error) if error.fault() == Fault::Cancelled => (RunState::Canceled, 130),
            Err(_) => (RunState::Error, 1),
        };
        self.owner.end(command, Done { state, return_code }).await?;
        let copy = copied.map_err(|error| match error.fault() {
            Fault::Cancelled => Break::Halted,
            Fault::Configuration => Break::Ended(Outcome::error(ErrorClass::Configuration, error.to_string())),
            Fault::Infrastructure => Break::Ended(Outcome::error(ErrorClass::Infrastructure, error.to_string())),
        })?;
        let commit = copy.commit.clone();
        let (scheduler, lease) = (self.owner.scheduler.clone(), self.owner.lease);
        let is_ours = self.owner.insist(|| scheduler.running(lease, commit.as_deref())).await?;
        if !is_ours {
            self.control.halt(Halt::Lost);
            return Err(Break::Halted);
        }
        self.run.commit_hash = commit.or(self.run.commit_hash.take());
        if self.run.branch.is_none() {
            self.run.branch.clone_from(&copy.branch);
        }
        Ok(copy)
    }

    /// Environment, profile and state.
    async fn prepare(&self, configuration: &Configuration, project: PathBuf) -> Result<Ground, Break> {
        let infrastructure = |message: String| Break::Ended(Outcome::error(ErrorClass::Infrastructure, message));
        if !project.is_dir() {
            let message = format!(
                "the code has no folder '{}'; correct the environment's project folder",
                configuration.environment.project_dir
            );
            return Err(Break::Ended(Outcome::error(ErrorClass::Configuration, message)));
        }
        let places = Places { project, folder: self.folder.clone() };
        let settings = &self.worker.settings;
        let made = environment::make(&self.run, configuration, &settings.inherited, &settings.lakehouse, &places);
        let mut environment = made.map_err(|error| match error {
            environment::EnvironmentError::Io(_) => infrastructure(error.to_string()),
            environment::EnvironmentError::NoProfile { .. } | environment::EnvironmentError::NoConnection { .. } => {
                Break::Ended(Outcome::error(ErrorClass::Configuration, format!("{error}; {}", error.fix())))
            }
        })?;
        let scheduler = &self.owner.scheduler;
        let token_seed = self.owner.insist(|| state::token_seed(scheduler, &self.run)).await?;
        if let Some(defer) = &self.run.spec.defer_to {
            let found = self.owner.insist(|| state::deferred(scheduler, defer, &self.run)).await?;
            let Some(found) = found else {
                let of = defer.schedule.as_ref().or(defer.environment.as_ref()).cloned().unwrap_or_default();
                let message = format!(
                    "there is no state to defer to: no run of '{of}' has left a manifest.json yet; run it first"
                );
                return Err(Break::Ended(Outcome::error(ErrorClass::Configuration, message)));
            };
            let folder = self.folder.join("state");
            let restored = artifacts::restore(&settings.artifacts, &found.artifacts, &folder).await;
            restored
                .map_err(|error| infrastructure(format!("the state of run {} cannot be had: {error}", found.run_id)))?;
            // As the flags --state and --defer, for each command that knows them.
            environment.variables.insert("DBT_STATE".to_owned(), folder.display().to_string());
            environment.variables.insert("DBT_DEFER".to_owned(), "true".to_owned());
            environment.variables.insert("OWLET_DEFERRED_RUN_ID".to_owned(), found.run_id.to_string());
        }
        Ok(Ground { places, environment, token_seed })
    }

    /// Command 2. Its failure is the platform's: nothing of the user's has run.
    async fn install_packages(&self, ground: &Ground) -> Result<(), Break> {
        let command = self.begin(DEPS, "deps", "dbt deps", false).await?;
        let has_project = ground.places.project.join("dbt_project.yml").is_file();
        if !has_project {
            let mut log = LogWriter::new(command, &ground.environment.secrets.masker, 0);
            log.say("There is no dbt_project.yml here: no packages to install.");
            self.close_log(&mut log, &ground.environment.secrets.masker).await?;
            return Ok(self.owner.end(command, Done { state: RunState::Success, return_code: 0 }).await?);
        }
        let line = RunCommand::new("dbt deps");
        let finished = self.run_line(ground, command, DEPS, &line).await?;
        match finished.class {
            None => Ok(()),
            Some(class) => {
                let class = if class == ErrorClass::Command { ErrorClass::Configuration } else { class };
                let reason = format!("`dbt deps` {}", described(&finished.ended.why));
                Err(Break::Ended(Outcome::error(class, reason)))
            }
        }
    }

    async fn commands(&self, ground: &Ground) -> Result<Outcome, Break> {
        let commands = &self.run.spec.commands;
        let mut first_failure: Option<Outcome> = None;
        for (index, line) in commands.iter().enumerate() {
            let position = FIRST_COMMAND + i64::try_from(index).unwrap_or(i64::MAX - FIRST_COMMAND);
            let command = self.begin(position, "command", &line.text, line.continue_on_error).await?;
            let finished = self.run_line(ground, command, position, line).await?;
            let Some(class) = finished.class else { continue };
            let reason =
                format!("command {} `{}` {}", index + 1, words::in_short(&line.text), described(&finished.ended.why));
            let outcome = Outcome::failed(class, ground.environment.secrets.masker.mask(&reason));
            let next = commands.get(index + 1).map(|next| next.text.as_str());
            let goes_on = line.continue_on_error || next.is_some_and(|next| goes_on_to(&line.text, next));
            let outcome = first_failure.get_or_insert(outcome);
            if !goes_on {
                return Ok(outcome.clone());
            }
        }
        Ok(first_failure.unwrap_or_else(Outcome::success))
    }

    async fn begin(
        &self,
        position: i64,
        kind: &'static str,
        text: &str,
        continue_on_error: bool,
    ) -> Result<i64, Break> {
        if self.control.halt_reason().is_some() {
            return Err(Break::Halted);
        }
        let host = &self.worker.settings.host;
        let directory = &self.folder.join(CODE);
        Ok(self.owner.begin(&Begun { position, kind, text, continue_on_error, host, directory }).await?)
    }

    /// One line, from its row to its end, its log and its artifacts.
    async fn run_line(
        &self,
        ground: &Ground,
        command: i64,
        position: i64,
        line: &RunCommand,
    ) -> Result<Finished, Break> {
        let secrets = &ground.environment.secrets;
        let masker = &secrets.masker;
        let mut log = LogWriter::new(command, masker, 0);
        let folder = self.folder.join("commands").join(position.to_string());
        let prepared = match self.order(ground, position, line, &folder) {
            Ok(order) => self.put_results_back(ground, line, &order.words).await.map(|()| order),
            Err(problem) => Err(problem),
        };
        let (ended, run_results) = match prepared {
            Ok(order) => {
                let project = &ground.places.project;
                let targets = environment::target_folders(project, &ground.environment.variables, &order.words);
                let mut artifacts = Artifacts::default();
                artifacts.look(project, &targets);
                let ended = self.supervised(&order, command, &mut log).await?;
                let storage = &self.worker.settings.artifacts;
                let place = (project.as_path(), targets.as_slice());
                let mut complain = |line: String| log.complain(&line);
                let stored = artifacts.collect(&self.owner, storage, secrets, command, place, &mut complain).await?;
                let is_new = stored.iter().any(|path| path.ends_with("/run_results.json"));
                let path = targets.first().map(|target| target.join("run_results.json")).filter(|_| is_new);
                (ended, path.and_then(|path| read_json(&path)))
            }
            Err(problem) => (Ended { why: Why::NotStarted(problem), stopped: false, server_gone: false }, None),
        };
        if let Why::NotStarted(message) = &ended.why {
            log.complain(message);
        }
        self.close_log(&mut log, masker).await?;
        let is_success = ended.why == Why::Exited(0) && !ended.stopped;
        let class = (!is_success).then(|| {
            failure::class_of(&Failed {
                why: &ended.why,
                run_results: run_results.as_ref(),
                last_lines: log.last_lines(),
            })
        });
        let done = match (&ended, is_success) {
            (_, true) => Done { state: RunState::Success, return_code: 0 },
            (Ended { stopped: true, .. }, _) => Done { state: RunState::Canceled, return_code: 130 },
            (Ended { why: Why::Lost, .. }, _) => Done { state: RunState::Error, return_code: ended.why.return_code() },
            _ => Done { state: RunState::Failed, return_code: ended.why.return_code() },
        };
        self.owner.end(command, done).await?;
        if self.control.halt_reason().is_some() {
            return Err(Break::Halted);
        }
        Ok(Finished { ended, class })
    }

    /// What the supervisor is told.
    fn order(&self, ground: &Ground, position: i64, line: &RunCommand, folder: &Path) -> Result<Order, String> {
        let mut variables = ground.environment.variables.clone();
        let lookup = |name: &str| variables.get(name).cloned();
        let parsed = words::split(&line.text, &lookup).map_err(|error| format!("{error}\n  fix: {}", error.fix()))?;
        let settings = &self.worker.settings;
        let program = engine::choose(parsed.words, &self.run.spec, &settings.owlet)?;
        fs_err::create_dir_all(folder).map_err(|error| error.to_string())?;
        variables.insert("OWLET_QUERY_JOURNAL".to_owned(), journal_of(folder).display().to_string());
        // Counted from the end, as the commands of a later attempt are the last ones of this.
        let total = FIRST_COMMAND + i64::try_from(self.run.spec.commands.len()).unwrap_or(0);
        let seed = format!("{}/{}/{}", ground.token_seed, total - position, line.text);
        variables.insert("OWLET_RUN_TOKEN_SEED".to_owned(), seed);
        variables.extend(parsed.assignments);
        let lease = self.owner.scheduler.options().lease;
        Ok(Order {
            words: program.words,
            directory: ground.places.project.clone(),
            environment: variables.into_iter().collect(),
            stop_with: program.stop_with,
            grace: settings.grace,
            // Others take the run over after the whole lease; by then nothing of it may run.
            grace_without_server: (lease / 6).min(settings.grace),
            lease: Some(lease * 2 / 3),
            max_line_in_bytes: 64 << 10,
            folder: folder.to_owned(),
        })
    }

    /// For `dbt retry`: what the command that it goes on from left.
    async fn put_results_back(&self, ground: &Ground, line: &RunCommand, words: &[String]) -> Result<(), String> {
        let Some(command) = line.retry_of else { return Ok(()) };
        let found = self.owner.insist(|| state::of_command(&self.owner.scheduler, command)).await;
        let found = found.map_err(|_| "the lease was lost".to_owned())?;
        let targets = environment::target_folders(&ground.places.project, &ground.environment.variables, words);
        let target = targets.first().cloned().unwrap_or_else(|| ground.places.project.join("target"));
        let restored = artifacts::restore(&self.worker.settings.artifacts, &found, &target).await;
        restored.map_err(|error| format!("the results of the command that failed cannot be had: {error}"))
    }

    /// Runs under the supervisor; lines go to the log, queries to their table, while it runs.
    async fn supervised(&self, order: &Order, command: i64, log: &mut LogWriter) -> Result<Ended, Break> {
        let started = self.worker.settings.supervisor.start(order).await;
        let mut supervised = match started {
            Ok(supervised) => supervised,
            Err(error) => {
                log.complain(&error.to_string());
                return Ok(Ended { why: Why::Lost, stopped: false, server_gone: false });
            }
        };
        self.control.command(Some(supervised.words()));
        let mut journal = JournalReader::new(&journal_of(&order.folder));
        let mut look = tokio::time::interval(FLUSH);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looked = tokio::time::Instant::now();
        let result = loop {
            tokio::select! {
                frame = supervised.next() => match frame {
                    Some(Frame::Line { stream, bytes }) => {
                        log.push(stream, &bytes);
                        if log.is_full() && self.write_log(log).await.is_err() {
                            break Err(Break::Halted);
                        }
                    }
                    Some(Frame::Started(group)) => {
                        let directory = order.directory.display().to_string();
                        if self.owner.has_process(command, group.id, &directory).await.is_err() {
                            break Err(Break::Halted);
                        }
                    }
                    Some(Frame::Ended(ended)) => break Ok(ended),
                    None => break Ok(Ended { why: Why::Lost, stopped: false, server_gone: false }),
                },
                _ = look.tick() => {
                    if log.is_waiting() && self.write_log(log).await.is_err() {
                        break Err(Break::Halted);
                    }
                    if looked.elapsed() >= JOURNAL {
                        looked = tokio::time::Instant::now();
                        let entries = journal.read();
                        if queries::write(&self.owner, command, &entries, &self.worker.settings.prices).await.is_err() {
                            break Err(Break::Halted);
                        }
                    }
                }
            }
        };
        self.control.command(None);
        if result.is_err() {
            // Without its server's word the command ends by itself; here that word is the end of the pipe.
            self.control.halt(Halt::Lost);
            drop(supervised);
            return result;
        }
        queries::write(&self.owner, command, &journal.read(), &self.worker.settings.prices).await?;
        result
    }

    async fn write_log(&self, log: &mut LogWriter) -> Result<(), Gone> {
        loop {
            match log.flush(&self.owner).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    if self.owner.scheduler.must_stop(self.owner.lease) {
                        return Err(Gone);
                    }
                    tracing::warn!("run {}: {error}; trying again", self.run.id);
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    async fn close_log(&self, log: &mut LogWriter, masker: &Masker) -> Result<(), Gone> {
        log.end(masker);
        self.write_log(log).await
    }
}

/// Where the code of a run is, and which of it.
pub(super) fn wanted(run: &Run, configuration: &Configuration) -> (Source, Reference) {
    let number = run.pull_request.as_deref().and_then(|number| number.parse().ok());
    let mut reference = Reference { name: run.branch.clone(), pull_request: number, commit: run.commit_hash.clone() };
    match &configuration.environment.code {
        Code::Local { path } => {
            let path = PathBuf::from(path);
            let is_repository =
                path.join(".git").exists() || (path.join("HEAD").is_file() && path.join("objects").is_dir());
            if !is_repository {
                return (Source::Folder(path), reference);
            }
            let url = path.display().to_string();
            (Source::Repository { url, credentials: super::checkout::Credentials::Host }, reference)
        }
        Code::Git { url, branch, .. } => {
            reference.name = reference.name.or_else(|| branch.clone());
            (Source::Repository { url: url.clone(), credentials: configuration.credentials(url) }, reference)
        }
    }
}

/// Where a command notes its queries.
pub(super) fn journal_of(folder: &Path) -> PathBuf {
    folder.join("queries.jsonl")
}

fn read_json(path: &Path) -> Option<Json> {
    serde_json::from_slice(&fs_err::read(path).ok()?).ok()
}

/// How a command ended, for people.
pub(super) fn described(why: &Why) -> String {
    match why {
        Why::Exited(code) => format!("exited with {code}"),
        Why::Signaled(9) => "was killed (signal 9), most often for lack of memory".to_owned(),
        Why::Signaled(signal) => format!("was ended by signal {signal}"),
        Why::NotStarted(message) => format!("could not be started: {message}"),
        Why::Lost => "lost its supervisor".to_owned(),
    }
}

/// The commands after a failure that run all the same.
///
/// Source: Paradime documentation, "Command Settings": `dbt source freshness` before a command that selects `source_status:fresher`, and an
/// Elementary call.
fn goes_on_to(failed: &str, next: &str) -> bool {
    let words: Vec<&str> = failed.split_whitespace().collect();
    let is_freshness = matches!(words.as_slice(), ["dbt" | "owlet", rest @ ..]
        if rest.windows(2).any(|pair| pair[0] == "source" && matches!(pair[1], "freshness" | "snapshot-freshness")));
    let next_program = next.split_whitespace().next().unwrap_or_default();
    is_freshness && next.contains("source_status:fresher") || next_program == "edr"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_sources_do_not_keep_fresher_ones_from_being_built() {
        let build = "dbt build --select source_status:fresher+";
        assert!(goes_on_to("dbt source freshness", build));
        assert!(goes_on_to("dbt --no-use-colors source freshness -s a", build));
        assert!(!goes_on_to("dbt source freshness", "dbt build"));
        assert!(!goes_on_to("dbt test", build));
        assert!(goes_on_to("dbt test", "edr monitor"));
    }
}
