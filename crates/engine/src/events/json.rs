//! dbt's structured log: one JSON object per event, `{"data": …, "info": …}` with sorted keys.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use diagnostic::{Diagnostic, Severity};
use names::RelationName;

use super::{Answer, AnsweredNode, Event, Level, NodeInfo, Record, text};
use crate::run::{Detail, NodeResult, NodeStatus, RunSummary, stored_failures};

/// What every line of an invocation shares.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub invocation_id: String,
    /// The process id.
    pub pid: u32,
    /// Environment variables `DBT_ENV_CUSTOM_ENV_*`, without the prefix.
    pub extra: IndexMap<String, String>,
}

/// The lines of at least this level: dbt tells some of our events as several of its own. None for events that its log does not have.
pub fn lines(record: &Record, invocation: &Invocation, least: Level) -> Vec<String> {
    let is_data = record.event.is_data();
    let parts = parts(record).into_iter().filter(|part| is_data || part.level >= least);
    parts.map(|part| part.line(record, invocation)).collect()
}

/// One event of dbt's.
struct Part<'a> {
    code: &'a str,
    name: &'a str,
    level: Level,
    message: String,
    data: Value,
}

impl Part<'_> {
    fn line(self, record: &Record, invocation: &Invocation) -> String {
        let object = sorted(json!({
            "data": self.data,
            "info": {
                "category": "",
                "code": self.code,
                "extra": invocation.extra,
                "invocation_id": invocation.invocation_id,
                "level": self.level.as_str(),
                "msg": self.message,
                "name": self.name,
                "pid": invocation.pid,
                "thread": thread(&record.event),
                "ts": record.at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            },
        }));
        object.to_string()
    }
}

fn parts(record: &Record) -> Vec<Part<'_>> {
    let event = &record.event;
    let Some(message) = text::message(event, text::Layout::default()) else { return Vec::new() };
    let (code, name) = code_and_name(event);
    let level = match event {
        // The first line of the summary is for information, the errors below it have their own.
        Event::RunFinished { .. } => Level::Info,
        Event::NodeFinished { node, .. } if node.resource_type == "operation" => Level::Info,
        event => event.level(),
    };
    let main = Part { code, name, level, data: data(record, &message), message };
    let debug = |code, name, verb: &str, node: &NodeInfo, data| Part {
        code,
        name,
        level: Level::Debug,
        message: format!("{verb} running node {}", node.unique_id.as_ref().map_or("", |id| id.as_str())),
        data,
    };
    match event {
        Event::NodeStarted { node, .. } if node.resource_type != "operation" => {
            let data = json!({"node_info": node_info(node, Some(record), None)});
            vec![debug("Q024", "NodeStart", "Began", node, data), main]
        }
        Event::NodeFinished { node, result, .. } if node.resource_type != "operation" => {
            let data = json!({
                "node_info": node_info(node, None, Some((record, result))),
                "run_result": run_result(result),
            });
            vec![main, debug("Q025", "NodeFinished", "Finished", node, data)]
        }
        Event::RunFinished { summary } => summary_parts(main, summary),
        Event::FailedFast(detail) => detail_parts(detail),
        _ => vec![main],
    }
}

/// `EndOfRunSummary`, a few for each failure and warning, `StatsLine`. Of sources: their errors and `FreshnessCheckComplete`.
fn summary_parts<'a>(main: Part<'a>, summary: &RunSummary) -> Vec<Part<'a>> {
    if summary.of_sources {
        let failed = summary.details.iter().filter(|detail| detail.severity == Severity::Error);
        let done = Part { message: "Done.".to_owned(), data: json!({}), ..main };
        return failed.flat_map(source_parts).chain([done]).collect();
    }
    let blocks: Vec<&str> = main.message.split("\n\n").collect();
    let (first, last) = (blocks.first().copied().unwrap_or_default(), blocks.last().copied().unwrap_or_default());
    let stats = Part {
        code: "Z023",
        name: "StatsLine",
        level: Level::Info,
        message: last.to_owned(),
        data: json!({"stats": main.data["stats"]}),
    };
    let mut parts = vec![Part { message: first.to_owned(), ..main }];
    for detail in &summary.details {
        parts.extend(detail_parts(detail));
    }
    parts.push(stats);
    parts
}

