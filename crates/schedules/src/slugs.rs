//! Writes identifiers into files that have none yet, and touches nothing else in them: comments, quotes and order stay.

use std::collections::{BTreeMap, BTreeSet};

use diagnostic::Diagnostic;
use project::SourceText;
use project::yaml::{self, Map, Node, Position, Value};

use crate::slug::{is_slug, mint_slug};

/// A file with identifiers added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// As in [`SourceText::file`].
    pub file: String,
    /// The whole new text.
    pub text: String,
    /// What was done, one line for each schedule and reference.
    pub changes: Vec<String>,
}

/// Adds what the official client's `verify` adds: `slug` after the `name` of schedules that have none (of the second generation, `name` and
/// `display_name` become `slug` and `name`), and slugs beside references by name. Files that need nothing are not among the answers. A file that
/// cannot be changed without changing more than that is reported instead.
///
/// Schedules in `deployed` keep their names as identifiers, as their runs hang on them. Unlike the official client, which mints one for every
/// name that it does not know, a name that is an identifier already becomes its own slug. `random` gives what makes a minted one unique.
pub fn add_slugs(
    files: &[SourceText],
    deployed: &BTreeSet<String>,
    mut random: impl FnMut() -> [u8; 3],
) -> (Vec<Rewrite>, Vec<Diagnostic>) {
    let trees: Vec<(&SourceText, Node)> =
        files.iter().filter_map(|file| Some((file, yaml::parse(&file.text).ok()?.0))).collect();
    let names = Names::of(trees.iter().map(|(_, tree)| tree), deployed, &mut random);
    let mut rewrites = Vec::new();
    let mut diagnostics = Vec::new();
    for (source, mut tree) in trees {
        let edits = edits(&mut tree, &names);
        if edits.is_empty() {
            continue;
        }
        let text = apply(&source.text, &edits);
        // Two aliases of one place would write the key twice.
        let twice = |text: &str| yaml::parse(text).map_or(0, |(_, twice)| twice.len());
        if yaml::parse(&text).is_ok_and(|(new, _)| new == tree) && twice(&text) == twice(&source.text) {
            let changes = edits.into_iter().filter_map(|edit| edit.says).collect();
            rewrites.push(Rewrite { file: source.file.clone(), text, changes });
        } else {
            diagnostics.push(by_hand(source, &edits));
        }
    }
    (rewrites, diagnostics)
}

fn by_hand(source: &SourceText, edits: &[Edit]) -> Diagnostic {
    let lines: Vec<String> = edits.iter().filter_map(|edit| edit.says.clone()).collect();
    let at = edits.first().map(|edit| edit.at).unwrap_or_default();
    source
        .error(at, format!("{} cannot be changed without touching more than the slugs", source.file))
        .cause("anchors, aliases or values over several lines are in the way")
        .fix(format!("write by hand:\n{}", lines.join("\n")))
}

/// The identifiers of names.
struct Names(BTreeMap<String, String>);

impl Names {
    fn of<'n>(
        trees: impl Iterator<Item = &'n Node>,
        deployed: &BTreeSet<String>,
        random: &mut impl FnMut() -> [u8; 3],
    ) -> Self {
        let mut slugs = BTreeMap::new();
        let mut wanting = Vec::new();
        for map in trees.flat_map(schedules) {
            let (slug, name, label) = (text(map, "slug"), text(map, "name"), text(map, "display_name"));
            match (slug, name, label) {
                (Some(slug), Some(name), _) => _ = slugs.insert(name.to_owned(), slug.to_owned()),
                (None, Some(name), Some(label)) => {
                    slugs.insert(name.to_owned(), name.to_owned());
                    slugs.insert(label.to_owned(), name.to_owned());
                }
                (None, Some(name), None) if deployed.contains(name) || is_slug(name) => {
                    slugs.insert(name.to_owned(), name.to_owned());
                }
                (None, Some(name), None) => wanting.push(name.to_owned()),
                _ => {}
            }
        }
        for name in wanting {
            if !slugs.contains_key(&name) {
                let taken = |slug: &String| deployed.contains(slug) || slugs.values().any(|known| known == slug);
                // 16 million suffixes: the second one is free.
                let slug = std::iter::repeat_with(|| mint_slug(&name, random())).take(100).find(|slug| !taken(slug));
                slugs.extend(slug.map(|slug| (name, slug)));
            }
        }
        // Schedules that were deployed by name get no slug of their own.
        slugs.retain(|name, slug| name != slug || !deployed.contains(name));
        Self(slugs)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

fn schedules(tree: &Node) -> Vec<&Map> {
    let items = tree.value.as_map().and_then(|map| map.get("schedules")?.value.as_seq()).unwrap_or_default();
    items.iter().filter_map(|item| item.value.as_map()).collect()
}

fn text<'n>(map: &'n Map, key: &str) -> Option<&'n str> {
    map.get(key)?.value.as_str().filter(|text| !text.is_empty())
}

/// A change of one place.
struct Edit {
    at: Position,
    kind: Kind,
    /// For people; `None` for the second half of a change.
    says: Option<String>,
}

