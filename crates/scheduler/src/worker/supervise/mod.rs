//! One command in a process group of its own, under a small supervisor that dies with its server.
//!
//! The server starts `owlet exec-supervised`, writes one [`Order`] and then words to its standard input, and reads [`Frame`]s from its standard
//! output. When that input ends (the server exited, crashed, was killed) or the server's word stays away for longer than the lease lasts, the
//! supervisor ends the command and all that came of it. What it leaves in the order's folder ([`Remains`]) tells a later server how it ended.
//!
//! Reading order: [`Supervisor`] (the server's side), `supervisor` (the other side), `group` (signals), `lines`, `wire`, `remains`.

mod group;
mod lines;
mod remains;
mod supervisor;
mod wire;

use std::{
    ffi::OsString,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc,
};

pub use group::ProcessGroup;
pub use remains::Remains;
pub use supervisor::supervise;
pub use wire::{Ended, Frame, Order, StopSignal, Stream, Why, Word};

/// How long the supervisor may take to start the command.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How the supervisor is started: this very binary with its hidden subcommand.
#[derive(Debug, Clone)]
pub struct Supervisor {
    /// The program and its arguments.
    pub command: Vec<OsString>,
}

/// A command could not be started, and it is not the command's fault.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// There is no supervisor to start.
    #[error("the supervisor of commands '{program}' cannot be started: {source}")]
    Start { program: String, source: std::io::Error },
    /// It died before it said anything.
    #[error("the supervisor of commands ended before it started the command")]
    Silent,
}

/// A command under its supervisor.
#[derive(Debug)]
pub struct Supervised {
    frames: mpsc::Receiver<Frame>,
    words: Words,
}

/// Words to a supervisor; cheap to clone. When the last one and the [`Supervised`] are dropped, the command is ended.
#[derive(Debug, Clone)]
pub struct Words {
    sender: mpsc::UnboundedSender<Word>,
    stopping: Arc<Mutex<Option<String>>>,
}

impl Words {
    /// Asks for the end: the stop signal, then, after the grace of the order, SIGKILL. `reason` is kept for whoever asks later; the first one counts.
    pub fn stop(&self, reason: impl Into<String>) {
        let mut stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        if stopping.is_none() {
            *stopping = Some(reason.into());
        }
        let _ = self.sender.send(Word::Stop);
    }

    /// Says that the lease is lost: the command ends as if its server had died.
    pub fn abandon(&self) {
        let _ = self.sender.send(Word::Abandon);
    }

    /// Says that the lease still holds. Without it the supervisor stops the command after the order's `lease`.
    pub fn beat(&self) {
        let _ = self.sender.send(Word::Beat);
    }

    /// Why a stop was asked for, if one was.
    pub fn stopping(&self) -> Option<String> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Supervisor {
    /// Starts the command.
    ///
    /// # Errors
    /// Only the supervisor's own; a command that cannot be started is a [`Frame::Ended`] with [`Why::NotStarted`].
    pub async fn start(&self, order: &Order) -> Result<Supervised, SuperviseError> {
        let program = self.command.first().cloned().unwrap_or_default();
        let failed = |source| SuperviseError::Start { program: program.to_string_lossy().into_owned(), source };
        let mut child = Command::new(&program)
            .args(self.command.iter().skip(1))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A terminal's Ctrl-C is for the server, which then stops its commands in order.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(SuperviseError::Silent);
        };
        let first = wire::line(order);
        let sent = tokio::time::timeout(START_TIMEOUT, async {
            stdin.write_all(&first).await?;
            stdin.flush().await
        });
        match sent.await {
            Ok(Ok(())) => {}
            Ok(Err(source)) => return Err(failed(source)),
            Err(_) => return Err(SuperviseError::Silent),
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(pass_on(receiver, stdin));
        let words = Words { sender, stopping: Arc::default() };
        let (frames, received) = mpsc::channel(64);
        tokio::spawn(receive(child, BufReader::with_capacity(1 << 16, stdout), frames));
        Ok(Supervised { frames: received, words })
    }
}

impl Supervised {
    /// What comes next; the last is [`Frame::Ended`], and then `None`. Not reading holds the command back. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Frame> {
        self.frames.recv().await
    }

    /// To stop it from elsewhere.
    pub fn words(&self) -> Words {
        self.words.clone()
    }
}

/// Reads frames until the last one, and sees to it that there is a last one.
async fn receive(mut child: Child, mut pipe: BufReader<ChildStdout>, frames: mpsc::Sender<Frame>) {
    let mut group: Option<ProcessGroup> = None;
    loop {
        let frame = match wire::read_frame(&mut pipe).await {
            Ok(Some(frame)) => frame,
            // Without its last word: somebody killed the supervisor. Then nobody else looks after the command.
            Ok(None) | Err(_) => {
                if let Some(group) = &group {
                    group.kill();
                }
                Frame::Ended(Ended { why: Why::Lost, stopped: false, server_gone: false })
            }
        };
        if let Frame::Started(started) = &frame {
            group = Some(started.clone());
        }
        let is_last = matches!(frame, Frame::Ended(_));
        if frames.send(frame).await.is_err() || is_last {
            break;
        }
    }
    // Whoever reads no more has dropped the words too, at which the supervisor ends.
    drop(pipe);
    let _ = child.wait().await;
}

/// Writes words until nobody is left who could say one; dropping the pipe is the last word.
async fn pass_on(mut words: mpsc::UnboundedReceiver<Word>, mut stdin: ChildStdin) {
    while let Some(word) = words.recv().await {
        if stdin.write_all(&wire::line(&word)).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

/// The folder of the files that a supervisor leaves.
pub(super) fn folder_of(order: &Order) -> PathBuf {
    order.folder.clone()
}