/// A source that is too old is named; of one that could not be measured there is the error alone.
fn source_parts<'a>(detail: &Detail) -> Vec<Part<'a>> {
    let mut parts = detail_parts(detail);
    if detail.message.is_some() {
        return parts.split_off(1);
    }
    let data = json!({"status": "error", "node_info": node_info(&detail.node, None, None)});
    parts.push(Part {
        code: "Z025",
        name: "RunResultErrorNoMessage",
        level: Level::Error,
        message: "  Status: error".to_owned(),
        data: with_group(data, &detail.node),
    });
    parts
}

fn detail_parts<'a>(detail: &Detail) -> Vec<Part<'a>> {
    let node = &detail.node;
    let info = node_info(node, None, None);
    let is_error = detail.severity == Severity::Error;
    let head = detail.text.lines().next().unwrap_or_default();
    let (codes, tag, level) = match is_error {
        true => ([("Z022", "RunResultFailure"), ("Z024", "RunResultError")], "[ERROR]", Level::Error),
        false => ([("Z021", "RunResultWarning"), ("Z046", "RunResultWarningMessage")], "[WARNING]", Level::Warn),
    };
    let place = json!({
        "node_info": info, "node_name": node.name, "path": node.original_file_path, "resource_type": node.resource_type,
    });
    let part = |(code, name), level, message, data| Part { code, name, level, message, data };
    let mut parts = vec![part(codes[0], level, format!("{tag}: {head}"), with_group(place, node))];
    if let Some(message) = &detail.message {
        let shown = match is_error {
            true => format!("  {}", message.replace('\n', "\n  ")),
            false => format!("{tag}: {message}"),
        };
        let data = json!({"msg": message, "node_info": info});
        parts.push(part(codes[1], level, shown, if is_error { with_group(data, node) } else { data }));
    }
    if let Some(path) = &detail.compiled_path {
        let data = json!({"path": path, "node_info": info});
        parts.push(part(("Z026", "SQLCompiledPath"), Level::Info, format!("  compiled code at {path}"), data));
    }
    if let Some(relation) = &detail.stored_in {
        let data = json!({"relation_name": relation, "node_info": info});
        parts.push(part(("Z027", "CheckNodeTestFailure"), Level::Info, stored_failures(relation), data));
    }
    parts
}

/// Adds the names of the source and of its table, where it is one.
fn with_source(mut data: Value, node: &NodeInfo) -> Value {
    let names = node.label.strip_prefix("freshness of ").and_then(|names| names.strip_suffix(&node.name));
    if let (Some(data), Some(names)) = (data.as_object_mut(), names) {
        data.insert("source_name".to_owned(), names.trim_end_matches('.').into());
        data.insert("table_name".to_owned(), node.name.clone().into());
    }
    data
}

/// Adds the node's group, where it has one.
fn with_group(mut data: Value, node: &NodeInfo) -> Value {
    if let (Some(data), Some(group)) = (data.as_object_mut(), &node.group) {
        data.insert("group".to_owned(), group.clone());
    }
    data
}

