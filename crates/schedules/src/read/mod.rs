//! From the text of a file to schedules: shapes and types. What values mean together is [`crate::check`]'s.

mod keys;
mod place;
mod receivers;
mod schedule;
mod triggers;

use diagnostic::{Diagnostic, Severity};
use project::SourceText;
use project::yaml::{self, Node, Position, Value};

use crate::schedule::Schedule;
use keys::Reader;

pub(crate) use place::place;

/// One entry of a file's `schedules`.
pub(crate) struct Entry {
    /// The schedule, as far as it can be read; `None` when the entry is not a mapping.
    pub schedule: Option<Schedule>,
    /// Whether the entry has mistakes, so that parts of the schedule may be missing.
    pub broken: bool,
    /// What others call it, as far as that can be read.
    pub slug: Option<String>,
    /// The label others might call it instead.
    pub name: Option<String>,
    /// Whether the identifier was given as `slug`, and not as `name` in the older way.
    pub has_slug: bool,
    /// The entry as it was written.
    pub node: Node,
    /// Index of its file.
    pub file: usize,
}

impl Entry {
    /// How messages call it.
    pub fn called(&self) -> String {
        called(self.slug.as_deref(), self.node.position)
    }
}

fn called(slug: Option<&str>, position: Position) -> String {
    slug.map_or_else(|| format!("schedule at line {}", position.line), |slug| format!("schedule '{slug}'"))
}

/// Reads one file. `workspace` is the name of the workspace the file is for.
pub(crate) fn read_file(source: &SourceText, file: usize, workspace: Option<&str>) -> (Vec<Entry>, Vec<Diagnostic>) {
    let (tree, diagnostics) = yaml::parse_file(&source.file, &source.text);
    let mut reader = Reader { source, diagnostics, of: String::new() };
    let Some(tree) = tree else { return (Vec::new(), reader.diagnostics) };
    let mut entries = Vec::new();
    // An empty file is none.
    if !tree.value.is_null() {
        for node in items(&mut reader, &tree) {
            entries.push(entry(&mut reader, node, file, workspace));
        }
    }
    (entries, reader.diagnostics)
}

fn items<'n>(reader: &mut Reader<'_>, tree: &'n Node) -> &'n [Node] {
    let Value::Map(map) = &tree.value else {
        let fix = "begin the file with `schedules:` and indent the entries below it";
        let cause = format!("it is {}", tree.value.kind());
        reader.error(tree.position, "a schedules file must be a mapping with the key 'schedules'", cause, fix);
        return &[];
    };
    for entry in map.entries() {
        let text = entry.key.value.scalar_text().unwrap_or_default();
        if matches!(text.as_str(), "version" | "schedules") {
            continue;
        }
        let (cause, fix) = if schedule::KEYS.contains(&text.as_str()) {
            ("it belongs to a schedule".to_owned(), "move it into the entries below `schedules:`".to_owned())
        } else {
            let fix = match crate::nearest::nearest(&text, ["version", "schedules"]) {
                Some(known) => format!("did you mean '{known}'?"),
                None => "remove it".to_owned(),
            };
            ("a schedules file has the keys 'version' and 'schedules'".to_owned(), fix)
        };
        reader.error(entry.key.position, format!("unknown key '{text}' at the top of the file"), cause, fix);
    }
    if let Some(version) = map.get("version").filter(|node| node.value.as_int().is_none()) {
        reader.wrong("version", "a whole number", version, "write `version: 1`");
    }
    match map.get("schedules").map(|node| (&node.value, node)) {
        Some((Value::Seq(items), _)) => items,
        Some((Value::Null, _)) => &[],
        Some((_, node)) => {
            reader.wrong("schedules", "a list", node, "begin each schedule with a dash: `- name: …`");
            &[]
        }
        None => {
            let cause = "the file has nothing to say without it";
            reader.error(tree.position, "'schedules' is missing", cause, "add `schedules:` and the entries below it");
            &[]
        }
    }
}

fn entry(reader: &mut Reader<'_>, node: &Node, file: usize, workspace: Option<&str>) -> Entry {
    let text_at = |key: &str| node.value.as_map().and_then(|map| Some(map.get(key)?.value.as_str()?.to_owned()));
    let (slug, name, display_name) = (text_at("slug"), text_at("name"), text_at("display_name"));
    let has_slug = slug.as_deref().is_some_and(|slug| !slug.is_empty());
    let (slug, name) = match has_slug {
        true => (slug, name),
        false => (name.clone(), display_name.or(name)),
    };
    reader.of = called(slug.as_deref(), node.position);
    let before = reader.diagnostics.len();
    let schedule = schedule::read(reader, node, workspace);
    let broken = reader.diagnostics[before..].iter().any(|found| found.severity == Severity::Error);
    reader.of.clear();
    Entry { schedule, broken, slug, name, has_slug, node: node.clone(), file }
}
