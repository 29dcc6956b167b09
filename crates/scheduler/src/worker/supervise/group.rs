//! Signals to a command and to all that came of it, without `unsafe`.

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use serde::{Deserialize, Serialize};

/// The process group of a command: its leader's id, and when that began, so that a later process of the same number is not taken for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessGroup {
    /// Of the leader and the group.
    pub id: u32,
    /// In clock ticks since the host started; `None` where that cannot be known.
    pub began: Option<u64>,
}

impl ProcessGroup {
    /// The group of a process that was started as the leader of one.
    pub(in crate::worker) fn led_by(id: u32) -> Self {
        Self { id, began: stat(id).map(|stat| stat.began) }
    }

    fn pid(&self) -> Option<Pid> {
        // 1 and below would mean "everybody".
        i32::try_from(self.id).ok().filter(|id| *id > 1).and_then(Pid::from_raw)
    }

    /// Any process is left in it.
    pub fn is_alive(&self) -> bool {
        let began = stat(self.id).map(|stat| stat.began);
        if self.began.is_some() && began.is_some() && began != self.began {
            return false;
        }
        self.pid().is_some_and(|pid| test_kill_process_group(pid).is_ok())
    }

    /// Sends a signal to each process of the group; one that is gone is no error.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid().filter(|_| self.is_alive()) {
            let _ = kill_process_group(pid, signal);
        }
    }

    /// SIGKILL to the group.
    pub fn kill(&self) {
        self.signal(Signal::Kill);
    }

    /// SIGTERM to the group.
    pub fn terminate(&self) {
        self.signal(Signal::Term);
    }
}

/// Sends a signal to a process.
pub(super) fn signal_process(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().filter(|id| *id > 1).and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// A process below another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descendant {
    pub(super) id: u32,
    /// Its process group.
    pub(super) group: u32,
    parent: u32,
}

/// All that came of a process, children first. Only Linux tells; elsewhere the process group has to do.
pub(super) fn descendants(of: u32) -> Vec<Descendant> {
    let all = processes();
    let mut found: Vec<Descendant> = all.iter().filter(|process| process.parent == of).copied().collect();
    let mut next = 0;
    while next < found.len() {
        let parent = found[next].id;
        found.extend(all.iter().filter(|process| process.parent == parent));
        next += 1;
    }
    found
}

/// Makes orphans below this process its children, so that one which forked away is still found. Nothing of the kind exists elsewhere.
pub(super) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Takes note of adopted children that have ended.
pub(super) fn reap() {
    use rustix::process::{WaitOptions, wait};
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

struct Stat {
    parent: u32,
    group: u32,
    began: u64,
    is_zombie: bool,
}

/// Source: Linux, proc_pid_stat(5). The name in parentheses may hold anything, so fields are counted from its end.
fn stat(id: u32) -> Option<Stat> {
    let bytes = fs_err::read(format!("/proc/{id}/stat")).ok()?;
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    let text = std::str::from_utf8(bytes.get(end + 1..)?).ok()?;
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    Some(Stat {
        is_zombie: *fields.first()? == "Z",
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        began: fields.get(19)?.parse().ok()?,
    })
}

/// Each living process.
fn processes() -> Vec<Descendant> {
    let Ok(entries) = fs_err::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|id| {
            let stat = stat(id).filter(|stat| !stat.is_zombie)?;
            Some(Descendant { id, group: stat.group, parent: stat.parent })
        })
        .collect()
}