/// dbt's code and name, which consumers rely on.
fn code_and_name(event: &Event) -> (&'static str, &str) {
    match event {
        Event::Started { .. } => ("A001", "MainReportVersion"),
        Event::Phase(_) => ("", "Phase"),
        Event::AdapterRegistered { .. } => ("E034", "AdapterRegistered"),
        Event::ProjectParsed { .. } => ("W006", "FoundStats"),
        Event::Concurrency { .. } => ("Q027", "ConcurrencyLine"),
        Event::NothingToDo => ("Q035", "NothingToDo"),
        Event::NoNodesSelected => ("Q038", "NoNodesSelected"),
        Event::NodeStarted { node, .. } if node.resource_type == "operation" => ("Q032", "LogHookStartLine"),
        Event::NodeStarted { .. } => ("Q011", "LogStartLine"),
        Event::NodeFinished { node, .. } if node.resource_type == "operation" => ("Q033", "LogHookEndLine"),
        Event::NodeFinished { result, .. } if result.status == NodeStatus::Skipped => ("Q034", "SkippingDetails"),
        Event::NodeFinished { result, .. } if result.status == NodeStatus::NoOp => ("Q019", "LogNodeNoOpResult"),
        Event::NodeFinished { node, .. } => match node.resource_type.as_str() {
            "test" | "unit_test" => ("Q007", "LogTestResult"),
            "snapshot" => ("Q015", "LogSnapshotResult"),
            "seed" => ("Q016", "LogSeedResult"),
            "source" => ("Q018", "LogFreshnessResult"),
            "function" => ("Q047", "LogFunctionResult"),
            _ => ("Q012", "LogModelResult"),
        },
        Event::BatchStarted { .. } => ("Q045", "LogStartBatch"),
        Event::BatchFailed { .. } => ("W004", "GenericExceptionOnRun"),
        Event::BatchFinished { .. } => ("Q046", "LogBatchResult"),
        Event::Statement { .. } => ("E016", "SQLQuery"),
        Event::StatementStarted { .. } => ("E001", "AdapterEventDebug"),
        Event::StatementEnded { .. } => ("E017", "SQLQueryStatus"),
        Event::Cancelled { .. } => ("Z031", "LogCancelLine"),
        Event::FailedFast(_) => ("Z022", "RunResultFailure"),
        Event::FinishedRunning { .. } => ("E047", "FinishedRunningStats"),
        Event::RunFinished { summary } if summary.of_sources => ("Q003", "FreshnessCheckComplete"),
        Event::RunFinished { .. } => ("Z030", "EndOfRunSummary"),
        Event::ArtifactWritten { .. } => ("P001", "ArtifactWritten"),
        Event::JinjaLog { info: true, .. } => ("I062", "JinjaLogInfo"),
        Event::JinjaLog { info: false, .. } => ("I063", "JinjaLogDebug"),
        Event::Print { .. } | Event::Answer(Answer::Listed(_)) => ("Z052", "PrintEvent"),
        Event::Answer(Answer::Compiled(_)) => ("Q042", "CompiledNode"),
        Event::Answer(Answer::Shown(_)) => ("Q041", "ShowNode"),
        Event::Warning { name, .. } => (warning_code(name), name),
        Event::Deprecations { .. } => ("D028", "DeprecationsSummary"),
        Event::Failed { .. } => ("Z002", "MainEncounteredError"),
        Event::Note { name, .. } => (warning_code(name), name),
        Event::Progress { .. } | Event::Line { .. } => ("Z050", "Note"),
        Event::CommandCompleted { .. } => ("Q039", "CommandCompleted"),
    }
}

