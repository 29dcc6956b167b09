//! Object keys as file paths, there and back.
//!
//! `year=2024/part-0.parquet` is the file of that name. What a file system cannot hold is spelled with `%`, which itself is always `%25`:
//! - control characters and the segments `.` and `..` as `%XX`, so that no key leaves its bucket;
//! - an empty segment (`a//b`, `a/`) as `%e`;
//! - a segment longer than a file name may be, as directories ending in `%+`;
//! - an object whose key is also a directory (`a` beside `a/b`) as `a%o`: see [`super::files`].

use std::path::PathBuf;

/// Marks the file of an object whose key is also a directory.
pub(super) const OBJECT: &str = "%o";
/// Marks a directory that holds the rest of a long segment.
const CONTINUED: &str = "%+";
/// Stands for an empty segment.
const EMPTY: &str = "%e";
/// File names may have 255 bytes; the rest is for markers.
const LONGEST: usize = 200;

/// The path of a key, relative to its bucket.
pub(super) fn to_path(key: &str) -> PathBuf {
    key.split('/').flat_map(components).collect()
}

/// The file names that one segment takes.
fn components(segment: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    if segment.is_empty() {
        EMPTY.clone_into(&mut names[0]);
    }
    let dots = matches!(segment, "." | "..");
    for c in segment.chars() {
        let mut buffer = [0; 4];
        let text = match c {
            '%' => "%25".to_owned(),
            '.' if dots => "%2E".to_owned(),
            c if c.is_ascii_control() => format!("%{:02X}", u32::from(c)),
            c => c.encode_utf8(&mut buffer).to_owned(),
        };
        let last = names.len() - 1;
        if names[last].len() + text.len() > LONGEST {
            names[last].push_str(CONTINUED);
            names.push(text);
        } else {
            names[last].push_str(&text);
        }
    }
    names
}

/// What a file name means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A whole segment, or the end of a long one.
    Segment(String),
    /// The same, marked as the object of that key.
    Object(String),
    /// The beginning of a long segment.
    Continued(String),
}

/// `None` for names that no key makes.
pub(super) fn from_name(name: &str) -> Option<Name> {
    if name == EMPTY {
        return Some(Name::Segment(String::new()));
    }
    if name.strip_suffix(OBJECT).is_some_and(|stem| stem == EMPTY) {
        return Some(Name::Object(String::new()));
    }
    if let Some(stem) = name.strip_suffix(OBJECT) {
        return decode(stem).map(Name::Object);
    }
    if let Some(stem) = name.strip_suffix(CONTINUED) {
        return decode(stem).map(Name::Continued);
    }
    decode(name).map(Name::Segment)
}

fn decode(name: &str) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let code = u8::from_str_radix(rest.get(at + 1..at + 3)?, 16).ok()?;
        text.push(char::from(code));
        rest = &rest[at + 3..];
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_comes_back_and_stays_in_its_bucket() {
        let long = "ü%".repeat(400);
        let keys = [
            "a",
            "a/b c/d=1%2F",
            "a//b",
            "/a",
            "a/",
            "..",
            "../../etc",
            "a/./b",
            "%e",
            "%o",
            "a%o",
            "x\u{1}y",
            "",
            &long,
        ];
        for key in keys {
            let path = to_path(key);
            let mut back: Vec<String> = Vec::new();
            let mut begun = String::new();
            for component in path.components() {
                let std::path::Component::Normal(name) = component else { panic!("{key} leaves its bucket: {path:?}") };
                assert!(name.len() <= 255);
                match from_name(name.to_str().unwrap()).unwrap() {
                    Name::Continued(text) => begun.push_str(&text),
                    Name::Segment(text) | Name::Object(text) => back.push(std::mem::take(&mut begun) + &text),
                }
            }
            assert_eq!(back.join("/"), key);
        }
    }
}
