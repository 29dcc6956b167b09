//! `tests/select/shop.case`: arguments of `ls`, and the ids that dbt Core 1.12.0 answered.
//!
//! `# differs: why` before the ids marks an answer of ours that is meant to be another one; `UPDATE_CASES=1` is not offered,
//! as the answers are dbt's and not ours.

use graph::{
    BuildQueue, Edges, GraphNode, IndirectSelection, ResourceType, SelectionContext, SelectionError, SelectionSpec,
    SelectionState, Selectors,
};
use names::UniqueId;

use crate::fixture;

/// The words of a command line with single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[derive(Default)]
struct Arguments {
    select: Vec<String>,
    exclude: Vec<String>,
    selector: Option<String>,
    indirect: IndirectSelection,
    types: Vec<ResourceType>,
}

fn arguments(line: &str) -> Arguments {
    let mut found = Arguments::default();
    let mut excluded_types = Vec::new();
    let mut option = String::new();
    for word in words(line) {
        if word.starts_with("--") {
            option = word;
            continue;
        }
        match option.as_str() {
            "--select" => found.select.push(word),
            "--exclude" => found.exclude.push(word),
            "--selector" => found.selector = Some(word),
            "--indirect-selection" => found.indirect = word.parse().unwrap(),
            "--resource-type" if word == "all" => found.types = ResourceType::ALL.to_vec(),
            "--resource-type" => found.types.push(word.parse().unwrap()),
            "--exclude-resource-type" => excluded_types.push(word.parse().unwrap()),
            other => panic!("unknown option {other}"),
        }
    }
    if found.types.is_empty() {
        found.types = ResourceType::OF_LS.to_vec();
    }
    found.types.retain(|kind| !excluded_types.contains(kind));
    found
}

fn selectors(indirect: IndirectSelection) -> Selectors {
    let text = fs_err::read_to_string(fixture::path("selectors.json")).unwrap();
    Selectors::parse(&serde_json::from_str(&text).unwrap(), indirect).unwrap()
}

fn answer(graph: &graph::Graph, line: &str) -> Result<Vec<String>, SelectionError> {
    let arguments = arguments(line);
    let selectors = selectors(arguments.indirect);
    let spec = match &arguments.selector {
        Some(name) => selectors.get(name)?.spec.clone(),
        None => SelectionSpec::from_arguments(&arguments.select, &arguments.exclude, arguments.indirect)?,
    };
    let context = SelectionContext {
        selectors: Some(&selectors),
        resource_types: Some(&arguments.types),
        ..SelectionContext::new("shop")
    };
    let selected = graph.select(&spec, &context)?;
    let mut lines: Vec<String> = selected.ids.iter().map(ToString::to_string).collect();
    lines.sort();
    for warning in &selected.warnings {
        if let Some(raw) = warning.what.strip_prefix("The selection criterion '") {
            lines.push(format!("! {}", raw.split("' does not").next().unwrap()));
        }
    }
    Ok(lines)
}