enum Kind {
    /// Another key in the place of `old`, at `at`.
    Rename { old: &'static str, new: &'static str },
    /// A new key on a line below that of the key at `at`, or behind its value, which is at `value`, in braces.
    Insert { key: &'static str, slug: String, value: Position },
}

/// The edits of a file. `tree` becomes what the new text has to say.
fn edits(tree: &mut Node, names: &Names) -> Vec<Edit> {
    let mut edits = Vec::new();
    let Value::Map(map) = &mut tree.value else { return edits };
    let Some(Node { value: Value::Seq(items), .. }) = map.get_mut("schedules") else { return edits };
    for item in items {
        let Value::Map(map) = &mut item.value else { continue };
        own(map, names, &mut edits);
        for key in ["deferred_schedule", "turbo_ci"] {
            for by_name in ["deferred_schedule_name", "deferred_manifest_schedule"] {
                reference(map, key, by_name, "deferred_schedule_slug", names, &mut edits);
            }
        }
        reference(map, "schedule_trigger", "schedule_name", "schedule_slug", names, &mut edits);
        reference(map, "run_after", "schedule", "schedule_slug", names, &mut edits);
    }
    edits
}

fn own(map: &mut Map, names: &Names, edits: &mut Vec<Edit>) {
    let Some(name) = text(map, "name").map(str::to_owned).filter(|_| text(map, "slug").is_none()) else { return };
    let at = |map: &Map, key: &str| {
        map.entry(key).map(|entry| (entry.key.position, entry.value.position)).unwrap_or_default()
    };
    let (key, value) = at(map, "name");
    if let Some(label) = text(map, "display_name").map(str::to_owned) {
        let says = format!("'{label}': 'name' and 'display_name' are now 'slug' and 'name'");
        edits.push(Edit { at: key, kind: Kind::Rename { old: "name", new: "slug" }, says: Some(says) });
        let (key, _) = at(map, "display_name");
        edits.push(Edit { at: key, kind: Kind::Rename { old: "display_name", new: "name" }, says: None });
        map.remove("display_name");
        map.insert("name", Value::Str(label));
        map.insert("slug", Value::Str(name));
    } else if let Some(slug) = names.get(&name) {
        let says = Some(format!("'{name}': slug: {slug}"));
        edits.push(Edit { at: key, kind: Kind::Insert { key: "slug", slug: slug.to_owned(), value }, says });
        map.insert("slug", Value::Str(slug.to_owned()));
    }
}

fn reference(
    map: &mut Map,
    key: &str,
    by_name: &'static str,
    by_slug: &'static str,
    names: &Names,
    edits: &mut Vec<Edit>,
) {
    let Some(Node { value: Value::Map(map), .. }) = map.get_mut(key) else { return };
    let (Some(name), None) = (text(map, by_name), text(map, by_slug)) else { return };
    let Some(slug) = names.get(name).filter(|slug| *slug != name) else { return };
    let Some(entry) = map.entry(by_name) else { return };
    let says = Some(format!("{key} '{name}': {by_slug}: {slug}"));
    let kind = Kind::Insert { key: by_slug, slug: slug.to_owned(), value: entry.value.position };
    edits.push(Edit { at: entry.key.position, kind, says });
    let slug = Value::Str(slug.to_owned());
    map.insert(by_slug, slug);
}

/// The text with the edits made. What does not come out right is noticed when the text is read again.
fn apply(text: &str, edits: &[Edit]) -> String {
    let mut changes: Vec<(usize, usize, String)> = edits.iter().map(|edit| change(text, edit)).collect();
    changes.sort_by_key(|(start, _, _)| std::cmp::Reverse(*start));
    let mut text = text.to_owned();
    for (start, end, new) in changes {
        text.replace_range(start..end, &new);
    }
    text
}

/// The range of bytes to replace, and with what.
fn change(text: &str, edit: &Edit) -> (usize, usize, String) {
    let start = offset(text, edit.at);
    match &edit.kind {
        Kind::Rename { old, new } => {
            let found = text[start..].find(old).unwrap_or(0) + start;
            (found, (found + old.len()).min(text.len()), (*new).to_owned())
        }
        Kind::Insert { key, slug, value } => {
            let slug = match yaml::resolve_plain(slug) {
                Ok(Value::Str(_)) => slug.clone(),
                _ => format!("\"{slug}\""),
            };
            if in_braces(text, start) {
                let end = end_of_scalar(text, offset(text, *value));
                return (end, end, format!(", {key}: {slug}"));
            }
            let line = text[start..].find('\n').map_or(text.len(), |length| start + length + 1);
            let ending = if text[start..line].ends_with("\r\n") || (line == text.len() && text.contains("\r\n")) {
                "\r\n"
            } else {
                "\n"
            };
            let indent = " ".repeat(edit.at.column.saturating_sub(1));
            match text[..line].ends_with('\n') {
                true => (line, line, format!("{indent}{key}: {slug}{ending}")),
                false => (line, line, format!("{ending}{indent}{key}: {slug}")),
            }
        }
    }
}

fn offset(text: &str, position: Position) -> usize {
    let before: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    let line = text[before..].chars().take(position.column.saturating_sub(1));
    before + line.map(char::len_utf8).sum::<usize>()
}

/// Whether a key is written in braces: then one stands before it on its line, or a comma does.
fn in_braces(text: &str, key: usize) -> bool {
    let before = text[..key].trim_end();
    before.ends_with('{') || before.ends_with(',')
}

fn end_of_scalar(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''));
    let length = match quote {
        Some(quote) => rest[1..].find(quote).map_or(rest.len(), |at| at + 2),
        None => rest.find([',', '}', '\n']).map_or(rest.len(), |at| rest[..at].trim_end().len()),
    };
    start + length
}
