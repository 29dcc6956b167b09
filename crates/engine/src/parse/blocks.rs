//! What stands outside of the blocks of a file of macros or snapshots: dbt passes over it.

use diagnostic::{Diagnostic, Location};
use jinja::UnexpectedTag;

/// One warning for each tag; `lines_before` are those of the file before `text`.
pub(super) fn unexpected<'a>(
    path: &'a str,
    text: &'a str,
    lines_before: usize,
    tags: &'a [UnexpectedTag<'a>],
) -> impl Iterator<Item = Diagnostic> + 'a {
    tags.iter().map(move |tag| {
        let word = tag.word;
        let mut location = Location::in_source(path, text, tag.line as usize, None);
        location.line = Some(tag.line as usize + lines_before);
        Diagnostic::warning(format!("Found unexpected '{word}' block tag in file `{path}`"))
            .named("UnexpectedJinjaBlockDeprecation")
            .at(location)
            .cause("only what is inside of blocks is read of this file, so the tag does nothing")
            .fix(match word.strip_prefix("end") {
                Some(_) => "remove it, or write the tag that it should close".to_owned(),
                None => "remove it, or move it into the block that needs it".to_owned(),
            })
    })
}
