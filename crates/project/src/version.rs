//! `require-dbt-version` against the version we claim to be.

use semver::Version;

/// The dbt Core version whose behaviour we follow: packages gate on it.
pub const CLAIMED_DBT_VERSION: &str = "1.12.0";

/// A list of comparisons that must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionRequirement {
    comparisons: Vec<(Comparison, Version)>,
    /// As written.
    pub texts: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl VersionRequirement {
    /// Reads `">=1.3.0,<2.0.0"` or a list of such.
    ///
    /// # Errors
    /// The comparison that is not an operator and a full version.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let parts = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
        let mut requirement = Self::default();
        for part in parts {
            let (comparison, version) = [
                (">=", Comparison::AtLeast),
                ("<=", Comparison::AtMost),
                (">", Comparison::Above),
                ("<", Comparison::Below),
                ("=", Comparison::Equal),
            ]
            .into_iter()
            .find_map(|(sign, comparison)| Some((comparison, part.strip_prefix(sign)?)))
            .unwrap_or((Comparison::Equal, part));
            let version = with_dash(version.trim().trim_start_matches('v'));
            let version = Version::parse(&version).map_err(|_| part.to_owned())?;
            requirement.comparisons.push((comparison, version));
            requirement.texts.push(part.to_owned());
        }
        Ok(requirement)
    }

    /// Whether a version satisfies every comparison.
    pub fn allows(&self, version: &Version) -> bool {
        self.comparisons.iter().all(|(comparison, wanted)| match comparison {
            Comparison::Equal => version == wanted,
            Comparison::Above => version > wanted,
            Comparison::AtLeast => version >= wanted,
            Comparison::Below => version < wanted,
            Comparison::AtMost => version <= wanted,
        })
    }

    /// Whether the version we claim satisfies it.
    pub fn allows_ours(&self) -> bool {
        Version::parse(CLAIMED_DBT_VERSION).is_ok_and(|ours| self.allows(&ours))
    }
}

/// `1.6.0-rc2` of `1.6.0rc2`, as dbt takes it too.
fn with_dash(version: &str) -> String {
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let (numbers, rest) = version.split_at(end);
    let dash = if rest.starts_with(|c: char| c.is_ascii_alphabetic()) { "-" } else { "" };
    format!("{numbers}{dash}{rest}")
}
