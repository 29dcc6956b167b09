//! The supervisor's own process: starts the command, passes its lines on, and sees to its end.

use std::{
    io,
    os::{fd::AsFd, unix::process::ExitStatusExt},
    process::Stdio,
    time::Duration,
};

use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, BufWriter},
    net::unix::pipe,
    process::{Child, Command},
    sync::mpsc,
    task::JoinHandle,
    time::Instant,
};

use super::{
    Ended, Frame, Order, ProcessGroup, Remains, Stream, Why, Word, folder_of, group,
    lines::Lines,
    remains::Spool,
    wire::{self, StopSignal},
};

/// What a command left behind gets SIGTERM, then after this SIGKILL.
const ORPHANS_GRACE: Duration = Duration::from_secs(1);
/// Between two looks whether something is left.
const LOOK: Duration = Duration::from_millis(20);
/// After the end of all processes that can be found: how long a silent pipe is waited for.
const SILENCE: Duration = Duration::from_secs(3);
/// Lines between the command and whoever reads; more hold the command back.
const QUEUE: usize = 256;

/// Runs one order to its end, from this process's standard input and to its standard output, both pipes. The process must do nothing else.
///
/// # Errors
/// There is no order. How the command ends is no error but the last frame.
pub async fn supervise() -> io::Result<()> {
    let output = pipe::Sender::from_owned_fd(io::stdout().as_fd().try_clone_to_owned()?)?;
    let mut input = BufReader::new(pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?);
    let mut first = String::new();
    input.read_line(&mut first).await?;
    let order: Order = serde_json::from_str(&first)?;
    drop(first);
    group::adopt_orphans();

    let (frames, received) = mpsc::channel(QUEUE);
    let writer = tokio::spawn(write_frames(received, output, Spool::new(&folder_of(&order))));
    let ended = match start(&order) {
        Ok(child) => attend(child, &order, input, &frames).await,
        Err(error) => not_started(&order, &error),
    };
    let _ = frames.send(Frame::Ended(ended)).await;
    drop(frames);
    let _ = writer.await;
    Ok(())
}

fn start(order: &Order) -> io::Result<Child> {
    let (program, arguments) = order.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    Command::new(program)
        .args(arguments)
        .current_dir(&order.directory)
        .env_clear()
        .envs(order.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

fn not_started(order: &Order, error: &io::Error) -> Ended {
    let program = order.words.first().map_or("", String::as_str);
    let message = if !order.directory.is_dir() {
        format!("the folder '{}' does not exist", order.directory.display())
    } else if error.kind() == io::ErrorKind::NotFound {
        format!("{program}: command not found")
    } else {
        format!("{program}: {error}")
    };
    Ended { why: Why::NotStarted(message), stopped: false, server_gone: false }
}

/// From the start of the command until nothing of it is left.
async fn attend(
    mut child: Child,
    order: &Order,
    input: BufReader<impl AsyncRead + Unpin + Send + 'static>,
    frames: &mpsc::Sender<Frame>,
) -> Ended {
    let leader = ProcessGroup::led_by(child.id().unwrap_or_default());
    let mut remains =
        Remains { supervisor: ProcessGroup::led_by(std::process::id()), group: leader.clone(), ended: None };
    let _ = remains.write(&folder_of(order));
    let _ = frames.send(Frame::Started(leader.clone())).await;
    let max = order.max_line_in_bytes;
    let mut readers: Vec<JoinHandle<()>> = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        readers.push(tokio::spawn(read_lines(stdout, Stream::Stdout, max, frames.clone())));
    }
    if let Some(stderr) = child.stderr.take() {
        readers.push(tokio::spawn(read_lines(stderr, Stream::Stderr, max, frames.clone())));
    }

    let (stops, mut stopped) = mpsc::channel(2);
    let words = tokio::spawn(listen(input, order.lease, stops));
    let mut stop: Option<Stop> = None;
    let mut kill_at: Option<Instant> = None;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            Some(reason) = stopped.recv() => {
                if stop.is_none() {
                    signal_all(&leader, match order.stop_with {
                        StopSignal::Terminate => Signal::Term,
                        StopSignal::Interrupt => Signal::Int,
                    });
                }
                stop = Some(reason);
                let grace = if reason == Stop::Asked { order.grace } else { order.grace_without_server };
                let end = Instant::now() + grace;
                kill_at = Some(kill_at.map_or(end, |before| before.min(end)));
            }
            () = tokio::time::sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                signal_all(&leader, Signal::Kill);
                // Until it is gone: a process in the middle of a system call dies after that.
                kill_at = Some(Instant::now() + Duration::from_secs(1));
            }
        }
    };
    words.abort();
    end_orphans(&leader).await;
    drain(readers, frames).await;

    let why = match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Why::Exited(code),
            (None, Some(signal)) => Why::Signaled(signal),
            (None, None) => Why::Lost,
        },
        Err(_) => Why::Lost,
    };
    let ended = Ended { why, stopped: stop.is_some(), server_gone: stop == Some(Stop::ServerGone) };
    remains.ended = Some(ended.clone());
    let _ = remains.write(&folder_of(order));
    ended
}

