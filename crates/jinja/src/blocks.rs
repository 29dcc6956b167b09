//! The top-level blocks of a file (macro, test, materialization, snapshot, docs), found without parsing Jinja fully.
//!
//! Only comments, raw blocks, expressions and strings can hide a tag; everything else is text.

use crate::{Error, Result};

/// The kind of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// `{% macro … %}`
    Macro,
    /// `{% materialization … %}`
    Materialization,
    /// `{% test … %}`
    Test,
    /// `{% snapshot … %}`
    Snapshot,
    /// `{% docs … %}`
    Docs,
}

impl BlockKind {
    /// The word of its tag.
    pub fn tag(self) -> &'static str {
        match self {
            BlockKind::Macro => "macro",
            BlockKind::Materialization => "materialization",
            BlockKind::Test => "test",
            BlockKind::Snapshot => "snapshot",
            BlockKind::Docs => "docs",
        }
    }
}

/// One block of a file.
#[derive(Clone, Debug)]
pub struct Block<'s> {
    /// Its kind.
    pub kind: BlockKind,
    /// The name after the tag; empty when there is none.
    pub name: &'s str,
    /// What is between the tags.
    pub contents: &'s str,
    /// All of it, tags included (and the white space a `{%-` takes with it).
    pub full: &'s str,
    /// The line of its first tag, from 1.
    pub line: u32,
}

/// What [`extract_blocks`] found.
#[derive(Clone, Debug, Default)]
pub struct ExtractedBlocks<'s> {
    /// The blocks, in order.
    pub blocks: Vec<Block<'s>>,
    /// Tags at the top level that are none of the wanted blocks.
    pub unexpected: Vec<UnexpectedTag<'s>>,
}

/// A tag outside of every block.
#[derive(Clone, Debug)]
pub struct UnexpectedTag<'s> {
    /// Its first word: `set`.
    pub word: &'s str,
    /// From 1.
    pub line: u32,
}

/// Finds the blocks of these kinds.
///
/// # Errors
/// Unclosed comments, strings, tags and blocks, and blocks inside blocks or control flow.
pub fn extract_blocks<'s>(source: &'s str, kinds: &[BlockKind]) -> Result<ExtractedBlocks<'s>> {
    let mut scanner = Scanner { source, at: 0 };
    let mut found = ExtractedBlocks::default();
    let mut open: Option<(BlockKind, Tag<'s>)> = None;
    let mut control: Vec<&str> = Vec::new();
    while let Some(tag) = scanner.next_tag()? {
        match tag.word {
            "if" | "for" => control.push(tag.word),
            "endif" | "endfor" => {
                let opener = &tag.word[3..];
                let Some(last) = control.pop() else {
                    return Err(scanner.fail(
                        format!(
                            "Got an unexpected control flow end tag, got {} but never saw a preceeding {opener} (@ {})",
                            tag.word,
                            scanner.position(tag.start)
                        ),
                        tag.start,
                    ));
                };
                if last != opener {
                    return Err(scanner.fail(
                        format!(
                            "Got an unexpected control flow end tag, got {} but expected end{last} next (@ {})",
                            tag.word,
                            scanner.position(tag.start)
                        ),
                        tag.start,
                    ));
                }
            }
            _ => {}
        }
        if let Some(kind) = kinds.iter().find(|kind| kind.tag() == tag.word) {
            if !control.is_empty() {
                return Err(scanner.fail(
                    format!(
                        "Got a block definition inside control flow at {}. \
                         All dbt block definitions must be at the top level",
                        scanner.position(tag.start)
                    ),
                    tag.start,
                ));
            }
            if let Some((_, outer)) = &open {
                return Err(scanner.fail(
                    format!(
                        "Got nested tags: {} (started at {}) did not have a matching {{{{% end{} %}}}} before a \
                         subsequent {} was found (started at {})",
                        outer.word, outer.start, outer.word, tag.word, tag.start
                    ),
                    tag.start,
                ));
            }
            open = Some((*kind, tag));
            continue;
        }
        let closes = open.as_ref().is_some_and(|(_, outer)| tag.word.strip_prefix("end") == Some(outer.word));
        if closes {
            if let Some((kind, start)) = open.take() {
                found.blocks.push(Block {
                    kind,
                    name: start.name,
                    contents: &source[start.end..tag.start.max(start.end)],
                    full: &source[start.start..tag.end],
                    line: scanner.line(start.mark),
                });
            }
        } else if open.is_none() {
            found.unexpected.push(UnexpectedTag { word: tag.word, line: scanner.line(tag.mark) });
        }
    }
    if let Some((kind, tag)) = open {
        let line = scanner.line(tag.end);
        return Err(scanner.fail(
            format!("Reached EOF without finding a close tag for {} (searched from line {line})", kind.tag()),
            tag.start,
        ));
    }
    Ok(found)
}

