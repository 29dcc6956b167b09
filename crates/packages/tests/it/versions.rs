//! `tests/versions.txt`: what dbt makes of versions and ranges.

use packages::version::{Bound, Range, highest, installable};

#[test]
fn versions_and_ranges_are_read_as_dbt_reads_them() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("../versions.txt").lines().filter(|line| !line.starts_with('#')) {
        count += 1;
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["parse", text, expected] => {
                let found = Bound::parse(text).map_or_else(|_| "error".to_owned(), |bound| bound.to_string());
                if found != *expected {
                    wrong.push(format!("{line}\n  found {found}"));
                }
            }
            ["range", bounds, versions, range, best, kind, in_order] => {
                let bounds: Vec<Bound> = bounds.split(' ').map(|text| Bound::parse(text).unwrap()).collect();
                let versions: Vec<String> = versions.split(' ').map(str::to_owned).collect();
                let found = Range::of(&bounds);
                let shown = found.as_ref().map_or_else(|_| "incompatible".to_owned(), Range::to_string);
                let chosen = found.ok().and_then(|range| highest(&range, &versions)).unwrap_or_else(|| "-".to_owned());
                let sorted = installable(&versions, *kind == "pre").unwrap().join(" ");
                let sorted = if sorted.is_empty() { "-".to_owned() } else { sorted };
                if (shown.as_str(), chosen.as_str(), sorted.as_str()) != (range, best, in_order) {
                    wrong.push(format!("{line}\n  found {shown} | {chosen} | {sorted}"));
                }
            }
            _ => wrong.push(format!("unreadable: {line}")),
        }
    }
    assert!(count > 700);
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}