/// Why the command is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Asked,
    ServerGone,
}

/// Passes reasons to stop on: first that somebody asked, last that the server is gone.
async fn listen(input: BufReader<impl AsyncRead + Unpin>, lease: Option<Duration>, stops: mpsc::Sender<Stop>) {
    let mut input = input.lines();
    let mut asked = false;
    loop {
        let next = match lease {
            Some(lease) => tokio::time::timeout(lease, input.next_line()).await.unwrap_or(Ok(None)),
            None => input.next_line().await,
        };
        let word = match next {
            Ok(Some(line)) => serde_json::from_str(&line).unwrap_or(Word::Beat),
            Ok(None) | Err(_) => Word::Abandon,
        };
        match word {
            Word::Beat => {}
            Word::Stop if asked => {}
            Word::Stop => {
                asked = true;
                let _ = stops.send(Stop::Asked).await;
            }
            Word::Abandon => {
                let _ = stops.send(Stop::ServerGone).await;
                return;
            }
        }
    }
}

/// To the group, and to those that left it; once to each, as a second interrupt may mean "at once".
fn signal_all(leader: &ProcessGroup, signal: Signal) {
    let all = group::descendants(std::process::id());
    leader.signal(signal);
    for process in all.iter().filter(|process| process.group != leader.id) {
        group::signal_process(process.id, signal);
    }
}

/// The command is over; what it left running is not wanted.
async fn end_orphans(leader: &ProcessGroup) {
    let kill_at = Instant::now() + ORPHANS_GRACE;
    let mut sent = None;
    loop {
        // The leader has been waited for, so that every child is an adopted one now.
        group::reap();
        let left = group::descendants(std::process::id());
        if left.is_empty() && !leader.is_alive() {
            return;
        }
        let signal = if Instant::now() < kill_at { Signal::Term } else { Signal::Kill };
        if sent != Some(signal) || signal == Signal::Kill {
            signal_all(leader, signal);
            sent = Some(signal);
        }
        if Instant::now() > kill_at + SILENCE {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits for the rest of the output. A pipe that somebody beyond reach holds open is given up once it is silent and all lines are passed on.
async fn drain(readers: Vec<JoinHandle<()>>, frames: &mpsc::Sender<Frame>) {
    for mut reader in readers {
        loop {
            match tokio::time::timeout(SILENCE, &mut reader).await {
                Ok(_) => break,
                Err(_) if frames.capacity() == frames.max_capacity() => {
                    reader.abort();
                    break;
                }
                Err(_) => {}
            }
        }
    }
}

async fn read_lines(pipe: impl AsyncRead + Unpin, stream: Stream, max: usize, frames: mpsc::Sender<Frame>) {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, pipe), max);
    while let Ok(Some(bytes)) = lines.next().await {
        if frames.send(Frame::Line { stream, bytes }).await.is_err() {
            return;
        }
    }
}

/// Passes frames on; to a file when the server is gone, so that the command does not fail for that and its last words are kept: also those that were
/// written and not yet flushed when the pipe broke.
async fn write_frames(mut frames: mpsc::Receiver<Frame>, output: impl AsyncWrite + Unpin, mut spool: Spool) {
    /// Frames that wait for a flush at most.
    const PENDING: usize = 256;
    let mut output = Some(BufWriter::with_capacity(1 << 16, output));
    let mut pending: Vec<Frame> = Vec::new();
    while let Some(frame) = frames.recv().await {
        let Some(writer) = &mut output else {
            spool.keep(&frame).await;
            continue;
        };
        let mut written = wire::write_frame(writer, &frame).await;
        pending.push(frame);
        if written.is_ok() && (frames.is_empty() || pending.len() >= PENDING) {
            written = writer.flush().await;
            if written.is_ok() {
                pending.clear();
            }
        }
        if written.is_err() {
            output = None;
            for frame in pending.drain(..) {
                spool.keep(&frame).await;
            }
        }
    }
}