struct Tag<'s> {
    word: &'s str,
    name: &'s str,
    /// Where the tag starts, with the white space before a `{%-`.
    start: usize,
    /// Where its `{%` is.
    mark: usize,
    end: usize,
}

struct Scanner<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Scanner<'s> {
    fn line(&self, at: usize) -> u32 {
        self.source.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() as u32 + 1
    }

    fn position(&self, at: usize) -> String {
        let line_start = self.source[..at].rfind('\n').map_or(0, |newline| newline + 1);
        format!("{}:{}", self.line(at), at - line_start)
    }

    fn fail(&self, message: String, at: usize) -> Error {
        Error::syntax(message, self.line(at))
    }

    fn unexpected_end(&self, expected: &str) -> Error {
        let rest = &self.source[self.at..];
        self.fail(format!("unexpected EOF, expected {expected}, got \"{rest}\""), self.at)
    }

    fn next_tag(&mut self) -> Result<Option<Tag<'s>>> {
        let bytes = self.source.as_bytes();
        loop {
            let Some(found) = bytes[self.at..].iter().position(|byte| *byte == b'{') else { return Ok(None) };
            let mark = self.at + found;
            match bytes.get(mark + 1) {
                Some(b'#') => {
                    self.at = mark + 2;
                    match self.source[self.at..].find("#}") {
                        Some(end) => self.at += end + 2,
                        None => return Err(self.unexpected_end("#}")),
                    }
                }
                Some(b'{') => {
                    self.at = mark + 2;
                    self.skip_to("}}", "}}")?;
                }
                Some(b'%') => {
                    if let Some(tag) = self.tag(mark)? {
                        return Ok(Some(tag));
                    }
                    // Not a tag to dbt (`{%+ … %}`, a nameless one).
                    self.at = mark + 2;
                }
                _ => self.at = mark + 1,
            }
        }
    }

    fn tag(&mut self, mark: usize) -> Result<Option<Tag<'s>>> {
        let dash = self.source.as_bytes().get(mark + 2) == Some(&b'-');
        let start = if dash {
            let before = &self.source[self.at..mark];
            self.at + before.trim_end().len()
        } else {
            mark
        };
        let inner = self.source[mark + 2 + usize::from(dash)..].trim_start();
        let word = identifier(inner);
        if word.is_empty() {
            return Ok(None);
        }
        let after = &inner[word.len()..];
        let name = identifier(after.trim_start());
        let name = if after.starts_with(char::is_whitespace) { name } else { "" };
        if word == "raw" {
            return self.raw(start, mark).map(Some);
        }
        self.at = self.source.len() - if name.is_empty() { after.len() } else { after.trim_start().len() - name.len() };
        let strips = self.skip_to("%}", "tag close (\"%}\")")?;
        if strips {
            let rest = &self.source[self.at..];
            self.at += rest.len() - rest.trim_start().len();
        }
        Ok(Some(Tag { word, name, start, mark, end: self.at }))
    }

    fn raw(&mut self, start: usize, mark: usize) -> Result<Tag<'s>> {
        let mut search = mark + 2;
        while let Some(found) = self.source[search..].find("{%") {
            search += found + 2;
            let inner = self.source[search..].strip_prefix('-').unwrap_or(&self.source[search..]);
            let Some(rest) = inner.trim_start().strip_prefix("endraw") else { continue };
            let rest = rest.trim_start();
            let rest = match rest.strip_prefix("-%}") {
                Some(rest) => rest.trim_start(),
                None => match rest.strip_prefix("%}") {
                    Some(rest) => rest,
                    None => continue,
                },
            };
            self.at = self.source.len() - rest.len();
            return Ok(Tag { word: "raw", name: "", start, mark, end: self.at });
        }
        Err(self.unexpected_end("{% raw %}...{% endraw %}"))
    }

    /// Past the next `close` that is not inside a string; whether a `-` came right before it.
    fn skip_to(&mut self, close: &str, expected: &str) -> Result<bool> {
        let bytes = self.source.as_bytes();
        let from = self.at;
        let mut at = from;
        while at < bytes.len() {
            match bytes[at] {
                quote @ (b'\'' | b'"') => {
                    self.at = at;
                    let mut inside = at + 1;
                    loop {
                        match bytes.get(inside) {
                            None => return Err(self.unexpected_end("string")),
                            Some(b'\\') => inside += 2,
                            Some(byte) if *byte == quote => break,
                            Some(_) => inside += 1,
                        }
                    }
                    at = inside + 1;
                }
                _ if bytes[at..].starts_with(close.as_bytes()) => {
                    self.at = at + close.len();
                    return Ok(at > from && bytes[at - 1] == b'-');
                }
                _ => at += 1,
            }
        }
        self.at = from;
        Err(self.unexpected_end(expected))
    }
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let word = &text[..end];
    if word.starts_with(|c: char| c.is_ascii_digit()) { "" } else { word }
}
