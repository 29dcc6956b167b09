//! Seeds too big to be hashed: of such dbt knows the path only, and says what it makes of it.

use artifacts::manifest::{Node, ResourceType};
use diagnostic::{Diagnostic, Location};

/// What to tell when a seed is compared that is bigger than `limit_mib` MiB; `None` of any other node.
///
/// Source: dbt Core 1.12, `SeedNode.same_seeds`.
pub(super) fn told(new: &Node, old: &Node, limit_mib: u64) -> Option<Diagnostic> {
    if new.resource_type != ResourceType::Seed || new.checksum.name != "path" {
        return None;
    }
    let (name, outcome) = if old.checksum.name != "path" {
        ("SeedIncreased", format!("in size. The previous file was <={limit_mib}MiB, so it has changed"))
    } else if new.checksum == old.checksum {
        (
            "SeedExceedsLimitSamePath",
            "in size at the same path, dbt cannot tell if it has changed: assuming they are the same".to_owned(),
        )
    } else {
        (
            "SeedExceedsLimitAndPathChanged",
            "in size. The previous file was in a different location, assuming it has changed".to_owned(),
        )
    };
    let what = format!("Found a seed ({}.{}) >{limit_mib}MiB {outcome}", new.package_name, new.name);
    Some(
        Diagnostic::warning(what)
            .named(name)
            .at(Location::file(&new.original_file_path))
            .cause("only smaller seeds are compared by what is in them")
            .fix("raise --maximum-seed-size-mib, or load the file as a source"),
    )
}

#[cfg(test)]
mod tests {
    use artifacts::manifest::Checksum;

    use super::*;

    fn seed(name: &str, checksum: &str) -> Node {
        Node {
            resource_type: ResourceType::Seed,
            package_name: "shop".to_owned(),
            name: "big".to_owned(),
            checksum: Checksum { name: name.to_owned(), checksum: checksum.to_owned() },
            ..Node::default()
        }
    }

    #[test]
    fn a_seed_is_told_of_when_it_has_only_a_path() {
        let name = |new: &Node, old: &Node| told(new, old, 1).and_then(|told| told.name);
        let (small, here, there) = (seed("sha256", "ab"), seed("path", "seeds/big.csv"), seed("path", "old/big.csv"));
        assert_eq!(name(&small, &here), None);
        assert_eq!(name(&here, &small), Some("SeedIncreased"));
        assert_eq!(name(&here, &here), Some("SeedExceedsLimitSamePath"));
        assert_eq!(name(&here, &there), Some("SeedExceedsLimitAndPathChanged"));
        assert!(told(&here, &small, 2).is_some_and(|told| told.what.contains("(shop.big) >2MiB in size")));
    }
}
