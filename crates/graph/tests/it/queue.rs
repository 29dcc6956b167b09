//! In which order nodes build, and what a failure skips.

use graph::{BuildQueue, Edges, Graph, Outcome, Turn};
use names::UniqueId;

use crate::fixture;

fn short(ids: &[UniqueId]) -> String {
    let names: Vec<&str> = ids.iter().map(|id| id.as_str().rsplit('.').next().unwrap()).collect();
    names.join(" ")
}

fn queue(lines: &str, selected: &str, edges: Edges) -> BuildQueue {
    let nodes = fixture::models(lines);
    let chosen: Vec<UniqueId> = nodes
        .iter()
        .filter(|node| selected == "*" || selected.split(' ').any(|name| name == node.name))
        .map(|node| node.unique_id.clone())
        .collect();
    BuildQueue::new(&Graph::new(nodes).unwrap(), &chosen, edges)
}

/// The next node, which runs.
fn runs(queue: &mut BuildQueue) -> String {
    match queue.next_turn() {
        Some(Turn::Run(id)) => id.as_str().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Takes all turns that skip a node.
fn skips(queue: &mut BuildQueue) -> String {
    let mut skipped = Vec::new();
    while let Some(turn) = queue.next_turn() {
        let Turn::Skip(id) = turn else { panic!("{turn:?}") };
        queue.finish(&id, Outcome::Done);
        skipped.push(id);
    }
    short(&skipped)
}

/// As with dbt Core 1.12.0 and one thread.
#[test]
fn nodes_come_as_they_become_ready() {
    assert_eq!(short(&queue("b:\na:\nd: b\nc: d\ne: a\n", "*", Edges::Dependencies).into_order()), "a b e d c");
    assert_eq!(short(&queue("z: a\ny: b\nb:\na:\nx: a b\n", "*", Edges::Dependencies).into_order()), "a b z x y");
}

#[test]
fn ways_through_unselected_nodes_count() {
    let mut queue = queue("a:\nb: a\nc: b\nd: c\n", "d a", Edges::Dependencies);
    assert_eq!(runs(&mut queue), "model.p.a");
    assert_eq!(queue.next_turn(), None);
    queue.finish(&"model.p.a".into(), Outcome::Done);
    assert_eq!(runs(&mut queue), "model.p.d");
    assert!(!queue.is_finished());
    queue.finish(&"model.p.d".into(), Outcome::Done);
    assert!(queue.is_finished());
}

/// Source: the order in which `dbt build` of dbt Core 1.12.0 runs such a project.
#[test]
fn build_runs_tests_before_what_is_built_on_the_tested() {
    let lines = "a:\nb: a\nc: b\nother:\nt_a: a\nt_a_b: a b\nt_a_other: a other\nt_c: c\n";
    assert_eq!(
        short(&queue(lines, "*", Edges::DependenciesAndTests).into_order()),
        "a other t_a t_a_other b t_a_b c t_c"
    );
    assert_eq!(short(&queue(lines, "*", Edges::Dependencies).into_order()), "a other b t_a t_a_other c t_a_b t_c");
}

#[test]
fn a_failed_test_skips_what_is_built_on_the_tested() {
    let lines = "a:\nb: a\nc: b\nother:\nt_a: a\nt_a_b: a b\nt_a_other: a other\nt_c: c\n";
    let mut build = queue(lines, "*", Edges::DependenciesAndTests);
    for name in ["a", "other"] {
        assert_eq!(runs(&mut build), format!("model.p.{name}"));
        build.finish(&format!("model.p.{name}").into(), Outcome::Done);
    }
    assert_eq!(runs(&mut build), "test.p.t_a");
    build.finish(&"test.p.t_a".into(), Outcome::SkipDescendants);
    assert_eq!(runs(&mut build), "test.p.t_a_other");
    build.finish(&"test.p.t_a_other".into(), Outcome::SkipDescendants);
    assert_eq!(skips(&mut build), "b t_a_b c t_c");
    assert!(build.is_finished());
}

#[test]
fn a_failed_model_skips_each_descendant_once() {
    let mut run = queue("a:\nb: a\nc: a\nd: b c\ne:\n", "*", Edges::Dependencies);
    run.next_turn();
    run.finish(&"model.p.a".into(), Outcome::SkipDescendants);
    run.finish(&"model.p.a".into(), Outcome::SkipDescendants);
    assert_eq!(runs(&mut run), "model.p.e");
    assert_eq!(skips(&mut run), "b c d");
    assert_eq!(short(&run.skip_rest()), "");
    run.finish(&"model.p.e".into(), Outcome::Done);
    assert!(run.is_finished());
}

#[test]
fn clone_waits_for_nothing_and_fail_fast_takes_out_the_rest() {
    let mut clone = queue("a:\nb: a\nc: b\n", "*", Edges::None);
    assert_eq!(runs(&mut clone), "model.p.a");
    assert_eq!(runs(&mut clone), "model.p.b");
    assert_eq!(short(&clone.skip_rest()), "c");
    assert!(clone.next_turn().is_none());
    clone.finish(&"model.p.a".into(), Outcome::Done);
    clone.finish(&"model.p.b".into(), Outcome::SkipDescendants);
    assert!(clone.is_finished());
}

#[test]
fn every_node_of_the_fixture_comes_after_its_parents() {
    let graph = fixture::shop();
    let order = BuildQueue::new(&graph, &graph.topological_ids(), Edges::DependenciesAndTests).into_order();
    assert_eq!(order.len(), graph.len());
    let place = |id: &str| order.iter().position(|other| other.as_str() == id).unwrap();
    for node in graph.nodes() {
        for parent in graph.parents(node.unique_id.as_str()) {
            assert!(place(parent.unique_id.as_str()) < place(node.unique_id.as_str()), "{}", node.unique_id);
        }
    }
    assert!(place("test.shop.unique_stg_customers_id.a6a76acf47") < place("model.shop.orders"));
}
