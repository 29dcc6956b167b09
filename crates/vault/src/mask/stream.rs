//! One stream of output.

use std::{collections::VecDeque, sync::Arc};

use super::{
    MASK,
    automaton::{Automaton, StateId},
};

/// Most bytes that are held back: a text that begins like a secret and goes on with blanks for ever does not fill the memory.
const MOST_HELD: usize = 1 << 20;

/// A place in the text where a secret may be under way.
#[derive(Clone, Copy)]
struct Thread {
    /// Position of its first byte.
    start: u64,
    /// The state that would read the next byte.
    state: StateId,
    /// Between two lines of an encoder that breaks them.
    wrapping: bool,
    /// What was read of the secret so far tells much of it.
    tells: bool,
}

/// Masks one stream. Bytes go in in any pieces; the same bytes come out, whatever the pieces were.
pub struct MaskedStream {
    automaton: Arc<Automaton>,
    /// In the order of their starts.
    threads: Vec<Thread>,
    /// By state, wrapping or not: the position at which it was last entered, so that a state is entered once per byte.
    entered: Vec<[u64; 2]>,
    held: VecDeque<u8>,
    /// Position of the first held byte.
    begin: u64,
    /// Found secrets that are not passed yet, as start and end.
    found: Vec<(u64, u64)>,
    /// Bytes before it belong to a mask that was written already.
    masked_until: u64,
}

impl MaskedStream {
    pub(super) fn new(automaton: Arc<Automaton>) -> Self {
        let entered = vec![[u64::MAX; 2]; automaton.states.len()];
        Self {
            automaton,
            threads: Vec::new(),
            entered,
            held: VecDeque::new(),
            begin: 0,
            found: Vec::new(),
            masked_until: 0,
        }
    }

    /// Takes a piece; answers what can be shown now.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut shown = Vec::with_capacity(bytes.len());
        let automaton = Arc::clone(&self.automaton);
        while !bytes.is_empty() {
            if self.threads.is_empty() {
                self.pass(self.begin + self.held.len() as u64, &mut shown);
                let harmless = bytes.iter().take_while(|byte| automaton.starts(**byte).is_empty()).count();
                let (plain, rest) = bytes.split_at(harmless);
                shown.extend_from_slice(plain);
                self.begin += harmless as u64;
                bytes = rest;
            }
            if let Some((byte, rest)) = bytes.split_first() {
                self.read(&automaton, *byte);
                bytes = rest;
            }
            if self.held.len() > MOST_HELD {
                self.threads.clear();
            }
        }
        let safe = self.threads.first().map_or(self.begin + self.held.len() as u64, |thread| thread.start);
        self.pass(safe, &mut shown);
        shown
    }

    /// The stream has ended; answers the rest. A secret of which the greater half was read is hidden, as its end may just have been cut off.
    pub fn finish(mut self) -> Vec<u8> {
        let end = self.begin + self.held.len() as u64;
        let cut = self.threads.iter().filter(|thread| thread.tells).map(|thread| (thread.start, end));
        self.found.extend(cut.collect::<Vec<_>>());
        let mut shown = Vec::new();
        self.pass(end, &mut shown);
        shown
    }

    fn read(&mut self, automaton: &Automaton, byte: u8) {
        let position = self.begin + self.held.len() as u64;
        self.held.push_back(byte);
        let before = std::mem::take(&mut self.threads);
        for thread in before {
            let state = &automaton.states[thread.state as usize];
            if state.set.contains(byte) {
                self.step(automaton, thread.state, thread.start, position);
            }
            let breaks = matches!(byte, b'\r' | b'\n');
            if state.may_wrap && (breaks || thread.wrapping && matches!(byte, b' ' | b'\t')) {
                self.enter(Thread { wrapping: true, ..thread }, position);
            }
        }
        for state in automaton.starts(byte) {
            self.step(automaton, *state, position, position);
        }
    }

    /// The state has read the byte at `position`.
    fn step(&mut self, automaton: &Automaton, id: StateId, start: u64, position: u64) {
        let state = &automaton.states[id as usize];
        if state.ends {
            self.found.push((start, position + 1));
        }
        for next in automaton.next(id) {
            self.enter(Thread { start, state: *next, wrapping: false, tells: state.tells }, position);
        }
    }

    /// Threads come in the order of their starts: the first one to enter a state covers the most.
    fn enter(&mut self, thread: Thread, position: u64) {
        let entered = &mut self.entered[thread.state as usize][usize::from(thread.wrapping)];
        if *entered != position {
            *entered = position;
            self.threads.push(thread);
        }
    }

    /// Shows what lies before `until`.
    fn pass(&mut self, until: u64, shown: &mut Vec<u8>) {
        if until == self.begin {
            return;
        }
        self.found.sort_unstable();
        let mut found = std::mem::take(&mut self.found).into_iter().peekable();
        while self.begin < until {
            while let Some((start, end)) = found.next_if(|(start, _)| *start <= self.begin) {
                // One that overlaps with what is masked lengthens the mask; one that begins after it has a mask of its own.
                if start >= self.masked_until {
                    shown.extend_from_slice(MASK.as_bytes());
                }
                self.masked_until = self.masked_until.max(end);
            }
            let Some(byte) = self.held.pop_front() else { break };
            if self.begin >= self.masked_until {
                shown.push(byte);
            }
            self.begin += 1;
        }
        self.found = found.collect();
    }
}
