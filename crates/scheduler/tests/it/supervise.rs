//! Commands under the supervisor, with real processes.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use scheduler::worker::supervise::{Ended, Frame, Order, ProcessGroup, Remains, StopSignal, Stream, Supervisor, Why};

const PROGRAM: &str = env!("CARGO_BIN_EXE_supervisor-for-tests");

fn supervisor() -> Supervisor {
    Supervisor { command: vec![PROGRAM.into(), "exec-supervised".into()] }
}

fn order(folder: &Path, script: &str) -> Order {
    Order {
        words: ["bash", "-c", script].map(str::to_owned).into(),
        directory: folder.to_owned(),
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        stop_with: StopSignal::Terminate,
        grace: Duration::from_secs(30),
        grace_without_server: Duration::from_secs(30),
        lease: None,
        max_line_in_bytes: 64 << 10,
        folder: folder.to_owned(),
    }
}

/// All that a command printed, with the stream's first letter, and how it ended.
async fn run(order: &Order) -> (Vec<String>, Ended) {
    let mut command = supervisor().start(order).await.expect("the supervisor starts");
    let mut lines = Vec::new();
    loop {
        match command.next().await.expect("an end") {
            Frame::Line { stream, bytes } => {
                let letter = if stream == Stream::Stdout { "o" } else { "e" };
                lines.push(format!("{letter} {}", String::from_utf8_lossy(&bytes)));
            }
            Frame::Started(_) => {}
            Frame::Ended(ended) => {
                assert_eq!(command.next().await, None);
                return (lines, ended);
            }
        }
    }
}

fn ended(why: Why) -> Ended {
    Ended { why, stopped: false, server_gone: false }
}

/// Waits until a condition holds; the processes of the test decide when.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_running(id: u32) -> bool {
    fs_err::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn number(text: &str) -> u32 {
    text.trim().parse().unwrap_or_else(|_| panic!("no process id: {text}"))
}

#[tokio::test]
async fn lines_keep_their_order_and_the_environment_is_exactly_what_was_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "echo one; echo two >&2; sleep 0.1; echo three; printf 'no newline'; exit 3";
    let (lines, end) = run(&order(folder.path(), script)).await;
    let of = |letter: &str| lines.iter().filter(|line| line.starts_with(letter)).cloned().collect::<Vec<_>>();
    assert_eq!(of("o"), ["o one\n", "o three\n", "o no newline"]);
    assert_eq!(of("e"), ["e two\n"]);
    // What was printed a moment later comes later, over both streams.
    assert!(lines.iter().position(|line| line == "e two\n") < lines.iter().position(|line| line == "o three\n"));
    assert_eq!(end, ended(Why::Exited(3)));
    assert_eq!(Remains::read(folder.path()).and_then(|remains| remains.ended), Some(end));

    let mut order = order(folder.path(), "");
    order.words = vec!["/usr/bin/env".to_owned()];
    order.environment.push(("SECRET".to_owned(), "a b\nc".to_owned()));
    let (mut lines, _) = run(&order).await;
    lines.sort();
    assert_eq!(lines, ["o PATH=/usr/bin:/bin\n", "o SECRET=a b\n", "o c\n"]);
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut order = order(folder.path(), "");
    order.words = vec!["no-such-program".to_owned()];
    let (_, end) = run(&order).await;
    assert_eq!(end, ended(Why::NotStarted("no-such-program: command not found".to_owned())));
    assert_eq!(end.why.return_code(), 127);
    order.words = vec!["true".to_owned()];
    order.directory = folder.path().join("gone");
    let (_, end) = run(&order).await;
    assert!(matches!(end.why, Why::NotStarted(message) if message.contains("does not exist")));
}

#[tokio::test]
async fn bytes_that_are_no_text_and_long_lines_come_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut order = order(folder.path(), r"printf 'a\xff\xfeb\n'; head -c 100000 /dev/zero | tr '\0' x; echo");
    order.max_line_in_bytes = 1 << 15;
    let mut command = supervisor().start(&order).await.expect("it starts");
    let mut lines = Vec::new();
    while let Some(frame) = command.next().await {
        if let Frame::Line { bytes, .. } = frame {
            lines.push(bytes);
        }
    }
    assert_eq!(lines[0], b"a\xff\xfeb\n");
    assert_eq!(lines[1..].iter().map(Vec::len).collect::<Vec<_>>(), [32768, 32768, 32768, 1697]);
}

#[tokio::test]
async fn a_stop_is_sigterm_and_the_command_may_clear_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "trap 'echo cleared up; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let mut command = supervisor().start(&order(folder.path(), script)).await.expect("it starts");
    let mut lines = String::new();
    let end = loop {
        match command.next().await.expect("an end") {
            // bash says on its standard error that its sleep was ended.
            Frame::Line { stream: Stream::Stderr, .. } => {}
            Frame::Line { bytes, .. } => {
                lines.push_str(&String::from_utf8_lossy(&bytes));
                if lines == "ready\n" {
                    command.words().stop("somebody wanted it");
                    command.words().stop("too late");
                }
            }
            Frame::Started(_) => {}
            Frame::Ended(end) => break end,
        }
    };
    assert_eq!(
        (lines.as_str(), end),
        ("ready\ncleared up\n", Ended { why: Why::Exited(7), stopped: true, server_gone: false })
    );
    assert_eq!(command.words().stopping().as_deref(), Some("somebody wanted it"));
}

