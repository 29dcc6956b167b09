//! Runs `tests/cases/run*.case`: whole commands against the fake warehouse, with dbt's lines and what was sent.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
};

use engine::{
    Adapter, Compiler, Manifest,
    events::{Event, Events, Level, Listener, Record, json, text},
    run::{
        NodeResult, RunCommand, RunContext, RunOptions, RunResults,
        data_tests::TestConfig,
        event_time::{Window, parse_time},
        run,
    },
};
use graph::{IndirectSelection, SelectionContext, SelectionSpec};
use jinja::Value;
use names::UniqueId;
use testkit::{Case, Invocation, Section, read_cases};
use tokio_util::sync::CancellationToken;

#[test]
fn cases() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let cases = read_cases(&directory, &["run"]).expect("the cases can be read");
    assert!(!cases.is_empty(), "no cases in {}", directory.display());
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let failures: Vec<String> = cases.iter().filter_map(|case| check(case, update)).collect();
    assert!(failures.is_empty(), "{} of {} cases failed\n\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn check(case: &Case, update: bool) -> Option<String> {
    let directory = tempfile::tempdir().expect("a directory");
    case.write_files(directory.path()).expect("files can be written");
    if !directory.path().join("dbt_project.yml").exists() {
        fs_err::write(directory.path().join("dbt_project.yml"), "name: shop\nversion: '1.0'\n").expect("written");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let mut shop = Shop {
        invocation: Invocation::new(directory.path()),
        counts: HashMap::new(),
        project: directory.path().to_owned(),
    };
    let (mut outputs, mut failures) = (Vec::new(), Vec::new());
    for section in &case.sections {
        let Section::Command { command, expected } = section else { continue };
        let given = runtime.block_on(shop.command(command));
        if given != *expected {
            failures.push(format!("{}\n$ {command}\n--- expected\n{expected}--- given\n{given}", case.file.display()));
        }
        outputs.push(given);
    }
    if update {
        fs_err::write(&case.file, case.with_outputs(&outputs)).expect("the case can be written");
        return None;
    }
    (!failures.is_empty()).then(|| failures.join("\n"))
}

/// A project, a warehouse, and the counts that its tests will find.
struct Shop {
    invocation: Invocation,
    counts: HashMap<String, i64>,
    project: std::path::PathBuf,
}

impl Shop {
    /// `fail PART: MESSAGE` and `count TEST N` prepare the warehouse; everything else is a run.
    async fn command(&mut self, command: &str) -> String {
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        match word {
            "fail" => {
                let (part, message) = rest.split_once(": ").expect("PART: MESSAGE");
                self.invocation.adapter.fail(part, message);
                String::new()
            }
            "count" => {
                let (test, count) = rest.split_once(' ').expect("TEST N");
                self.counts.insert(test.to_owned(), count.parse().expect("a number"));
                String::new()
            }
            "cat" => match fs_err::read_to_string(self.project.join(rest)) {
                Ok(text) => format!("{}\n", text.trim_end()),
                Err(error) => format!("{error}\n"),
            },
            _ => self.run(word, rest).await,
        }
    }

    async fn run(&mut self, word: &str, flags: &str) -> String {
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let has = |flag: &str| flags.contains(&flag);
        for flag in ["full_refresh", "empty"] {
            let on = has(&format!("--{}", flag.replace('_', "-")));
            self.invocation.flags.insert(flag.to_owned(), on.into());
        }
        let (manifest, diagnostics) = self.invocation.parse();
        let mut errors = diagnostics.iter().filter(|found| found.severity == diagnostic::Severity::Error);
        assert!(errors.next().is_none(), "{diagnostics:?}");
        let manifest = manifest.expect("a manifest");
        let lines = Arc::new(Lines::default());
        let events = Events::new(Arc::new(Invocation::now), vec![Arc::clone(&lines) as Arc<dyn Listener>]);
        let adapter: Arc<dyn Adapter> = Arc::new(self.invocation.adapter.clone());
        let window = |flag: &str| {
            let mut words = flags.iter().skip_while(|word| **word != flag).skip(1);
            let mut time = || words.next().and_then(|word| parse_time(word));
            Some(Window { start: time()?, end: time()? })
        };
        let sample = window("--sample");
        let compiler = Compiler::new(manifest.clone(), self.invocation.host()).with_sample(sample);
        self.answer_tests(&manifest, &compiler).await;
        let ran = compiler.clone();
        let context = Arc::new(RunContext {
            compiler,
            adapter,
            events,
            cancel: CancellationToken::new(),
            project_dir: self.project.clone(),
            project_version: Some("1.0".to_owned()),
            target_dir: self.project.join("target"),
            options: RunOptions {
                command: match word {
                    "build" => RunCommand::Build,
                    "run" => RunCommand::Run,
                    "test" => RunCommand::Test,
                    "seed" => RunCommand::Seed,
                    "snapshot" => RunCommand::Snapshot,
                    "freshness" => RunCommand::Freshness,
                    other => panic!("unknown command {other}"),
                },
                threads: 1,
                fail_fast: has("--fail-fast"),
                full_refresh: has("--full-refresh"),
                empty: has("--empty"),
                store_failures: has("--store-failures"),
                warn_error: has("--warn-error"),
                event_time: window("--event-time"),
                sample,
                batches_end: Invocation::now(),
                project_hooks: true,
                batches: HashMap::new(),
                target_name: "dev".to_owned(),
            },
        });
        let select: Vec<String> =
            flags.iter().skip_while(|flag| **flag != "-s").skip(1).map(|word| (*word).to_owned()).collect();
        let (results, stopped) = match run(context, selected(&manifest, &select)).await {
            Ok(results) => (results, None),
            Err(error) => (RunResults::default(), Some(error.diagnostic())),
        };
        let mut shown = self.shown(&lines, &results, has("--sent"));
        if let Some(error) = stopped.as_ref().or(results.unrendered_hook.as_deref()) {
            shown.push_str(&format!("stopped: {error}\n"));
        }
        if has("--groups") {
            shown.extend(lines.groups.lock().expect("not poisoned").drain(..));
        }
        if has("--results") {
            shown.extend(lines.results.lock().expect("not poisoned").drain(..));
        }
        if has("--artifacts") {
            shown.extend(results.results.iter().map(|(_, result)| artifacts(&ran, result)));
        }
        shown
    }

    /// Every data test's query answers the count it was given, or 0.
    async fn answer_tests(&self, manifest: &Manifest, compiler: &Compiler) {
        let tests: Vec<_> =
            manifest.artifact().nodes.values().filter(|node| node.resource_type.as_str() == "test").cloned().collect();
        for node in tests {
            let (compiler, id) = (compiler.clone(), node.unique_id.clone());
            let compiled = tokio::task::spawn_blocking(move || compiler.compile(&id))
                .await
                .expect("no panic")
                .expect("it compiles");
            let config = node.config.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            let config = TestConfig::new(&config, false);
            let count = self.counts.get(&node.name).copied().unwrap_or_default();
            let row = vec![Value::Int(count), Value::Bool(count != 0), Value::Bool(count != 0)];
            let columns = [("failures", "bigint"), ("should_warn", "boolean"), ("should_error", "boolean")];
            self.invocation.adapter.answer(
                &config.counting_sql(&config.limited(compiled.sql.trim())),
                &columns,
                vec![row.clone()],
            );
            let stored = format!("select * from {}", node.relation());
            self.invocation.adapter.answer(&config.counting_sql(&stored), &columns, vec![row]);
        }
    }

    fn shown(&self, lines: &Lines, results: &RunResults, sent: bool) -> String {
        let mut text: String =
            lines.text.lock().expect("not poisoned").iter().map(|line| format!("{line}\n")).collect();
        if sent {
            for statement in self.invocation.adapter.statements() {
                text.push_str(&format!("sent: {}\n", statement.trim().replace('\n', "\n      ")));
            }
        }
        self.invocation.adapter.forget();
        text.push_str(&format!("success: {}\n", results.success()));
        text
    }
}

/// What manifest.json and run_results.json say of a node that ran.
fn artifacts(compiler: &Compiler, result: &NodeResult) -> String {
    let id = &result.unique_id;
    let manifest = compiler.artifact();
    let node = manifest.nodes.get(id);
    if let Some(index) = node.and_then(|node| node.index) {
        return format!("{id}: index {index}\n");
    }
    let path = node.and_then(|node| node.build_path.clone());
    let response = result.adapter_response.as_ref();
    let response = response.map(|response| (&response.message, &response.code, response.rows_affected));
    let failures = result.failures.map_or_else(String::new, |failures| format!(" failures {failures}"));
    format!("{id}: {} {response:?}{failures}\n", path.unwrap_or_default())
}

fn selected(manifest: &Manifest, select: &[String]) -> Vec<UniqueId> {
    let graph = engine::run::project_graph(manifest).expect("no cycle");
    let spec = SelectionSpec::from_arguments(select, &[], IndirectSelection::Eager).expect("valid");
    graph.select(&spec, &SelectionContext::new(manifest.root_package())).expect("selected").ids
}

/// dbt's lines, without dots and durations.
#[derive(Default)]
struct Lines {
    text: Mutex<Vec<String>>,
    /// What the JSON log says of groups.
    groups: Mutex<Vec<String>>,
    /// What it says of seeds, snapshots and stored failures.
    results: Mutex<Vec<String>>,
}

impl Listener for Lines {
    fn hear(&self, record: &Record) {
        let invocation =
            json::Invocation { invocation_id: String::new(), pid: 1, extra: indexmap::IndexMap::default() };
        for line in json::lines(record, &invocation, Level::Debug) {
            let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
            let name = line["info"]["name"].as_str().unwrap_or_default();
            if matches!(name, "LogSeedResult" | "LogSnapshotResult" | "CheckNodeTestFailure") {
                let mut data = line["data"].clone();
                let told = ["status", "result_message", "relation", "relation_name"];
                data.as_object_mut().expect("an object").retain(|key, _| told.contains(&key.as_str()));
                self.results.lock().expect("not poisoned").push(format!("{name} {data}\n"));
            }
            if let Some(group) = line["data"].get("group") {
                let (name, node) = (&line["info"]["name"], &line["data"]["node_info"]["node_name"]);
                self.groups.lock().expect("not poisoned").push(format!("{name} {node} {group}\n"));
            }
        }
        if matches!(record.event, Event::Statement { .. } | Event::FinishedRunning { .. } | Event::Concurrency { .. }) {
            return;
        }
        let Some(message) = text::message(&record.event, text::Layout { printer_width: 0, colors: false }) else {
            return;
        };
        let message = match message.rsplit_once(" in ") {
            Some((before, after)) if after.ends_with("s]") && !message.contains('\n') => format!("{before}]"),
            _ => message,
        };
        self.text.lock().expect("not poisoned").extend(message.lines().map(|line| line.trim_end().to_owned()));
    }
}
