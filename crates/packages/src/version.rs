//! dbt's versions and ranges of versions: SemVer with some habits of its own, which decide what is installed.
//!
//! Source: answers of dbt-common's `semver` module, in `tests/versions.txt`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

/// The sign before a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Exact,
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Sign {
    fn is_lower(self) -> bool {
        matches!(self, Self::Above | Self::AtLeast)
    }

    fn is_upper(self) -> bool {
        matches!(self, Self::Below | Self::AtMost)
    }
}

/// A version with its sign: `>=1.2.0-rc.1`. Without one it is exactly that version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    sign: Sign,
    numbers: [String; 3],
    prerelease: Option<String>,
    build: Option<String>,
}

/// The text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a valid semantic version.")]
pub struct NoVersion(pub String);

/// Bounds that no version satisfies together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Could not find a satisfactory version from options: [{}]", .0.iter().map(|bound| format!("'{bound}'")).collect::<Vec<_>>().join(", "))]
pub struct Incompatible(pub Vec<String>);

/// The dash before the prerelease may be missing: `1.0.0rc1`.
static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let number = r"(0|[1-9]\d*)";
    let tag = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)";
    let shape = format!(
        r"(?-u)^(>=|>|<=|<|=)?{number}\.{number}\.{number}(?:-?({tag}(?:\.{tag})*))?(?:\+([0-9A-Za-z-]*(?:\.[0-9A-Za-z-]*)*))?$"
    );
    Regex::new(&shape).ok()
});

impl Bound {
    /// Reads `>=1.0.0`.
    ///
    /// # Errors
    /// Anything else than one sign, three numbers, and a tag.
    pub fn parse(text: &str) -> Result<Self, NoVersion> {
        let fail = || NoVersion(text.to_owned());
        let found = SHAPE.as_ref().and_then(|shape| shape.captures(text)).ok_or_else(fail)?;
        let group = |at: usize| found.get(at).map(|part| part.as_str().to_owned());
        let sign = match found.get(1).map(|sign| sign.as_str()) {
            Some(">=") => Sign::AtLeast,
            Some(">") => Sign::Above,
            Some("<=") => Sign::AtMost,
            Some("<") => Sign::Below,
            _ => Sign::Exact,
        };
        let number = |at| group(at).unwrap_or_default();
        Ok(Self { sign, numbers: [number(2), number(3), number(4)], prerelease: group(5), build: group(6) })
    }

    /// Whether it names a prerelease.
    pub fn is_prerelease(&self) -> bool {
        self.prerelease.is_some()
    }

    /// The version without its sign.
    pub fn version(&self) -> String {
        let [major, minor, patch] = &self.numbers;
        let prerelease = self.prerelease.as_ref().map(|tag| format!("-{tag}")).unwrap_or_default();
        let build = self.build.as_ref().filter(|tag| !tag.is_empty()).map(|tag| format!("+{tag}")).unwrap_or_default();
        format!("{major}.{minor}.{patch}{prerelease}{build}")
    }

    /// By the numbers, then by the prerelease, then by the signs: `>1.0.0` begins above `>=1.0.0`. Builds do not count.
    pub fn compare(&self, other: &Self) -> Ordering {
        for (mine, theirs) in self.numbers.iter().zip(&other.numbers) {
            // No leading zeros, so that the longer number is the larger one.
            let order = mine.len().cmp(&theirs.len()).then_with(|| mine.cmp(theirs));
            if order.is_ne() {
                return order;
            }
        }
        match (&self.prerelease, &other.prerelease) {
            // `<1.0.0` keeps the prereleases of 1.0.0 out.
            (None, Some(_)) if self.sign == Sign::Below => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(mine), Some(theirs)) if compare_tags(mine, theirs).is_ne() => return compare_tags(mine, theirs),
            _ => {}
        }
        self.compare_signs(other)
    }

    fn compare_signs(&self, other: &Self) -> Ordering {
        match (self.sign, other.sign) {
            (Sign::AtLeast, Sign::AtMost) | (Sign::AtMost, Sign::AtLeast) => Ordering::Equal,
            (Sign::Below, Sign::AtMost) | (Sign::AtLeast, Sign::Above) => Ordering::Less,
            (Sign::AtMost, Sign::Below) | (Sign::Above, Sign::AtLeast) => Ordering::Greater,
            (mine, theirs) if mine.is_upper() && theirs.is_lower() => Ordering::Less,
            (mine, theirs) if mine.is_lower() && theirs.is_upper() => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.sign {
            Sign::Exact => "=",
            Sign::Above => ">",
            Sign::AtLeast => ">=",
            Sign::Below => "<",
            Sign::AtMost => "<=",
        };
        write!(f, "{sign}{}", self.version())
    }
}

