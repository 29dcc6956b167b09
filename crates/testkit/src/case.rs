//! Cases: text files that hold a project, commands, and what they should give.
//!
//! ```text
//! # what it shows
//! -- models/orders.sql
//! select 1
//! $ compile orders
//! select 1
//! ```

use std::path::{Path, PathBuf};

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Where it is.
    pub file: PathBuf,
    /// The lines before the first section.
    pub head: String,
    /// Its sections, in order.
    pub sections: Vec<Section>,
}

/// A part of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Section {
    /// `-- path`, then the file's text.
    File { path: String, text: String },
    /// `$ command`, then its expected output.
    Command { command: String, expected: String },
}

impl Case {
    /// Reads the text of a case.
    pub fn parse(file: &Path, text: &str) -> Self {
        let mut case = Self { file: file.to_owned(), head: String::new(), sections: Vec::new() };
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end_matches('\n');
            if let Some(path) = bare.strip_prefix("-- ").filter(|path| is_path(path)) {
                case.sections.push(Section::File { path: path.trim().to_owned(), text: String::new() });
            } else if let Some(command) = bare.strip_prefix("$ ") {
                case.sections.push(Section::Command { command: command.trim().to_owned(), expected: String::new() });
            } else {
                match case.sections.last_mut() {
                    None => case.head.push_str(line),
                    Some(Section::File { text, .. }) => text.push_str(line),
                    Some(Section::Command { expected, .. }) => expected.push_str(line),
                }
            }
        }
        case
    }

    /// The case as text, with other expectations: one for each command.
    pub fn with_outputs(&self, outputs: &[String]) -> String {
        let mut text = self.head.clone();
        let mut outputs = outputs.iter();
        for section in &self.sections {
            match section {
                Section::File { path, text: content } => {
                    text.push_str(&format!("-- {path}\n{content}"));
                }
                Section::Command { command, .. } => {
                    text.push_str(&format!("$ {command}\n"));
                    text.push_str(outputs.next().map_or("", String::as_str));
                }
            }
        }
        text
    }

    /// Writes the case's files below a directory.
    ///
    /// # Errors
    /// When the directory cannot be written to.
    pub fn write_files(&self, root: &Path) -> std::io::Result<()> {
        for section in &self.sections {
            let Section::File { path, text } = section else { continue };
            let path = root.join(path);
            if let Some(parent) = path.parent() {
                fs_err::create_dir_all(parent)?;
            }
            fs_err::write(path, text)?;
        }
        Ok(())
    }
}

/// A path has no spaces and an extension: SQL comments do not look like that.
fn is_path(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !text.contains(' ') && text.contains('.')
}

/// All `.case` files of a directory whose names start with one of the prefixes, sorted.
///
/// # Errors
/// When the directory or one of the files cannot be read.
pub fn read_cases(directory: &Path, prefixes: &[&str]) -> std::io::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for entry in fs_err::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".case") && prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            cases.push(Case::parse(&path, &fs_err::read_to_string(&path)?));
        }
    }
    cases.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(cases)
}
