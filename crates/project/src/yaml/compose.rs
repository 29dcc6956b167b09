//! From the parser's events to the tree: anchors, aliases, merge keys, tags.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use diagnostic::{Diagnostic, Location};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::scalar::{int_value, parse_float, parse_int, parse_timestamp, resolve_plain};
use super::value::Key;
use super::{Map, Node, Position, Value, YamlError};

/// Nesting beyond this is refused; hand-written files stay below twenty.
const MAX_DEPTH: usize = 100;
/// Values that aliases may add to a document.
const MAX_ALIASED_VALUES: usize = 1_000_000;

/// Reads the one document of `source`; an empty one is null. Duplicate keys are returned as warnings.
///
/// # Errors
/// The first mistake in the text, as [`YamlError`] with its position; see [`YamlError::diagnostic`].
pub fn parse(source: &str) -> Result<(Node, Vec<DuplicateKey>), YamlError> {
    let mut text = Cow::Borrowed(source);
    let mut padded = BTreeSet::new();
    loop {
        let mut composer = Composer::new(&text, &padded);
        let error = match composer.document() {
            Ok(node) => return Ok((node, composer.duplicates)),
            Err(error) => error,
        };
        let Some(line) = line_to_pad(&error, &padded).filter(|_| padded.len() < MAX_PADDED_LINES) else {
            return Err(error);
        };
        match pad(&text, line) {
            Some(longer) => text = Cow::Owned(longer),
            None => return Err(error),
        }
        padded.insert(line);
    }
}

/// In YAML 1.1 a line inside quotes or brackets may start anywhere, as in `vars: {` … `}` with the `}` below a deeper key. The
/// parser follows YAML 1.2, where it must be indented. White space there means nothing, so such a line is moved to the right
/// and the text read again.
fn line_to_pad(error: &YamlError, padded: &BTreeSet<usize>) -> Option<usize> {
    let YamlError::Syntax { problem, position } = error else { return None };
    match problem.as_str() {
        "invalid indentation" | "invalid indentation in flow construct" => {
            Some(position.line).filter(|line| !padded.contains(line))
        }
        // Reported where the quotes start. The lines between there and the one that is meant lie within the quotes too.
        "invalid indentation in quoted scalar" => (position.line + 1..).find(|line| !padded.contains(line)),
        _ => None,
    }
}

/// How far a line is moved: further than anything is indented.
const PADDING: usize = 512;
/// Every such line costs another reading of the file.
const MAX_PADDED_LINES: usize = 500;

fn pad(text: &str, line: usize) -> Option<String> {
    let start = match line {
        0 | 1 => return None,
        line => text.match_indices('\n').nth(line - 2)?.0 + 1,
    };
    Some(format!("{}{}{}", &text[..start], " ".repeat(PADDING), &text[start..]))
}

/// Reads `source` for a reader of `file`: mistakes as diagnostics, duplicate keys among them as warnings.
///
/// `None` only when there is an error among the diagnostics.
pub fn parse_file(file: &str, source: &str) -> (Option<Node>, Vec<Diagnostic>) {
    match parse(source) {
        Ok((node, duplicates)) => {
            (Some(node), duplicates.iter().map(|duplicate| duplicate.diagnostic(file, source)).collect())
        }
        Err(error) => (None, vec![error.diagnostic(file, source)]),
    }
}

/// A key that one mapping has twice; the last value counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKey {
    /// The key.
    pub key: String,
    /// Where it comes again.
    pub position: Position,
}

impl DuplicateKey {
    /// The warning as a reader sees it.
    pub fn diagnostic(&self, file: &str, source: &str) -> Diagnostic {
        Diagnostic::warning(format!(
            "Duplicate key '{}' at line {} in {file}, previous value is discarded",
            self.key, self.position.line
        ))
        .named("DuplicateYAMLKeysDeprecation")
        .at(Location::in_source(file, source, self.position.line, Some(self.position.column)))
        .cause("a mapping has this key twice; only the last value counts")
        .fix("remove one of them")
    }
}

struct Composer<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// The last character's place, when the text does not end with a line break.
    open_end: Option<usize>,
    /// Lines that were moved to the right by [`PADDING`].
    padded: &'a BTreeSet<usize>,
    anchors: HashMap<usize, (Node, usize)>,
    open_anchors: Vec<usize>,
    aliased_values: usize,
    duplicates: Vec<DuplicateKey>,
}

impl<'a> Composer<'a> {
    fn new(source: &'a str, padded: &'a BTreeSet<usize>) -> Self {
        Self {
            parser: Parser::new_from_str(source),
            open_end: (!source.ends_with(['\n', '\r'])).then(|| source.chars().count()),
            padded,
            anchors: HashMap::new(),
            open_anchors: Vec::new(),
            aliased_values: 0,
            duplicates: Vec::new(),
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                Err(YamlError::Syntax { problem: error.info().to_owned(), position: self.position(error.marker()) })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn position(&self, marker: &Marker) -> Position {
        let line = marker.line();
        let moved = if self.padded.contains(&line) { PADDING } else { 0 };
        Position { line, column: (marker.col() + 1).saturating_sub(moved).max(1) }
    }

    fn document(&mut self) -> Result<Node, YamlError> {
        let mut found = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(found.unwrap_or_default()),
                Event::StreamStart | Event::Nothing | Event::DocumentEnd => {}
                Event::DocumentStart(_) if found.is_some() => {
                    return Err(YamlError::SecondDocument { position: self.position(&span.start) });
                }
                Event::DocumentStart(_) => {}
                event => found = Some(self.node(event, span, 0)?.0),
            }
        }
    }