/// dbt's codes of the warnings and notes that are told by name.
fn warning_code(name: &str) -> &'static str {
    match name {
        "PackageRedirectDeprecation" => "D001",
        "PackageInstallPathDeprecation" => "D002",
        "ConfigSourcePathDeprecation" => "D003",
        "ConfigDataPathDeprecation" => "D004",
        "MetricAttributesRenamed" => "D006",
        "ExposureNameDeprecation" => "D007",
        "InternalDeprecation" => "D008",
        "EnvironmentVariableRenamed" => "D009",
        "ConfigLogPathDeprecation" => "D010",
        "ConfigTargetPathDeprecation" => "D011",
        "CollectFreshnessReturnSignature" => "D012",
        "TestsConfigDeprecation" => "D012",
        "ProjectFlagsMovedDeprecation" => "D013",
        "SpacesInResourceNameDeprecation" => "D014",
        "ResourceNamesWithSpacesDeprecation" => "D015",
        "PackageMaterializationOverrideDeprecation" => "D016",
        "SourceFreshnessProjectHooksNotRun" => "D017",
        "MFTimespineWithoutYamlConfigurationDeprecation" => "D018",
        "MFCumulativeTypeParamsDeprecation" => "D019",
        "MicrobatchMacroOutsideOfBatchesDeprecation" => "D020",
        "GenericJSONSchemaValidationDeprecation" => "D022",
        "UnexpectedJinjaBlockDeprecation" => "D023",
        "DuplicateYAMLKeysDeprecation" => "D024",
        "CustomTopLevelKeyDeprecation" => "D025",
        "CustomKeyInConfigDeprecation" => "D026",
        "CustomKeyInObjectDeprecation" => "D027",
        "CustomOutputPathInSourceFreshnessDeprecation" => "D029",
        "PropertyMovedToConfigDeprecation" => "D030",
        "WEOIncludeExcludeDeprecation" => "D031",
        "ModelParamUsageDeprecation" => "D032",
        "ModulesItertoolsUsageDeprecation" => "D034",
        "SourceOverrideDeprecation" => "D035",
        "EnvironmentVariableNamespaceDeprecation" => "D036",
        "MissingPlusPrefixDeprecation" => "D037",
        "ArgumentsPropertyInGenericTestDeprecation" => "D038",
        "MissingArgumentsPropertyInGenericTestDeprecation" => "D039",
        "DuplicateNameDistinctNodeTypesDeprecation" => "D040",
        "TimeDimensionsRequireGranularityDeprecation" => "D041",
        "GenericSemanticLayerDeprecation" => "D042",
        "GenerateSchemaNameNullValueDeprecation" => "D044",
        "InvalidValueForField" => "I008",
        "ValidationWarning" => "I009",
        "InvalidDisabledTargetInTestNode" => "I050",
        "UnusedResourceConfigPath" => "I051",
        "SeedIncreased" => "I052",
        "SeedExceedsLimitSamePath" => "I053",
        "SeedExceedsLimitAndPathChanged" => "I054",
        "SeedExceedsLimitChecksumChanged" => "I055",
        "UnusedTables" => "I056",
        "WrongResourceSchemaFile" => "I057",
        "NoNodeForYamlKey" => "I058",
        "MacroNotFoundForPatch" => "I059",
        "NodeNotFoundOrDisabled" => "I060",
        "JinjaLogWarning" => "I061",
        "UnpinnedRefNewVersionAvailable" => "I064",
        "DeprecatedModel" => "I065",
        "UpcomingReferenceDeprecation" => "I066",
        "DeprecatedReference" => "I067",
        "UnsupportedConstraintMaterialization" => "I068",
        "SemanticValidationFailure" => "I070",
        "UnversionedBreakingChange" => "I071",
        "WarnStateTargetEqual" => "I072",
        "FreshnessConfigProblem" => "I073",
        "MicrobatchModelNoEventTimeInputs" => "I074",
        "InvalidConcurrentBatchesConfig" => "I075",
        "InvalidMacroAnnotation" => "I076",
        "PackageNodeDependsOnRootProjectNode" => "I077",
        "MFConverterIssue" => "I078",
        "DepsUnpinned" => "M029",
        "NoNodesForSelectionCriteria" => "M030",
        "DepsScrubbedPackageName" => "M035",
        "DefaultSelector" => "Q023",
        "SnapshotTimestampWarning" => "Q043",
        "SelectExcludeIgnoredWithSelectorWarning" => "Z064",
        "CatalogWritten" => "E042",
        "BuildingCatalog" => "E044",
        "ConstraintNotEnforced" => "E048",
        "ConstraintNotSupported" => "E049",
        _ => "",
    }
}

fn thread(event: &Event) -> &str {
    match event {
        Event::NodeStarted { thread, .. } => thread,
        Event::NodeFinished { result, .. } => &result.thread,
        _ => "MainThread",
    }
}

