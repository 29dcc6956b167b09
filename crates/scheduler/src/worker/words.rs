//! A command's line as words: a shell's quoting and variables, without a shell.
//!
//! `'…'` is literal; in `"…"` and outside `$NAME` and `${NAME}` are the run's variables (nothing when not set; never split again); `\` takes the
//! next character literally; `NAME=value` at the front sets a variable for this command. What needs a shell (pipes, `&&`, redirections,
//! `$(…)`) is refused with the words to use instead: `bash -c '…'`.

/// The line as a sentence names it: its first line, not all of a script.
pub(super) fn in_short(line: &str) -> String {
    const MOST: usize = 120;
    let first = line.trim().lines().next().unwrap_or_default();
    let short: String = first.chars().take(MOST).collect();
    if short.len() < line.trim().len() { format!("{short}…") } else { short }
}

/// A line, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// Variables for this command only.
    pub assignments: Vec<(String, String)>,
    /// The program and its arguments; never empty.
    pub words: Vec<String>,
}

/// The line says nothing that can be run without a shell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    #[error("the command is empty")]
    Empty,
    #[error("the command has a {0} that is not closed")]
    Unclosed(char),
    #[error("'{0}' needs a shell, and commands run without one")]
    NeedsShell(String),
}

impl WordsError {
    /// What one can do now.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Empty => "remove it, or write what shall run",
            Self::Unclosed(_) => "close it, or put a \\ before it",
            Self::NeedsShell(_) => "say so: bash -c '…' with the whole line inside, or quote the word",
        }
    }
}

/// Words that a shell would not pass to a program.
const OPERATORS: [&str; 14] = ["|", "||", "&", "&&", ";", ";;", ">", ">>", "<", "<<", "2>", "2>>", "&>", "2>&1"];

