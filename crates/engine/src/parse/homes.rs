//! Which node an entry of a property file is about, when it is not in the entry's own package, or several packages have one of its name.

use std::collections::{HashMap, HashSet};

use artifacts::manifest::ResourceType;

use super::nodes::{Draft, Parser};

/// Packages that have a node of a kind and name, and whether it is enabled before property files speak. A model's name is its file's stem.
#[derive(Debug, Default)]
pub(super) struct Homes<'a>(HashMap<(ResourceType, &'a str), Vec<Home<'a>>>);

#[derive(Debug)]
struct Home<'a> {
    package: &'a str,
    path: &'a str,
    is_enabled: bool,
}

impl<'a> Homes<'a> {
    pub fn new(parser: &Parser<'_>, drafts: &'a [Draft<'_>]) -> Self {
        let mut found: HashMap<(ResourceType, &'a str), Vec<&'a Draft<'_>>> = HashMap::with_capacity(drafts.len());
        for draft in drafts {
            found.entry((draft.node.resource_type, draft.node.name.as_str())).or_default().push(draft);
        }
        let homes = found.into_iter().map(|(name, drafts)| {
            // Only the rare name that several packages have is worth parsing twice.
            let is_shared = drafts.len() > 1;
            let homes = drafts.into_iter().map(|draft| Home {
                package: &draft.node.package_name,
                path: &draft.node.original_file_path,
                is_enabled: !is_shared || parser.parse(draft.clone()).is_enabled(),
            });
            (name, homes.collect())
        });
        Self(homes.collect())
    }

    pub fn is_known(&self, kind: ResourceType, name: &str) -> bool {
        self.0.contains_key(&(kind, name))
    }

    /// How many nodes of this name `package` has, when all of them are switched off.
    pub fn switched_off(&self, kind: ResourceType, package: &str, name: &str) -> usize {
        let homes = self.0.get(&(kind, name)).map(Vec::as_slice).unwrap_or_default();
        let own = || homes.iter().filter(|home| home.package == package);
        if own().any(|home| home.is_enabled) { 0 } else { own().count() }
    }

    /// Package and file of every node that is off while its package has another of its kind and name that is on: no entry is about it.
    pub fn passed_over(&self) -> HashSet<(String, String)> {
        let mut found = HashSet::new();
        for homes in self.0.values().filter(|homes| homes.len() > 1) {
            for off in homes.iter().filter(|home| !home.is_enabled) {
                if homes.iter().any(|home| home.is_enabled && home.package == off.package) {
                    found.insert((off.package.to_owned(), off.path.to_owned()));
                }
            }
        }
        found
    }

    /// The package of the node that an entry of `package` is about: the own one, unless that is switched off and another package's is not.
    pub fn package_of<'b>(&'b self, kind: ResourceType, package: &'b str, name: &str) -> &'b str {
        let homes = self.0.get(&(kind, name)).map(Vec::as_slice).unwrap_or_default();
        let own = homes.iter().find(|home| home.package == package);
        let enabled = || homes.iter().find(|home| home.is_enabled).map(|home| home.package);
        match own {
            Some(own) if own.is_enabled => package,
            _ => enabled().unwrap_or(package),
        }
    }
}