fn data(record: &Record, message: &str) -> Value {
    let event = &record.event;
    match event {
        Event::Started { dbt_version, owlet_version, arguments } => {
            json!({"log_version": 3, "version": dbt_version, "owlet_version": owlet_version, "args": arguments})
        }
        Event::AdapterRegistered { adapter, version } => {
            json!({"adapter_name": adapter, "adapter_version": version})
        }
        Event::ProjectParsed { counts, elapsed_seconds } => {
            json!({"stat_line": message.trim_start_matches("Found "), "counts": pairs(counts), "elapsed": elapsed_seconds})
        }
        Event::Concurrency { threads, target, nodes } => {
            json!({"num_threads": threads, "target_name": target, "node_count": nodes})
        }
        Event::NodeStarted { node, index, total, .. } if node.resource_type == "operation" => json!({
            "statement": hook_name(node), "index": index, "total": total,
            "node_info": node_info(node, Some(record), None),
        }),
        Event::NodeFinished { node, index, total, result } if node.resource_type == "operation" => json!({
            "statement": hook_name(node), "index": index, "total": total,
            "status": result.status.as_str(), "execution_time": result.execution_time.as_secs_f64(),
            "node_info": node_info(node, None, Some((record, result))),
        }),
        Event::NodeStarted { node, index, total, .. } => json!({
            "description": node.label, "index": index, "total": total,
            "node_info": node_info(node, Some(record), None),
        }),
        Event::NodeFinished { node, index, total, result } => {
            let mut data = json!({
                "description": node.label, "index": index, "total": total,
                "name": node.name, "node_name": node.name, "num_models": total, "resource_type": node.resource_type,
                "schema": node.relation.as_ref().map(|relation| relation.schema.as_str()).unwrap_or_default(),
                // What stands in the brackets of a model that worked is the warehouse's word.
                "status": match (&result.message, result.status) {
                    (Some(message), NodeStatus::Success) => message.as_str(),
                    (_, status) => status.as_str(),
                },
                "execution_time": result.execution_time.as_secs_f64(),
                "num_failures": result.failures.unwrap_or_default(),
                "attached_node": node.attached_node.as_ref().map_or("", |id| id.as_str()),
                "node_info": node_info(node, None, Some((record, result))),
                "run_result": run_result(result),
            });
            // Of these dbt has the warehouse's word beside the status.
            if let ("seed" | "snapshot", Some(data)) = (node.resource_type.as_str(), data.as_object_mut()) {
                data.insert("status".to_owned(), result.status.as_str().into());
                data.insert("result_message".to_owned(), result.message.clone().into());
                data.insert("relation".to_owned(), node.name.clone().into());
            }
            with_group(with_source(data, node), node)
        }
        Event::BatchStarted { node, name, index, total } => {
            json!({"description": name, "batch_index": index, "total_batches": total, "node": node})
        }
        Event::BatchFailed { node, error } => json!({
            "build_path": "", "exc": format!("Exception on worker thread. {error}"), "unique_id": node.unique_id,
            "node_info": node_info(node, None, None),
        }),
        Event::BatchFinished { node, name, index, total, status, elapsed_seconds, message } => json!({
            "description": name, "batch_index": index, "total_batches": total, "node": node,
            "status": if *status == NodeStatus::Success { message.as_str() } else { status.as_str() },
            "execution_time": elapsed_seconds,
        }),
        Event::Statement { node, sql } => json!({"sql": sql, "conn_name": node}),
        Event::StatementStarted { node, query_id } => {
            json!({"base_msg": message, "query_id": query_id, "conn_name": node})
        }
        Event::StatementEnded { node, query_id, status, elapsed_seconds } => {
            json!({"status": status, "elapsed": elapsed_seconds, "query_id": query_id, "conn_name": node})
        }
        Event::Cancelled { report } => json!(report),
        Event::FinishedRunning { counts, elapsed_seconds } => {
            let (stat_line, execution) = stat_line(message);
            json!({
                "stat_line": stat_line, "execution": execution, "counts": pairs(counts), "execution_time": elapsed_seconds,
            })
        }
        Event::RunFinished { summary } => json!({
            "num_errors": summary.errors, "num_partial_success": summary.partial_successes, "num_warnings": summary.warnings, "keyboard_interrupt": summary.interrupted,
            "stats": {
                "error": summary.error, "noop": summary.noop, "pass": summary.pass, "reused": 0,
                "skip": summary.skip, "total": summary.total, "warn": summary.warn,
            },
        }),
        Event::ArtifactWritten { path } => json!({"artifact_path": path, "artifact_type": artifact_type(path)}),
        Event::Warning { diagnostic, .. } => warning_data(diagnostic, message),
        Event::Deprecations { met, show_all } => json!({
            "show_all_hint": !show_all,
            "summaries": met.iter().map(|(name, occurrences)| json!({
                "event_name": name, "event_code": warning_code(name), "occurrences": occurrences,
            })).collect::<Vec<_>>(),
        }),
        Event::Failed { diagnostics } => {
            let exc: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            json!({"exc": exc.join("\n"), "diagnostics": diagnostics})
        }
        Event::CommandCompleted { command, success, elapsed_seconds } => {
            json!({"command": format!("dbt {command}"), "success": success, "elapsed": elapsed_seconds, "completed_at": time(record.at)})
        }
        // Its parts have data of their own.
        Event::FailedFast(_) => json!({}),
        Event::NothingToDo | Event::NoNodesSelected | Event::Phase(_) => json!({}),
        Event::Progress { .. } => json!({"msg": message}),
        Event::JinjaLog { text, .. } | Event::Print { text } | Event::Note { text, .. } | Event::Line { text, .. } => {
            json!({"msg": text})
        }
        Event::Answer(Answer::Listed(line)) => json!({"msg": line}),
        Event::Answer(Answer::Compiled(node)) => answer("compiled", node),
        Event::Answer(Answer::Shown(node)) => answer("preview", node),
    }
}

