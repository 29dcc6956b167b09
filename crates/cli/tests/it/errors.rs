//! docs/errors.md is a page for people and a test: each of its sections is run, and must print what the page shows.
//!
//! A section is what stands below a `## ` heading; what stands above the first heading starts every section. Blocks are
//! taken from top to bottom, in a folder of the section's own:
//!
//! - ```` ```sql models/orders.sql ```` writes that file (any language, any path);
//! - ```` ```console exit=1 ```` runs its first line, which is `$ command`, and compares what follows; without `exit` it is 0;
//! - ```` ```console background ```` starts its command, and goes on when that holds the lakehouse;
//! - a block without a path, or another `console` without `$`, is only read.
//!
//! `UPDATE_CASES=1` writes outputs and exit codes into the page.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use regex::Regex;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

#[test]
fn the_page_of_errors_is_true() {
    let page = fs_err::read_to_string(PAGE).expect("the page");
    let sections = sections(&page);
    assert!(sections.len() > 20, "the page has only {} sections", sections.len());

    let next = AtomicUsize::new(1);
    let found: Mutex<Vec<(usize, Vec<Change>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(section) = sections.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let changes = run_section(&sections[0], section);
                    found.lock().expect("no thread panicked").push((section.line, changes));
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no thread panicked");
    found.sort_by_key(|(line, _)| *line);
    let changes: Vec<Change> = found.into_iter().flat_map(|(_, changes)| changes).collect();
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs_err::write(PAGE, rewritten(&page, &changes)).expect("written");
        return;
    }
    let mut report = String::new();
    for change in &changes {
        let _ = writeln!(report, "docs/errors.md:{}: {}\n{}", change.fence + 1, change.command, change.difference());
    }
    assert!(changes.is_empty(), "\n{report}\nUPDATE_CASES=1 writes what is printed now into the page");
}

/// A heading's blocks.
#[derive(Default)]
struct Section {
    /// The heading's line, from 0.
    line: usize,
    blocks: Vec<Block>,
}

struct Block {
    /// The line of its opening fence, from 0.
    fence: usize,
    info: String,
    lines: Vec<String>,
}

/// What the page should say instead.
struct Change {
    fence: usize,
    command: String,
    expected: (Vec<String>, i32),
    printed: (Vec<String>, i32),
}

impl Change {
    fn difference(&self) -> String {
        let shown = |(lines, code): &(Vec<String>, i32)| format!("{}\n(exit {code})", lines.join("\n"));
        format!("--- the page\n{}\n+++ printed\n{}\n", shown(&self.expected), shown(&self.printed))
    }
}

/// The sections of a page; the first is what stands above all headings.
fn sections(page: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block { fence: number, info: info.trim().to_owned(), lines: Vec::new() });
            }
            (Some(_), Some("")) => {
                let section = sections.last_mut().expect("never empty");
                section.blocks.extend(open.take());
            }
            (Some(block), _) => block.lines.push(line.to_owned()),
            (None, None) if line.starts_with("## ") => sections.push(Section { line: number, ..Section::default() }),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is never closed");
    sections
}

/// Runs the blocks of the page's start, then of the section.
fn run_section(start: &Section, section: &Section) -> Vec<Change> {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("shop");
    fs_err::create_dir_all(&project).expect("created");
    let mut background = Background::default();
    let mut changes = Vec::new();
    for block in start.blocks.iter().chain(&section.blocks) {
        let mut words = block.info.split_whitespace();
        match (words.next(), words.next()) {
            (Some("console"), how) => {
                let Some(command) = block.lines.first().and_then(|line| line.strip_prefix("$ ")) else { continue };
                if how == Some("background") {
                    background.start(&project, command);
                    continue;
                }
                let printed = run(&project, command);
                let code =
                    how.and_then(|how| how.strip_prefix("exit=")).map_or(0, |code| code.parse().expect("a code"));
                let expected = (block.lines[1..].to_vec(), code);
                if printed != expected {
                    changes.push(Change { fence: block.fence, command: command.to_owned(), expected, printed });
                }
            }
            (_, Some(path)) => {
                let path = project.join(path);
                fs_err::create_dir_all(path.parent().expect("a parent")).expect("created");
                fs_err::write(path, block.lines.join("\n") + "\n").expect("written");
            }
            _ => {}
        }
    }
    changes
}

