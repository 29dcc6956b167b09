//! Project variables and who sees which.

use std::collections::HashMap;

use crate::yaml::{Map, Node, Value};

/// All variables of an invocation.
#[derive(Debug, Clone, Default)]
pub struct Vars {
    /// `--vars`.
    pub cli: Map,
    /// The root project's name.
    pub root: String,
    /// `vars:` of every project, by project name, unrendered.
    pub projects: HashMap<String, Map>,
}

impl Vars {
    /// The value that `var(name)` has for a node of `package`.
    ///
    /// Order: `--vars`; the root's `vars` for that package; the root's own; the package's `vars` for itself; the package's own.
    pub fn lookup(&self, package: &str, name: &str) -> Option<&Value> {
        if let Some(value) = self.cli.get(name) {
            return Some(&value.value);
        }
        let in_project = |project: &str| -> Option<&Value> {
            let vars = self.projects.get(project)?;
            let scoped = vars.get(package).and_then(|node| node.value.as_map()).and_then(|map| map.get(name));
            scoped.or_else(|| vars.get(name)).map(|node| &node.value)
        };
        in_project(&self.root).or_else(|| if package == self.root { None } else { in_project(package) })
    }

    /// Everything a node of `package` can see, for the message about a missing one.
    pub fn visible(&self, package: &str) -> Map {
        let mut all = Map::new();
        let mut add = |map: Option<&Map>| {
            for (key, value) in map.into_iter().flat_map(Map::iter) {
                all.insert(key, Node::new(value.value.clone()));
            }
        };
        for project in if package == self.root { vec![package] } else { vec![package, &self.root] } {
            let vars = self.projects.get(project);
            add(vars);
            add(vars.and_then(|vars| vars.get(package)).and_then(|node| node.value.as_map()));
        }
        add(Some(&self.cli));
        all
    }
}
