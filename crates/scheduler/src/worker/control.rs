//! What a run that is under way is told from outside: that its lease holds, and that it shall end.

use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::supervise::Words;
use crate::model::StopCause;

/// Why a run is halted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// Somebody or something wants its end; it is finished as such.
    Stop { cause: StopCause, reason: String },
    /// The lease is somebody else's: nothing more may be written.
    Lost,
    /// This server ends: the commands are stopped, and another server finds the run.
    Shutdown,
}

/// Between the server's loop and one run.
#[derive(Debug, Default)]
pub(super) struct Control {
    halted: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    halt: Option<Halt>,
    words: Option<Words>,
}

impl Control {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Halts the run; the first reason counts, except that a lost lease goes before all.
    pub(super) fn halt(&self, halt: Halt) {
        let mut state = self.state();
        if state.halt.is_none() || halt == Halt::Lost {
            state.halt = Some(halt);
        }
        if let Some(words) = &state.words {
            tell(words, state.halt.as_ref());
        }
        self.halted.cancel();
    }

    /// The lease holds.
    pub(super) fn beat(&self) {
        if let Some(words) = &self.state().words {
            words.beat();
        }
    }

    /// Why the run is halted, if it is.
    pub(super) fn halt_reason(&self) -> Option<Halt> {
        self.state().halt.clone()
    }

    /// Cancelled when the run is halted.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.halted
    }

    /// The command that runs now; a halt that came before stops it at once.
    pub(super) fn command(&self, words: Option<Words>) {
        let mut state = self.state();
        if let Some(words) = &words {
            tell(words, state.halt.as_ref());
        }
        state.words = words;
    }
}

fn tell(words: &Words, halt: Option<&Halt>) {
    match halt {
        None => {}
        Some(Halt::Stop { reason, .. }) => words.stop(reason.as_str()),
        Some(Halt::Shutdown) => words.stop("the server ends"),
        Some(Halt::Lost) => words.abandon(),
    }
}
