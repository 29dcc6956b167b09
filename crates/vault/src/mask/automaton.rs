//! Patterns as one automaton over bytes.

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bytes([u64; 4]);

impl Bytes {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut set = Self::default();
        for byte in bytes {
            set.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
        set
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u8> {
        (0..=255).filter(move |byte| self.contains(*byte))
    }
}

/// One character of a secret: each alternative is a way of writing it.
pub(super) type Element = Vec<Vec<Bytes>>;

/// A secret in one spelling.
pub(super) struct Pattern {
    pub(super) elements: Vec<Element>,
    /// Encoders break these lines: a line break and blanks may stand between any two elements.
    pub(super) may_wrap: bool,
}

pub(super) type StateId = u32;

/// Reads one byte of its set, then goes on in any of the next states.
pub(super) struct State {
    pub(super) set: Bytes,
    /// A range of [`Automaton::follow`]: the ways of writing one element lead to the same states.
    next: (u32, u32),
    /// This byte can be the last one.
    pub(super) ends: bool,
    /// A line break may stand before this byte.
    pub(super) may_wrap: bool,
    /// More than half of the secret has been read after it: enough to be worth hiding when the text ends here.
    pub(super) tells: bool,
}

/// All patterns.
#[derive(Default)]
pub(super) struct Automaton {
    pub(super) states: Vec<State>,
    follow: Vec<StateId>,
    /// The states that may read the first byte, by that byte.
    starts: Vec<Vec<StateId>>,
}

impl Automaton {
    /// Where a match may begin with this byte.
    pub(super) fn starts(&self, byte: u8) -> &[StateId] {
        self.starts.get(usize::from(byte)).map_or(&[], Vec::as_slice)
    }

    /// Where a match goes on.
    pub(super) fn next(&self, state: StateId) -> &[StateId] {
        let (begin, end) = self.states[state as usize].next;
        &self.follow[begin as usize..end as usize]
    }

    /// Adds a pattern: built from its end, so that each element knows where it leads.
    pub(super) fn add(&mut self, pattern: &Pattern) {
        let length = pattern.elements.len();
        let mut first: Vec<StateId> = Vec::new();
        for (index, element) in pattern.elements.iter().enumerate().rev() {
            let place = Place {
                ends: index + 1 == length,
                may_wrap: pattern.may_wrap && index > 0,
                tells: index + 1 >= 4 && (index + 1) * 2 >= length,
            };
            let next = self.list(&first);
            first = element.iter().filter_map(|way| self.way(way, next, place)).collect();
        }
        self.starts.resize_with(256, Vec::new);
        for state in first {
            for byte in self.states[state as usize].set.iter() {
                self.starts[usize::from(byte)].push(state);
            }
        }
    }

    /// The states of one way of writing an element; answers the first.
    fn way(&mut self, way: &[Bytes], mut next: (u32, u32), place: Place) -> Option<StateId> {
        let mut first = None;
        for (index, set) in way.iter().enumerate().rev() {
            let is_last = index + 1 == way.len();
            self.states.push(State {
                set: *set,
                next,
                ends: place.ends && is_last,
                may_wrap: place.may_wrap && index == 0,
                tells: place.tells && is_last,
            });
            first = Some(number(self.states.len() - 1));
            if index > 0 {
                next = self.list(first.as_slice());
            }
        }
        first
    }

    fn list(&mut self, states: &[StateId]) -> (u32, u32) {
        let begin = number(self.follow.len());
        self.follow.extend_from_slice(states);
        (begin, number(self.follow.len()))
    }
}

/// Where in its pattern an element is.
#[derive(Clone, Copy)]
struct Place {
    ends: bool,
    may_wrap: bool,
    tells: bool,
}

/// Secrets are at most 64 KiB each and some dozens: their states are far fewer than 2^32.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