/// Numbers come before words; of tags that begin alike the longer text is the later one.
fn compare_tags(mine: &str, theirs: &str) -> Ordering {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    for (a, b) in mine.split('.').zip(theirs.split('.')) {
        let order = match (is_number(a), is_number(b)) {
            (true, true) => {
                let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => a.cmp(b),
        };
        if order.is_ne() {
            return order;
        }
    }
    mine.len().cmp(&theirs.len())
}

/// What several bounds allow together. `None` is unbounded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    start: Option<Bound>,
    end: Option<Bound>,
}

impl Range {
    /// What all bounds allow together.
    ///
    /// # Errors
    /// When they exclude each other.
    pub fn of(bounds: &[Bound]) -> Result<Self, Incompatible> {
        // dbt starts from the last one, which decides which of two equal bounds is shown.
        let Some((last, others)) = bounds.split_last() else { return Ok(Self::default()) };
        let mut range = Self::single(last);
        for bound in others {
            range = range
                .and(&Self::single(bound))
                .ok_or_else(|| Incompatible(bounds.iter().map(Bound::to_string).collect()))?;
        }
        Ok(range)
    }

    fn single(bound: &Bound) -> Self {
        Self {
            start: Some(bound.clone()).filter(|bound| !bound.sign.is_upper()),
            end: Some(bound.clone()).filter(|bound| !bound.sign.is_lower()),
        }
    }

    fn and(&self, other: &Self) -> Option<Self> {
        let is_exact = |range: &Self| range.start.as_ref().is_some_and(|start| start.sign == Sign::Exact);
        let combined = if is_exact(self) && is_exact(other) {
            let (mine, theirs) = (self.start.as_ref()?, other.start.as_ref()?);
            mine.compare(theirs).is_eq().then(|| Self { start: Some(mine.clone()), end: Some(mine.clone()) })?
        } else {
            let start = combine(self.start.as_ref(), other.start.as_ref(), Ordering::Less)?;
            let end = combine(self.end.as_ref(), other.end.as_ref(), Ordering::Greater)?;
            Self { start, end }
        };
        match (&combined.start, &combined.end) {
            (Some(start), Some(end)) if start.compare(end).is_gt() => None,
            _ => Some(combined),
        }
    }

    /// Whether a version lies in the range.
    pub fn allows(&self, version: &Bound) -> bool {
        let bounds: Vec<Bound> =
            [Some(version), self.start.as_ref(), self.end.as_ref()].into_iter().flatten().cloned().collect();
        Self::of(&bounds).is_ok()
    }
}

/// The narrower of two bounds on one side; `outside` is how a bound compares that lies further out than the other.
/// The outer `None`: an exact version lies beyond the other bound.
fn combine(mine: Option<&Bound>, theirs: Option<&Bound>, outside: Ordering) -> Option<Option<Bound>> {
    let (mine, theirs) = match (mine, theirs) {
        (Some(mine), Some(theirs)) => (mine, theirs),
        (one, other) => return Some(one.or(other).cloned()),
    };
    let (bound, exact) = match (mine.sign, theirs.sign) {
        (Sign::Exact, _) => (theirs, mine),
        (_, Sign::Exact) => (mine, theirs),
        _ => return Some(Some(if mine.compare(theirs) == outside { theirs } else { mine }.clone())),
    };
    let order = bound.compare(exact);
    let touches = order.is_eq() && matches!(bound.sign, Sign::AtLeast | Sign::AtMost);
    (order == outside || touches).then(|| Some(exact.clone()))
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.start, &self.end) {
            (None, None) => write!(f, "ANY"),
            (Some(only), None) | (None, Some(only)) => write!(f, "{only}"),
            (Some(start), Some(end)) => write!(f, "{start}, {end}"),
        }
    }
}

/// The versions that may be installed, lowest first: prereleases only where they were asked for.
pub fn installable(versions: &[String], prereleases: bool) -> Result<Vec<String>, NoVersion> {
    let mut found = Vec::new();
    for text in versions {
        let version = Bound::parse(text)?;
        if prereleases || !version.is_prerelease() {
            found.push((version, text.clone()));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.compare(b));
    Ok(found.into_iter().map(|(_, text)| text).collect())
}

/// The highest of the versions in a range.
pub fn highest(range: &Range, versions: &[String]) -> Option<String> {
    let mut best: Option<(Bound, &String)> = None;
    for text in versions {
        let Ok(version) = Bound::parse(text) else { continue };
        let is_higher = best.as_ref().is_none_or(|(highest, _)| highest.compare(&version).is_lt());
        if is_higher && range.allows(&version) {
            best = Some((version, text));
        }
    }
    best.map(|(_, text)| text.clone())
}
