//! Nodes that wait for each other.

use graph::Graph;

use crate::fixture::models;

#[test]
fn a_cycle_is_shown_from_its_first_node_back_to_it() {
    let error = Graph::new(models("a:\nc: b a\nb: d\nd: c\ne: d\n")).unwrap_err();
    assert_eq!(error.to_string(), "Found a cycle: model.p.b --> model.p.c --> model.p.d --> model.p.b");
    assert_eq!(error.fix(), "remove the ref to 'model.p.d' from 'model.p.b', or another one on the way");
    let own = Graph::new(models("a: a\n")).unwrap_err();
    assert_eq!(own.to_string(), "Found a cycle: model.p.a --> model.p.a");
}

#[test]
fn neighbours_and_depths() {
    let graph = Graph::new(models("a:\nb: a\nc: b\nd: c a\nx: missing\n")).unwrap();
    let names =
        |ids: Vec<names::UniqueId>| ids.iter().map(|id| id.as_str().replace("model.p.", "")).collect::<Vec<_>>();
    assert_eq!(names(graph.ancestors("model.p.d", None)), ["c", "a", "b"]);
    assert_eq!(names(graph.ancestors("model.p.d", Some(1))), ["c", "a"]);
    assert_eq!(names(graph.descendants("model.p.a", Some(1))), ["b", "d"]);
    assert_eq!(graph.parents("model.p.c").map(|node| node.name.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(graph.children("model.p.c").map(|node| node.name.as_str()).collect::<Vec<_>>(), ["d"]);
    assert!(graph.parents("model.p.x").next().is_none());
    assert!(graph.ancestors("model.p.unknown", None).is_empty());
}