/// Takes a line apart; `variable` is what a variable of the run holds.
///
/// # Errors
/// See [`WordsError`].
pub fn split(line: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<CommandLine, WordsError> {
    let mut words: Vec<Word> = Vec::new();
    let mut characters = line.chars().peekable();
    while let Some(first) = characters.peek() {
        if first.is_whitespace() {
            characters.next();
            continue;
        }
        words.push(Word::read(&mut characters, variable)?);
    }
    let mut assignments = Vec::new();
    let mut program = Vec::new();
    for word in words {
        if word.is_bare && (OPERATORS.contains(&word.text.as_str()) || word.text.ends_with(';')) {
            return Err(WordsError::NeedsShell(word.text));
        }
        let assigned =
            word.text.split_once('=').filter(|(name, _)| program.is_empty() && word.may_assign && is_name(name));
        match assigned.map(|(name, value)| (name.to_owned(), value.to_owned())) {
            Some(assignment) => assignments.push(assignment),
            None => program.push(word.text),
        }
    }
    if program.is_empty() {
        return Err(WordsError::Empty);
    }
    Ok(CommandLine { assignments, words: program })
}

struct Word {
    text: String,
    /// Nothing in it was quoted.
    is_bare: bool,
    /// What stands before a first `=` was not quoted.
    may_assign: bool,
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

impl Word {
    fn read(characters: &mut Characters<'_>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, WordsError> {
        let mut word = Self { text: String::new(), is_bare: true, may_assign: true };
        while let Some(next) = characters.next_if(|next| !next.is_whitespace()) {
            if matches!(next, '\'' | '"' | '\\') {
                word.is_bare = false;
                word.may_assign &= word.text.contains('=');
            }
            match next {
                '\'' => loop {
                    match characters.next().ok_or(WordsError::Unclosed('\''))? {
                        '\'' => break,
                        inside => word.text.push(inside),
                    }
                },
                '"' => loop {
                    match characters.next().ok_or(WordsError::Unclosed('"'))? {
                        '"' => break,
                        '\\' => match characters.next().ok_or(WordsError::Unclosed('"'))? {
                            escaped @ ('"' | '\\' | '$' | '`') => word.text.push(escaped),
                            '\n' => {}
                            other => word.text.extend(['\\', other]),
                        },
                        inside => word.push_or_expand(inside, characters, variable)?,
                    }
                },
                '\\' => word.text.extend(characters.next().filter(|escaped| *escaped != '\n')),
                plain => word.push_or_expand(plain, characters, variable)?,
            }
        }
        Ok(word)
    }

    fn push_or_expand(
        &mut self,
        next: char,
        characters: &mut Characters<'_>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), WordsError> {
        if next == '`' {
            return Err(WordsError::NeedsShell("`".to_owned()));
        }
        if next != '$' {
            self.text.push(next);
            return Ok(());
        }
        match characters.peek().copied() {
            Some('(') => Err(WordsError::NeedsShell("$(".to_owned())),
            Some('{') => {
                characters.next();
                let mut name = String::new();
                loop {
                    match characters.next().ok_or(WordsError::Unclosed('{'))? {
                        '}' => break,
                        inside => name.push(inside),
                    }
                }
                if !is_name(&name) {
                    return Err(WordsError::NeedsShell(format!("${{{name}}}")));
                }
                self.text.push_str(&variable(&name).unwrap_or_default());
                Ok(())
            }
            Some(first) if first.is_ascii_alphabetic() || first == '_' => {
                let mut name = String::new();
                while let Some(next) = characters.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
                    name.push(next);
                }
                self.text.push_str(&variable(&name).unwrap_or_default());
                Ok(())
            }
            _ => {
                self.text.push('$');
                Ok(())
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    starts && text.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<String>, WordsError> {
        let variable = |name: &str| (name == "NAME").then(|| "a b".to_owned());
        split(line, &variable).map(|line| {
            let set = line.assignments.into_iter().map(|(name, value)| format!("{name}:={value}"));
            set.chain(line.words).collect()
        })
    }

    #[test]
    fn a_script_is_named_by_its_first_line() {
        assert_eq!(in_short(" dbt build\n"), "dbt build");
        assert_eq!(in_short("python -c \"import os\nos._exit(3)\""), "python -c \"import os…");
        assert_eq!(in_short(&"x".repeat(300)).chars().count(), 121);
    }

    #[test]
    fn quotes_and_variables_are_a_shells() {
        for (line, expected) in [
            ("dbt build --select tag:x", &["dbt", "build", "--select", "tag:x"][..]),
            ("  dbt\trun \n -s  a ", &["dbt", "run", "-s", "a"]),
            (r#"dbt run --vars '{"a": "b c"}'"#, &["dbt", "run", "--vars", r#"{"a": "b c"}"#]),
            (
                r#"echo "a \"b\" \x $NAME" '$NAME' $NAME ${NAME}s \$NAME $5 $"#,
                &["echo", r#"a "b" \x a b"#, "$NAME", "a b", "a bs", "$NAME", "$5", "$"],
            ),
            ("echo '' \"\" $MISSING", &["echo", "", "", ""]),
            ("A=1 B='x y' python x.py C=2", &["A:=1", "B:=x y", "python", "x.py", "C=2"]),
            ("echo 'a'b\"c\" a\\ b '|' 'a;'", &["echo", "abc", "a b", "|", "a;"]),
            ("bash -c 'a && b > c'", &["bash", "-c", "a && b > c"]),
            (
                "dbt run -s a+ --exclude tag:x,path:models/*",
                &["dbt", "run", "-s", "a+", "--exclude", "tag:x,path:models/*"],
            ),
        ] {
            assert_eq!(
                words(line).as_deref(),
                Ok(expected.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().as_slice()),
                "{line}"
            );
        }
    }

    #[test]
    fn what_needs_a_shell_says_so() {
        for (line, word) in [
            ("dbt deps && dbt run", "&&"),
            ("dbt deps; dbt run", "deps;"),
            ("dbt ls > x", ">"),
            ("echo $(date)", "$("),
            ("echo \"`date`\"", "`"),
            ("echo ${A:-b}", "${A:-b}"),
        ] {
            assert_eq!(words(line), Err(WordsError::NeedsShell(word.to_owned())), "{line}");
        }
        assert_eq!(words("dbt run --vars '{a"), Err(WordsError::Unclosed('\'')));
        assert_eq!(words("  "), Err(WordsError::Empty));
        assert_eq!(words("A=1"), Err(WordsError::Empty));
    }
}