#[tokio::test]
async fn a_command_that_ignores_sigterm_is_killed_after_the_grace() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut order = order(folder.path(), "trap '' TERM INT; echo ready; while :; do sleep 0.05; done");
    order.grace = Duration::from_millis(200);
    let mut command = supervisor().start(&order).await.expect("it starts");
    loop {
        match command.next().await.expect("an end") {
            Frame::Line { .. } => command.words().stop("now"),
            Frame::Started(_) => {}
            Frame::Ended(end) => {
                assert_eq!((&end.why, end.why.return_code()), (&Why::Signaled(9), 137));
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_a_command_leaves_running_is_ended_even_in_a_session_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    // One stays in the group, one leaves it and ignores SIGTERM; both hold the output open.
    let script = "sleep 600 & echo $!; setsid bash -c 'trap \"\" TERM; echo $$; while :; do sleep 0.1; done' & \
                  while [ ! -s ready ]; do sleep 0.02; [ $(ls | wc -l) -ge 0 ] && touch ready && echo x > ready; done; sleep 0.3; exit 0";
    let (lines, end) = run(&order(folder.path(), script)).await;
    assert_eq!(end, ended(Why::Exited(0)));
    let ids: Vec<u32> = lines.iter().map(|line| number(&line[2..])).collect();
    assert_eq!(ids.len(), 2, "{lines:?}");
    for id in ids {
        assert!(!is_running(id), "{id} still runs");
    }
}

#[tokio::test]
async fn a_hundred_megabytes_pass_in_order_while_the_reader_is_slow() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!("seq -f '%.0f{}' 1 100000", ".".repeat(1000));
    let mut command = supervisor().start(&order(folder.path(), &script)).await.expect("it starts");
    let (mut size, mut count) = (0, 0_u32);
    while let Some(frame) = command.next().await {
        match frame {
            Frame::Line { bytes, .. } => {
                count += 1;
                size += bytes.len();
                if count.is_multiple_of(10_000) {
                    assert!(bytes.starts_with(format!("{count}..").as_bytes()));
                    // The command waits in the meantime; nothing piles up here.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Frame::Started(_) => {}
            Frame::Ended(end) => assert_eq!(end, ended(Why::Exited(0))),
        }
    }
    assert_eq!(count, 100_000);
    assert!(size > 100_000_000, "{size}");
}

#[tokio::test]
async fn silence_of_the_server_beyond_the_lease_ends_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut order = order(folder.path(), "echo ready; sleep 600");
    order.lease = Some(Duration::from_millis(400));
    let mut command = supervisor().start(&order).await.expect("it starts");
    let words = command.words();
    let beats = tokio::spawn(async move {
        for _ in 0..10 {
            words.beat();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let start = Instant::now();
    let end = loop {
        if let Frame::Ended(end) = command.next().await.expect("an end") {
            break end;
        }
    };
    beats.await.expect("done");
    assert_eq!(end, Ended { why: Why::Signaled(15), stopped: true, server_gone: true });
    assert!(start.elapsed() > Duration::from_millis(1000), "it ended while the lease held");
}

#[tokio::test]
async fn a_server_that_is_killed_takes_its_command_along_and_the_last_words_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "trap 'echo stopped my queries; exit 1' TERM; echo $$; while :; do sleep 0.05; done";
    let mut server = Command::new(PROGRAM)
        .args(["server", &serde_json::to_string(&order(folder.path(), script)).expect("JSON")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
    let id = number(&line);
    let remains = Remains::read(folder.path()).expect("written");
    assert!(remains.group.id == id && remains.group.is_alive() && remains.ended.is_none());

    server.kill().expect("SIGKILL");
    server.wait().expect("gone");
    until("the supervisor writes the end", || {
        Remains::read(folder.path()).is_some_and(|remains| remains.ended.is_some())
    })
    .await;
    let remains = Remains::read(folder.path()).expect("written");
    assert_eq!(remains.ended, Some(Ended { why: Why::Exited(1), stopped: true, server_gone: true }));
    assert!(!is_running(id) && !remains.group.is_alive());
    until("the supervisor ends", || !is_running(remains.supervisor.id)).await;
    let output = Remains::output(folder.path()).await;
    assert!(
        output.contains(&Frame::Line { stream: Stream::Stdout, bytes: b"stopped my queries\n".to_vec() }),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_supervisor_that_is_killed_takes_its_command_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = supervisor().start(&order(folder.path(), "echo ready; sleep 600")).await.expect("it starts");
    let mut group: Option<ProcessGroup> = None;
    loop {
        match command.next().await.expect("an end") {
            Frame::Started(started) => group = Some(started),
            Frame::Line { .. } => {
                let remains = Remains::read(folder.path()).expect("written");
                let killed =
                    Command::new("kill").args(["-9", &remains.supervisor.id.to_string()]).status().expect("kill");
                assert!(killed.success());
            }
            Frame::Ended(end) => {
                assert_eq!(end.why, Why::Lost);
                break;
            }
        }
    }
    let id = group.expect("it was started").id;
    until("the command is gone", || !is_running(id)).await;
}
