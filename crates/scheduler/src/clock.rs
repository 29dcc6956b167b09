//! Time and chance, as the outside gives them.
//!
//! The wall clock decides which slots are due, and nothing else: it may be stepped. How long something took, and whether a server still lives,
//! is judged by the monotonic clock.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Microseconds since the epoch, UTC: how the tables keep time.
pub type Micros = i64;

/// One second in [`Micros`].
pub const SECOND: Micros = 1_000_000;

/// Where time and chance come from.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Micros;
    /// Time since some fixed moment; never goes back, whatever happens to the wall clock.
    fn monotonic(&self) -> Duration;
    /// 64 random bits.
    fn random(&self) -> u64;

    /// A new random UUID.
    fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(((u128::from(self.random()) << 64) | u128::from(self.random())).to_be_bytes())
            .into_uuid()
    }
}

/// The machine's own.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        Utc::now().timestamp_micros()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn random(&self) -> u64 {
        // Each `RandomState` has new keys; the hash of nothing under them is as random as they are.
        RandomState::new().hash_one(())
    }
}

/// A clock that tests move. Cheap to share: servers of one test may each have their own wall clock.
#[derive(Debug)]
pub struct SteppedClock(Mutex<Stepped>);

#[derive(Debug)]
struct Stepped {
    wall: Micros,
    monotonic: Duration,
    seed: u64,
}

impl SteppedClock {
    /// Stands at `wall` (RFC 3339) until it is moved; `seed` makes its chance repeatable.
    ///
    /// # Panics
    /// `wall` is no time.
    pub fn at(wall: &str, seed: u64) -> Self {
        let wall = DateTime::parse_from_rfc3339(wall).unwrap_or_else(|error| panic!("{wall}: {error}"));
        Self(Mutex::new(Stepped { wall: wall.timestamp_micros(), monotonic: Duration::ZERO, seed }))
    }

    /// Time passes.
    pub fn pass(&self, time: Duration) {
        let mut clock = self.lock();
        clock.monotonic += time;
        clock.wall += i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    }

    /// Somebody sets the wall clock: no time passes.
    pub fn step(&self, by_seconds: i64) {
        self.lock().wall += by_seconds * SECOND;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Stepped> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> Micros {
        self.lock().wall
    }

    fn monotonic(&self) -> Duration {
        self.lock().monotonic
    }

    fn random(&self) -> u64 {
        // SplitMix64.
        let mut clock = self.lock();
        clock.seed = clock.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = clock.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// As people read it: `2026-03-01 04:15:00 UTC`.
pub fn readable(at: Micros) -> String {
    DateTime::<Utc>::from_timestamp_micros(at)
        .map_or_else(|| at.to_string(), |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}