fn answer(content: &str, node: &AnsweredNode) -> Value {
    json!({
        content: node.content, "is_inline": node.is_inline, "node_name": node.name,
        "output_format": node.output_format, "quiet": node.quiet, "unique_id": node.unique_id,
    })
}

/// `hook: shop.on-run-start.0` → `shop.on-run-start.0`
fn hook_name(node: &NodeInfo) -> &str {
    node.label.trim_start_matches("hook: ")
}

/// `Finished running 1 seed in 0 hours … (0.10s).` → `1 seed` and ` in 0 hours …`
fn stat_line(message: &str) -> (&str, &str) {
    let line = message.trim_start_matches("Finished running ");
    let line = line.rsplit_once(" (").map_or(line, |(line, _)| line);
    line.rfind(" in ").map_or((line, ""), |at| line.split_at(at))
}

/// The members of dbt's event, or the text where it is not known what dbt has.
fn warning_data(diagnostic: &Diagnostic, message: &str) -> Value {
    let members = diagnostic.data().iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into()));
    let mut data: serde_json::Map<String, Value> = members.collect();
    if data.is_empty() {
        data.insert("msg".to_owned(), message.into());
    }
    data.insert("diagnostic".to_owned(), json!(diagnostic));
    data.into()
}

/// dbt's name for what is written.
fn artifact_type(path: &std::path::Path) -> &'static str {
    match path.file_name().and_then(|name| name.to_str()).unwrap_or_default() {
        "manifest.json" => "WritableManifest",
        "semantic_manifest.json" => "SemanticManifest",
        "osi_document.json" => "OsiDocument",
        "run_results.json" => "RunExecutionResult",
        "sources.json" => "FreshnessResult",
        "catalog.json" => "CatalogArtifact",
        _ => "",
    }
}

fn pairs(counts: &[(String, usize)]) -> Value {
    counts.iter().map(|(word, count)| (word.clone(), json!(count))).collect::<Map<_, _>>().into()
}

fn node_info(node: &NodeInfo, started: Option<&Record>, finished: Option<(&Record, &NodeResult)>) -> Value {
    let started_at = match (started, finished) {
        (Some(record), _) => time(record.at),
        (_, Some((_, result))) => result.timing.first().map(|timing| time(timing.started_at)).unwrap_or_default(),
        _ => String::new(),
    };
    let place = |part: fn(&RelationName) -> &str| node.place.as_ref().map(part).unwrap_or_default();
    json!({
        "materialized": node.materialized,
        "meta": node.meta,
        "node_checksum": node.checksum,
        "node_finished_at": finished.map(|(record, _)| time(record.at)).unwrap_or_default(),
        "node_name": node.name,
        "node_path": node.path,
        "node_relation": {
            "alias": place(|it| &it.identifier),
            "database": place(|it| &it.database),
            "relation_name": node.relation_name.clone().unwrap_or_default(),
            "schema": place(|it| &it.schema),
        },
        "node_started_at": started_at,
        "node_status": finished.map_or("started", |(_, result)| result.status.as_str()),
        "resource_type": node.resource_type,
        "unique_id": node.unique_id,
    })
}

fn run_result(result: &NodeResult) -> Value {
    json!({
        "status": result.status.as_str(),
        "message": result.message.as_deref().unwrap_or_default(),
        "thread": result.thread,
        "execution_time": result.execution_time.as_secs_f64(),
        "num_failures": result.failures.unwrap_or_default(),
        "adapter_response": result.adapter_response,
        "timing_info": result.timing.iter().map(|timing| json!({
            "name": timing.name, "started_at": time(timing.started_at), "completed_at": time(timing.completed_at),
        })).collect::<Vec<_>>(),
    })
}

fn time(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Sorts the keys of every object, as dbt's log has them.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            entries.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}
