//! The engines that are compared: how each is called, and what makes its next run a cold one.

use std::{
    collections::BTreeMap,
    fmt,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{
    measure::{Sample, measure},
    options::Options,
    project, remove_dir,
};

/// Who reads the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Owlet,
    DbtCore,
    RustAlpha,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Owlet => "owlet",
            Self::DbtCore => "dbt Core",
            Self::RustAlpha => "Rust alpha",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Owlet => "owlet",
            Self::DbtCore => "dbt-core",
            Self::RustAlpha => "rust-alpha",
        }
    }
}

/// A command that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Parse,
    List,
    Compile,
}

impl Task {
    pub const ALL: [Self; 3] = [Self::Parse, Self::List, Self::Compile];

    pub fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::List => "ls",
            Self::Compile => "compile",
        }
    }
}

/// How a run ended.
pub enum Outcome {
    Done(Sample),
    /// With what the engine said last.
    Failed(String),
}

/// An engine with its own copy of the project.
pub struct Engine {
    pub kind: Kind,
    program: PathBuf,
    /// Holds `project`, `profiles`, and what the engine printed.
    dir: PathBuf,
    one_model: String,
}

impl Engine {
    /// Generates the project for this engine below `dir`.
    pub fn install(kind: Kind, program: &Path, dir: &Path, options: &Options) -> Result<Self> {
        let program = fs_err::canonicalize(program)
            .map(|_| std::path::absolute(program))
            .with_context(|| format!("{} is not there", kind.name()))??;
        let dir = dir.join(kind.folder());
        remove_dir(&dir)?;
        let one_model = project::generate(&dir.join("project"), options.models)?;
        let profiles = dir.join("profiles");
        fs_err::create_dir_all(&profiles)?;
        let profile = match kind {
            Kind::Owlet => athena_profile(options.owlet_endpoint.as_deref()),
            Kind::DbtCore | Kind::RustAlpha => duckdb_profile(&dir),
        };
        fs_err::write(profiles.join("profiles.yml"), profile)?;
        Ok(Self { kind, program, dir, one_model })
    }

    /// What `--version` says: its first line with a digit.
    pub fn version(&self) -> Result<String> {
        let output = self.command().arg("--version").output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let line = text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit()));
        Ok(line.context("--version names a version")?.trim_start_matches([' ', '-']).to_owned())
    }

    /// Runs `task` with no cache of an earlier run. The files themselves are in the system's page cache.
    pub fn run_cold(&self, task: Task) -> Result<Outcome> {
        let project = self.dir.join("project");
        for cache in ["target", "logs", "dbt_internal_packages", ".owlet"] {
            remove_dir(&project.join(cache))?;
        }
        let (stdout, stderr) = (self.dir.join("stdout"), self.dir.join("stderr"));
        let mut command = self.command();
        command.arg(task.name()).arg("--profiles-dir").arg(self.dir.join("profiles")).args(self.flags(task));
        if task == Task::List {
            command.args(["--select", &self.one_model]);
        }
        command.stdout(fs_err::File::create(&stdout)?.into_file()).stderr(fs_err::File::create(&stderr)?.into_file());
        let (status, sample) = measure(&mut command)?;
        let printed = fs_err::read_to_string(&stdout)?;
        if !status.success() {
            return Ok(Outcome::Failed(reason(&(printed + &fs_err::read_to_string(&stderr)?))));
        }
        if task == Task::List && !printed.contains(&self.one_model) {
            bail!("{} ls does not list {}:\n{printed}", self.kind.name(), self.one_model);
        }
        Ok(Outcome::Done(sample))
    }

    /// The nodes in the manifest.json that the last `parse` wrote.
    ///
    /// Read as a stream: a child's `ru_maxrss` begins at the memory of the process that starts it, so ours stays small.
    pub fn nodes_of_manifest(&self) -> Result<Nodes> {
        let file = fs_err::File::open(self.dir.join("project/target/manifest.json"))?;
        let manifest: Manifest = serde_json::from_reader(BufReader::new(file))?;
        let mut nodes = Nodes::default();
        for node in manifest.nodes.into_values().chain(manifest.sources.into_values()) {
            *nodes.0.entry(node.resource_type).or_default() += 1;
        }
        Ok(nodes)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.dir.join("project")).stdin(Stdio::null());
        command.env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false").env("DO_NOT_TRACK", "1");
        command
    }

    /// No cache of the parse; and of `compile`, the same work: Jinja to SQL, without analysing the SQL.
    fn flags(&self, task: Task) -> &'static [&'static str] {
        match (self.kind, task) {
            (Kind::DbtCore, Task::Compile) => &["--no-partial-parse", "--no-version-check", "--threads", "4"],
            (Kind::DbtCore, _) => &["--no-partial-parse", "--no-version-check"],
            (Kind::RustAlpha, Task::Compile) => &["--static-analysis", "off", "--threads", "4"],
            (Kind::RustAlpha, _) => &[],
            (Kind::Owlet, Task::Compile) => &["--threads", "4"],
            (Kind::Owlet, _) => &[],
        }
    }
}

/// What is counted of a manifest.json.
#[derive(Deserialize)]
struct Manifest {
    nodes: BTreeMap<String, Node>,
    sources: BTreeMap<String, Node>,
}

#[derive(Deserialize)]
struct Node {
    resource_type: String,
}

/// How many nodes there are of each resource type.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Nodes(BTreeMap<String, usize>);

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.0.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
        f.write_str(&counts.join(", "))
    }
}

/// The embedded lakehouse, unless one runs at `endpoint`.
fn athena_profile(endpoint: Option<&str>) -> String {
    let endpoint = match endpoint {
        None => "      lakehouse: embedded\n".to_owned(),
        Some(url) => {
            format!("      endpoint_url: {url}\n      aws_access_key_id: owlet\n      aws_secret_access_key: owlet\n")
        }
    };
    format!(
        "synthetic:\n  target: dev\n  outputs:\n    dev:\n      type: athena\n      region_name: eu-west-1\n      \
         database: awsdatacatalog\n      schema: analytics\n      s3_staging_dir: s3://lakehouse/results/\n      \
         threads: 4\n{endpoint}"
    )
}

fn duckdb_profile(dir: &Path) -> String {
    format!(
        "synthetic:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: {}\n      \
         schema: analytics\n      threads: 4\n",
        dir.join("warehouse.duckdb").display()
    )
}

/// The cause that the engine names, else what it said last.
fn reason(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let cause = lines.clone().find_map(|line| line.strip_prefix("cause: "));
    cause.or_else(|| lines.next_back()).unwrap_or("it said nothing").trim().chars().take(160).collect()
}
