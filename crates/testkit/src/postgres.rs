//! A throwaway Postgres: a cluster in a temporary directory, on a free port, that ends with the process that asked for it, however that ends.
//!
//! So does its directory: a shell beside the server removes it. Where that was killed too, the next cluster sweeps up.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A running cluster.
#[derive(Debug)]
pub struct Postgres {
    directory: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    guard: Option<Child>,
    databases: AtomicU32,
}

impl Postgres {
    /// The one cluster of this test binary; `None`, with a word on stderr, where Postgres is not installed.
    ///
    /// # Panics
    /// It is installed and does not start; or it is not, and `OWLET_TEST_POSTGRES=required` says that it must be, as CI does.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            let Some(programs) = programs() else {
                let missing = "Postgres is not installed (no `initdb` on PATH or in /usr/lib/postgresql/*/bin): install it to test on it";
                #[expect(clippy::disallowed_methods, reason = "a test's own switch, set by CI")]
                let is_required = std::env::var("OWLET_TEST_POSTGRES").is_ok_and(|value| value == "required");
                assert!(!is_required, "{missing}");
                #[expect(clippy::print_stderr, reason = "whoever reads the test's output must know what was not tested")]
                {
                    eprintln!("not tested on Postgres: {missing}");
                }
                return None;
            };
            Some(Self::start(programs).unwrap_or_else(|problem| panic!("Postgres does not start: {problem}")))
        });
        shared.as_ref()
    }

    /// A cluster of one's own, to be stopped and started at will.
    ///
    /// # Errors
    /// It is not installed, or what its programs said.
    pub fn own() -> Result<Self, String> {
        Self::start(programs().ok_or("Postgres is not installed")?)
    }

    fn start(programs: PathBuf) -> Result<Self, String> {
        sweep();
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir().map_err(|error| error.to_string())?;
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(directory.path()))?;
        }
        let data = directory.path().join("data");
        let mut cluster = Self { directory, programs, port: 0, guard: None, databases: AtomicU32::new(0) };
        run(as_postgres(&cluster.programs.join("initdb"))
            .args(["--username=owlet", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(&data))?;
        // Another process may take the port between looking and listening.
        let mut problem = String::new();
        for _ in 0..5 {
            cluster.port = free_port()?;
            match cluster.resume() {
                Ok(()) => return Ok(cluster),
                Err(reason) => problem = reason,
            }
        }
        Err(problem)
    }

    /// Starts the server again after [`Postgres::stop`], on the same port with the same data.
    ///
    /// # Errors
    /// What it said.
    pub fn resume(&mut self) -> Result<(), String> {
        let data = self.directory.path().join("data");
        let log = fs_err::File::create(self.directory.path().join("log")).map_err(|error| error.to_string())?;
        // The shell waits for a line: without one, when this process ends and the pipe closes, all of it goes.
        let mut command = as_postgres(Path::new("sh"));
        command.args(["-c", GUARD, "guard"]).arg(self.directory.path());
        command.arg(self.programs.join("postgres")).arg("-D").arg(&data).arg("-k").arg(self.directory.path());
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-F", "-c", "max_connections=200"]);
        let errors = log.file().try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::piped()).stdout(Stdio::from(log.into_parts().0)).stderr(Stdio::from(errors));
        self.guard = Some(command.spawn().map_err(|error| error.to_string())?);
        let ready = self.programs.join("pg_isready");
        for _ in 0..600 {
            let state = Command::new(&ready).args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status();
            if state.map_err(|error| error.to_string())?.success() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let said = fs_err::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        self.stop();
        Err(said)
    }

    /// Stops the server; its connections break.
    pub fn stop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            if let Some(mut line) = guard.stdin.take() {
                let _ = line.write_all(b"\n");
            }
            let _ = guard.wait();
        }
    }

    /// Makes an empty database and says its URL.
    ///
    /// # Panics
    /// `createdb` fails.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        let made = run(Command::new(self.programs.join("createdb")).args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "owlet",
            &name,
        ]));
        made.unwrap_or_else(|problem| panic!("createdb: {problem}"));
        format!("postgres://owlet@127.0.0.1:{port}/{name}")
    }
}

const PREFIX: &str = "owlet-postgres-";

/// Of the directory and the server's command line. A signal to all of a terminal, or to the test's process group, is not for it.
const GUARD: &str = r#"
trap '' INT TERM HUP
directory=$1; shift
"$@" & server=$!
if read -r _; then kill -INT $server; wait $server; else kill -INT $server; wait $server; cd /; rm -rf "$directory"; fi"#;

/// Removes what processes left that are gone, and whose shells were killed with them.
fn sweep() {
    for entry in fs_err::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')).map(|(owner, _)| owner);
        let Some(owner) = owner.and_then(|owner| owner.parse::<u32>().ok()) else { continue };
        if Path::new("/proc").join(owner.to_string()).exists() || !Path::new("/proc/self").exists() {
            continue;
        }
        let pid = fs_err::read_to_string(entry.path().join("data/postmaster.pid")).unwrap_or_default();
        if let Some(pid) = pid.lines().next().and_then(|pid| pid.parse::<u32>().ok()) {
            let command = fs_err::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&command).contains(&*entry.path().to_string_lossy()) {
                let _ = Command::new("kill").args(["-QUIT", &pid.to_string()]).status();
            }
        }
        // Another test may sweep too; whatever is left, the next one finds.
        let _ = fs_err::remove_dir_all(entry.path());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The directory of the newest installed Postgres' programs.
fn programs() -> Option<PathBuf> {
    let installed = fs_err::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, programs)| programs.join("initdb").is_file())
        .collect();
    versions.sort();
    if let Some((_, programs)) = versions.pop() {
        return Some(programs);
    }
    let found = Command::new("sh").args(["-c", "dirname \"$(command -v initdb)\""]).output().ok()?;
    let programs = PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
    programs.join("initdb").is_file().then_some(programs)
}

/// Postgres refuses to run as root: then it runs as its own user.
fn as_postgres(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}