/// What a shell shows in the folder, and the exit code.
fn run(project: &Path, command: &str) -> (Vec<String>, i32) {
    let shown = project.with_file_name("shown");
    let file = fs_err::File::create(&shown).expect("created").into_file();
    let status = shell(project, command)
        .stdout(file.try_clone().expect("a second handle"))
        .stderr(file)
        .status()
        .expect("the shell runs");
    let text = fs_err::read_to_string(shown).expect("UTF-8");
    (filtered(&text, project).lines().map(str::to_owned).collect(), status.code().unwrap_or(-1))
}

/// A shell that finds `owlet`, and nothing of the person who runs the tests.
fn shell(project: &Path, command: &str) -> Command {
    let owlet = PathBuf::from(env!("CARGO_BIN_EXE_owlet"));
    let programs = [owlet.parent().expect("a folder"), Path::new("/usr/bin"), Path::new("/bin")];
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(project)
        .env_clear()
        .env("HOME", project.parent().expect("a parent"))
        .env("PATH", std::env::join_paths(programs).expect("a search path"))
        .env("COLUMNS", "100")
        .stdin(Stdio::null());
    shell
}

/// What differs from run to run, made equal.
fn filtered(text: &str, project: &Path) -> String {
    static FILTERS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"\d\d:\d\d:\d\d  ", "12:00:00  "),
            (r" in \d+\.\d\ds\]", " in 0.10s]"),
            (
                r"in 0 hours 0 minutes and \d+\.\d\d seconds \(\d+\.\d\ds\)",
                "in 0 hours 0 minutes and 0.50 seconds (0.50s)",
            ),
            (r"\d+ macros", "N macros"),
            (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "6d1f3b52-0c1e-4f7a-9d55-2b8e6a7c9f10"),
            (r"__[0-9a-f]{32}/", "__6d1f3b520c1e4f7a9d552b8e6a7c9f10/"),
            (r"\bprocess \d+", "process 4242"),
            (r"127\.0\.0\.1:\d{4,}", "127.0.0.1:4566"),
            (r"owlet \d+\.\d+\.\d+", "owlet X.Y.Z"),
            (r"(?m)[ \t]+$", ""),
        ]
        .into_iter()
        .map(|(pattern, instead)| (Regex::new(pattern).expect("a pattern"), instead))
        .collect()
    });
    let canonical = fs_err::canonicalize(project).expect("the folder exists");
    let mut text = text.to_owned();
    for (folder, shown) in [(canonical.as_path(), "/home/you/shop"), (project, "/home/you/shop")] {
        text = text.replace(&folder.display().to_string(), shown);
    }
    for folder in [canonical.parent(), project.parent()].into_iter().flatten() {
        text = text.replace(&folder.display().to_string(), "/home/you");
    }
    for (pattern, instead) in FILTERS.iter() {
        text = pattern.replace_all(&text, *instead).into_owned();
    }
    text
}

/// Commands that go on while others run; they end with the section.
#[derive(Default)]
struct Background(Vec<Child>);

impl Background {
    /// Starts a command and waits until it holds the lakehouse; a server, until it says where it listens.
    fn start(&mut self, project: &Path, command: &str) {
        let child = shell(project, &format!("exec {command}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the shell runs");
        self.0.push(child);
        let sign = if command.contains("lake serve") { "\"endpoint\"" } else { "\"pid\"" };
        let deadline = Instant::now() + Duration::from_secs(20);
        let lock = project.join(".owlet/owlet.lock");
        while !fs_err::read_to_string(&lock).is_ok_and(|text| text.contains(sign)) {
            assert!(Instant::now() < deadline, "`{command}` never held the lakehouse");
            // Another process' file: there is nothing to wait on.
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The page with what is printed now.
fn rewritten(page: &str, changes: &[Change]) -> String {
    let mut lines = Vec::new();
    let mut old = page.lines().enumerate();
    while let Some((number, line)) = old.next() {
        let Some(change) = changes.iter().find(|change| change.fence == number) else {
            lines.push(line.to_owned());
            continue;
        };
        let (printed, code) = &change.printed;
        lines.push(if *code == 0 { "```console".to_owned() } else { format!("```console exit={code}") });
        lines.push(format!("$ {}", change.command));
        lines.extend(printed.iter().cloned());
        lines.push("```".to_owned());
        old.by_ref().find(|(_, line)| *line == "```");
    }
    lines.join("\n") + "\n"
}