#[test]
fn answers_are_dbts() {
    let graph = fixture::shop();
    let text = fs_err::read_to_string(fixture::path("shop.case")).unwrap();
    let mut count = 0;
    let mut wrong = Vec::new();
    for case in text.split("\n\n").filter_map(|case| case.strip_prefix("$ ")) {
        let (line, expected) = case.split_once('\n').unwrap_or((case, ""));
        let expected: Vec<&str> = expected.lines().filter(|line| !line.starts_with("# ")).collect();
        count += 1;
        let got = answer(&graph, line).unwrap_or_else(|_| vec!["error".to_owned()]);
        if got != expected {
            let missing: Vec<&&str> = expected.iter().filter(|id| !got.iter().any(|other| other == **id)).collect();
            let extra: Vec<&String> = got.iter().filter(|id| !expected.contains(&id.as_str())).collect();
            wrong.push(format!("{line}\n  missing {missing:?}\n  extra {extra:?}"));
        }
    }
    assert!(count > 250, "only {count} cases");
    assert!(wrong.is_empty(), "{} of {count} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

struct Earlier;

impl SelectionState for Earlier {
    fn has_state(&self, node: &GraphNode, state: &str) -> Result<bool, SelectionError> {
        Ok(state == "modified" && node.name == "stg_orders")
    }

    fn result_status(&self, id: &UniqueId) -> Result<Option<String>, SelectionError> {
        Ok(Some(if id.as_str() == "model.shop.orders" { "error" } else { "success" }.to_owned()))
    }

    fn is_fresher(&self, id: &UniqueId) -> Result<bool, SelectionError> {
        Ok(id.as_str() == "source.shop.web.clicks")
    }
}

#[test]
fn earlier_runs_are_asked_through_the_caller() {
    let graph = fixture::shop();
    let select = |text: &str| {
        let spec = SelectionSpec::from_arguments(&[text.to_owned()], &[], IndirectSelection::Empty).unwrap();
        let context = SelectionContext {
            state: &Earlier,
            resource_types: Some(&[ResourceType::Model, ResourceType::Source]),
            ..SelectionContext::new("shop")
        };
        graph.select(&spec, &context).unwrap().ids.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(select("state:modified"), ["model.shop.stg_orders"]);
    assert_eq!(select("result:error"), ["model.shop.orders"]);
    assert_eq!(select("source_status:fresher+1"), ["source.shop.web.clicks", "model.shop.stg_clicks"]);
}

#[test]
fn errors_have_a_way_out() {
    let graph = fixture::shop();
    let error = |text: &str| {
        let spec = SelectionSpec::from_arguments(&[text.to_owned()], &[], IndirectSelection::Eager);
        spec.and_then(|spec| graph.select(&spec, &SelectionContext::new("shop"))).unwrap_err().diagnostic().to_string()
    };
    assert_eq!(
        error("state:modified"),
        "Runtime Error\n  Got a state selector method, but no comparison manifest\n  cause: the selection compares with an earlier run\n  fix:   pass --state with a directory that has an earlier manifest.json"
    );
    assert!(error("@orders+").contains("Invalid node spec @orders+ - \"@\" prefix and \"+\" suffix are incompatible"));
    assert!(
        error("resource_type:pizza").contains("Invalid resource_type selector \"pizza\": expected one of: \"model\",")
    );
    assert!(error("pizza:orders").contains("'pizza' is not a valid method name\n  cause: "));
}

#[test]
fn empty_models_are_only_for_ls() {
    let graph = fixture::shop();
    let spec = SelectionSpec::from_arguments(&["nothing".to_owned()], &[], IndirectSelection::Eager).unwrap();
    let context = SelectionContext { skip_empty: true, ..SelectionContext::new("shop") };
    assert!(graph.select(&spec, &context).unwrap().ids.is_empty());
    assert_eq!(graph.select(&spec, &SelectionContext::new("shop")).unwrap().ids.len(), 1);
}

#[test]
fn twenty_thousand_nodes_are_selected_and_ordered_quickly() {
    let mut lines = String::new();
    for at in 0..10_000_usize {
        let parents: Vec<String> = (1..=3).filter_map(|back| Some(format!("m{}", at.checked_sub(back * 7)?))).collect();
        lines.push_str(&format!("m{at}: {}\nt_{at}: m{at}\n", parents.join(" ")));
    }
    let graph = graph::Graph::new(fixture::models(&lines)).unwrap();
    let started = std::time::Instant::now();
    let spec =
        SelectionSpec::from_arguments(&["+m5000+".to_owned()], &["m7*".to_owned()], IndirectSelection::Buildable)
            .unwrap();
    let selected = graph.select(&spec, &SelectionContext::new("p")).unwrap();
    assert!(selected.ids.len() > 1_000);
    let order = BuildQueue::new(&graph, &selected.ids, Edges::DependenciesAndTests).into_order();
    assert_eq!(order.len(), selected.ids.len());
    // Without optimisation, on a busy machine; quadratic work would take minutes.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
