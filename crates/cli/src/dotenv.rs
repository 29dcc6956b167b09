//! `.env`: variables for the process, from the nearest file of this name at or above the current directory.
//!
//! Source: dbt Core 1.12, which loads the file by python-dotenv before anything else; what is set already stays.

use std::{
    collections::HashMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Starts the program again with the variables that its environment lacks; `None` when it lacks none.
///
/// Everything below (AWS's own settings, the commands of schedules) then sees one environment.
///
/// # Errors
/// A file that cannot be read, or a program that cannot be started again.
pub fn restart_with_variables() -> io::Result<Option<ExitCode>> {
    let missing = missing_variables(|name| std::env::var_os(name))?;
    if missing.is_empty() {
        return Ok(None);
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| OsString::from("owlet"));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).envs(missing);
    start(command, name).map(Some)
}

#[cfg(unix)]
fn start(mut command: Command, name: OsString) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    // Takes this process's place: it comes back only when it fails.
    Err(command.arg0(name).exec())
}

#[cfg(not(unix))]
fn start(mut command: Command, _: OsString) -> io::Result<ExitCode> {
    let status = command.status()?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)))
}

fn missing_variables(environment: impl Fn(&str) -> Option<OsString>) -> io::Result<Vec<(String, String)>> {
    let is_off = environment("PYTHON_DOTENV_DISABLED").and_then(|value| value.into_string().ok());
    if is_off.is_some_and(|value| matches!(value.to_lowercase().as_str(), "1" | "true" | "t" | "yes" | "y")) {
        return Ok(Vec::new());
    }
    let Some(path) = std::env::current_dir().ok().and_then(|here| find(&here)) else { return Ok(Vec::new()) };
    let text = fs_err::read_to_string(path)?;
    let known = |name: &str| environment(name).map(|value| value.to_string_lossy().into_owned());
    Ok(variables(&text, &known).into_iter().filter(|(name, _)| environment(name).is_none()).collect())
}

fn find(here: &Path) -> Option<PathBuf> {
    here.ancestors().map(|directory| directory.join(".env")).find(|path| path.is_file())
}

/// The variables of a file's text, `${NAME}` and `${NAME:-default}` replaced by what is known or was said before.
fn variables(text: &str, known: &dyn Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut earlier: HashMap<String, String> = HashMap::new();
    let mut reader = Reader { rest: text };
    while let Some(binding) = reader.binding() {
        let Some((name, value)) = binding else { continue };
        let value = interpolate(&value, &|name| known(name).or_else(|| earlier.get(name).cloned()));
        earlier.insert(name.clone(), value.clone());
        found.retain(|(known, _)| *known != name);
        found.push((name, value));
    }
    found
}

fn interpolate(value: &str, known: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find("${") {
        let Some(length) = rest[at..].find('}') else { break };
        let inside = &rest[at + 2..at + length];
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        text.push_str(&rest[..at]);
        if name.contains(':') {
            text.push_str(&rest[at..=at + length]);
        } else {
            text.push_str(&known(name).unwrap_or_else(|| default.to_owned()));
        }
        rest = &rest[at + length + 1..];
    }
    text.push_str(rest);
    text
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// The next `NAME=value`; `Some(None)` for a comment, a name without a value, and what cannot be read.
    fn binding(&mut self) -> Option<Option<(String, String)>> {
        self.rest = self.rest.trim_start();
        if self.rest.is_empty() {
            return None;
        }
        let start = self.rest;
        let read = self.assignment();
        if read.is_none() {
            // The rest of the line where it began is passed over.
            self.rest = start;
            self.skip_line();
        }
        Some(read)
    }

    fn assignment(&mut self) -> Option<(String, String)> {
        if let Some(rest) = self.rest.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])) {
            self.rest = rest.trim_start_matches([' ', '\t']);
        }
        let name = match self.rest.strip_prefix('\'') {
            Some(quoted) => {
                let (name, rest) = quoted.split_once('\'')?;
                self.rest = rest;
                name
            }
            None => {
                let end =
                    self.rest.find(|c: char| c == '=' || c == '#' || c.is_whitespace()).unwrap_or(self.rest.len());
                let (name, rest) = self.rest.split_at(end);
                self.rest = rest;
                name
            }
        };
        if name.is_empty() {
            return None;
        }
        let name = name.to_owned();
        self.rest = self.rest.trim_start_matches([' ', '\t']).strip_prefix('=')?.trim_start_matches([' ', '\t']);
        let value = match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
            _ => {
                let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
                let (line, rest) = self.rest.split_at(end);
                self.rest = rest;
                let comment =
                    line.char_indices().find(|(at, c)| *c == '#' && line[..*at].ends_with(char::is_whitespace));
                return Some((name, line[..comment.map_or(line.len(), |(at, _)| at)].trim_end().to_owned()));
            }
        };
        let after = self.rest.trim_start_matches([' ', '\t']);
        (after.is_empty() || after.starts_with(['\n', '\r', '#'])).then(|| self.skip_line())?;
        Some((name, value))
    }

    /// The text up to the closing quote, with its escapes.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(value);
                }
                '\\' => {
                    let (_, escaped) = characters.next()?;
                    match (quote, escaped) {
                        (_, '\\' | '\'') | ('"', '"') => value.push(escaped),
                        ('"', 'n') => value.push('\n'),
                        ('"', 'r') => value.push('\r'),
                        ('"', 't') => value.push('\t'),
                        ('"', 'a') => value.push('\u{7}'),
                        ('"', 'b') => value.push('\u{8}'),
                        ('"', 'f') => value.push('\u{c}'),
                        ('"', 'v') => value.push('\u{b}'),
                        _ => value.extend(['\\', escaped]),
                    }
                }
                other => value.push(other),
            }
        }
        None
    }

    fn skip_line(&mut self) {
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_python_dotenv_reads_them() {
        let text = "# comment\nA=1\nexport B = two words # not this\nC='it\\'s ${A}' # comment\nD=\"a\\nb \\q\"\nE=\nF\n\
            'G H'=x#y\nI=${A}${B:-no}${NONE:-d}${NONE}\nJ=\"more\nlines\"\n= broken\nK='open\nL=${HOME}/x\nA=again\n";
        let home = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
        let expected = [
            ("B", "two words"),
            ("C", "it's 1"),
            ("D", "a\nb \\q"),
            ("E", ""),
            ("G H", "x#y"),
            ("I", "1two wordsd"),
            ("J", "more\nlines"),
            ("L", "/home/me/x"),
            ("A", "again"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(variables(text, &home), expected);
    }
}