    /// A node and how many values it holds.
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<(Node, usize), YamlError> {
        let at = self.position(&span.start);
        if depth > MAX_DEPTH {
            return Err(YamlError::TooDeep { limit: MAX_DEPTH, position: at });
        }
        let (anchor, value, size) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                // A block that the text's end cuts off has no line break there; the parser adds one.
                let is_cut = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
                    && self.open_end.is_some_and(|end| span.end.index() >= end);
                let text = text.strip_suffix('\n').filter(|_| is_cut).unwrap_or(&text);
                (anchor, scalar(text, style, tag.as_deref(), at)?, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), "seq", at)?;
                self.open_anchors.push(anchor);
                let (items, size) = self.sequence(depth)?;
                self.open_anchors.pop();
                (anchor, Value::Seq(items), size)
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), "map", at)?;
                self.open_anchors.push(anchor);
                let (map, size) = self.mapping(depth)?;
                self.open_anchors.pop();
                (anchor, Value::Map(map), size)
            }
            _ => (0, Value::Null, 1),
        };
        let node = Node::at(value, at);
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok((node, size))
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Result<(Node, usize), YamlError> {
        if self.open_anchors.contains(&anchor) {
            return Err(YamlError::RecursiveAlias { position: at });
        }
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(YamlError::Syntax { problem: "found undefined alias".to_owned(), position: at });
        };
        self.aliased_values = self.aliased_values.saturating_add(*size);
        if self.aliased_values > MAX_ALIASED_VALUES {
            return Err(YamlError::TooManyValues { limit: MAX_ALIASED_VALUES, position: at });
        }
        Ok((node.clone(), *size))
    }

    fn sequence(&mut self, depth: usize) -> Result<(Vec<Node>, usize), YamlError> {
        let mut items = Vec::new();
        let mut size = 1;
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((items, size));
            }
            let (item, item_size) = self.node(event, span, depth + 1)?;
            size += item_size;
            items.push(item);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<(Map, usize), YamlError> {
        let mut own: Vec<(Node, Node)> = Vec::new();
        let mut merged: Vec<(Node, Node)> = Vec::new();
        let mut size = 1;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let is_merge = is_merge_key(&event);
            let (key, key_size) = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let (value, value_size) = self.node(event, span, depth + 1)?;
            size += key_size + value_size;
            if is_merge { merge(value, &mut merged)? } else { own.push((key, value)) }
        }
        let mut map = Map::with_capacity(merged.len() + own.len());
        let unhashable = |key: Node| YamlError::UnhashableKey { position: key.position };
        for (key, value) in merged {
            map.insert_node(key, value).map_err(unhashable)?;
        }
        // What `<<` has brought may come again, once.
        let mut only_merged: HashSet<Key> = map.keys().cloned().collect();
        for (key, value) in own {
            let Some(replaced) = map.insert_node(key, value).map_err(unhashable)? else { continue };
            let key = replaced.key;
            if only_merged.is_empty() || Key::of(&key.value).is_some_and(|identity| !only_merged.remove(&identity)) {
                let text = key.value.scalar_text().unwrap_or_default();
                self.duplicates.push(DuplicateKey { key: text, position: key.position });
            }
        }
        Ok((map, size))
    }
}

fn is_merge_key(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, _, None) => text == "<<",
        Event::Scalar(_, _, _, Some(tag)) => tag.is_yaml_core_schema() && tag.suffix == "merge",
        _ => false,
    }
}

/// Adds what `<<: value` brings. Of several mappings the earlier wins, so they are added last to first.
fn merge(value: Node, into: &mut Vec<(Node, Node)>) -> Result<(), YamlError> {
    let at = value.position;
    let mut add = |value: Value, at: Position| match value {
        Value::Map(map) => {
            into.extend(map.entries().map(|entry| (entry.key.clone(), entry.value.clone())));
            Ok(())
        }
        other => Err(YamlError::BadMerge { found: other.kind(), position: at }),
    };
    match value.value {
        Value::Seq(items) => items.into_iter().rev().try_for_each(|item| add(item.value, item.position)),
        other => add(other, at),
    }
}

fn check_tag(tag: Option<&Tag>, expected: &str, at: Position) -> Result<(), YamlError> {
    match tag {
        None => Ok(()),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == expected => Ok(()),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(()),
        Some(tag) => Err(YamlError::UnknownTag { tag: tag_name(tag), position: at }),
    }
}

fn tag_name(tag: &Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, at: Position) -> Result<Value, YamlError> {
    let bad = |expected: &'static str| YamlError::BadScalar { text: text.to_owned(), expected, position: at };
    // A lone `!` says nothing.
    let Some(tag) = tag.filter(|tag| !(tag.handle.is_empty() && tag.suffix == "!")) else {
        return match style {
            ScalarStyle::Plain => resolve_plain(text).map_err(bad),
            _ => Ok(Value::Str(text.to_owned())),
        };
    };
    if !tag.is_yaml_core_schema() {
        return Err(YamlError::UnknownTag { tag: tag_name(tag), position: at });
    }
    match tag.suffix.as_str() {
        "str" => Ok(Value::Str(text.to_owned())),
        "null" => Ok(Value::Null),
        "bool" => match text.to_lowercase().as_str() {
            "yes" | "true" | "on" => Ok(Value::Bool(true)),
            "no" | "false" | "off" => Ok(Value::Bool(false)),
            _ => Err(bad("a boolean")),
        },
        "int" => parse_int(text).map(int_value).ok_or_else(|| bad("an integer")),
        "float" => parse_float(text).map(Value::Float).ok_or_else(|| bad("a float")),
        "timestamp" => parse_timestamp(text).ok_or_else(|| bad("a timestamp")),
        _ => Err(YamlError::UnknownTag { tag: tag_name(tag), position: at }),
    }
}
