//! Guessing is slow: who failed too often in the last minute has to wait.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

const WINDOW: Duration = Duration::from_secs(60);
/// Failures of one token at one address within [`WINDOW`] before it has to wait.
const FAILURES_OF_TOKEN: usize = 10;
/// Failures of one address, whatever it sends. It is higher, so that one program with an old token does not lock out the others behind the same
/// proxy: that one is stopped by its own limit, and what is stopped does not count.
const FAILURES_OF_ADDRESS: usize = 60;
/// Keys that are remembered; the one that has been quiet longest is forgotten first.
const KEYS: usize = 20_000;

/// Counts failures by address, and by address and token.
#[derive(Debug, Default)]
pub struct FailureLimiter {
    failures: Mutex<HashMap<(IpAddr, String), VecDeque<Duration>>>,
}

impl FailureLimiter {
    /// How long `address` has to wait before it may present the token with this prefix; zero when it may now. `now` is a monotonic clock's.
    pub fn wait(&self, address: IpAddr, prefix: &str, now: Duration) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait_of = |prefix: &str, allowed: usize| {
            let Some(times) = failures.get_mut(&(address, prefix.to_owned())) else { return Duration::ZERO };
            times.retain(|time| now.saturating_sub(*time) < WINDOW);
            match times.front() {
                Some(oldest) if times.len() >= allowed => WINDOW.saturating_sub(now.saturating_sub(*oldest)),
                _ => Duration::ZERO,
            }
        };
        wait_of(prefix, FAILURES_OF_TOKEN).max(wait_of("", FAILURES_OF_ADDRESS))
    }

    /// Remembers a failure. Says whether it is the address' first within a minute: one row of the audit log is enough for that.
    pub fn failed(&self, address: IpAddr, prefix: &str, now: Duration) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let mut add = |prefix: &str| {
            let key = (address, prefix.to_owned());
            if failures.len() >= KEYS && !failures.contains_key(&key) {
                let quietest =
                    failures.iter().min_by_key(|(_, times)| times.back().copied()).map(|(key, _)| key.clone());
                if let Some(quietest) = quietest {
                    failures.remove(&quietest);
                }
            }
            let times = failures.entry(key).or_default();
            times.retain(|time| now.saturating_sub(*time) < WINDOW);
            times.push_back(now);
            times.len() == 1
        };
        if !prefix.is_empty() {
            add(prefix);
        }
        add("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUESSER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn ten_failures_in_a_minute_have_to_wait_for_the_oldest_to_pass() {
        let limiter = FailureLimiter::default();
        let at = Duration::from_secs;
        for second in 0..10 {
            assert_eq!(limiter.wait(GUESSER, "a", at(second)), Duration::ZERO);
            assert_eq!(limiter.failed(GUESSER, "a", at(second)), second == 0);
        }
        assert_eq!(limiter.wait(GUESSER, "a", at(9)), at(51));
        assert_eq!(limiter.wait(GUESSER, "b", at(9)), Duration::ZERO, "another token of the same address");
        assert_eq!(limiter.wait(OTHER, "a", at(9)), Duration::ZERO);
        assert_eq!(limiter.wait(GUESSER, "a", at(60)), Duration::ZERO, "the first failure is a minute old");
        limiter.failed(GUESSER, "a", at(60));
        assert!(limiter.wait(GUESSER, "a", at(60)) > Duration::ZERO);
        assert_eq!(limiter.wait(GUESSER, "a", at(200)), Duration::ZERO);
    }

    #[test]
    fn an_address_that_tries_one_token_after_the_other_has_to_wait_too() {
        let limiter = FailureLimiter::default();
        for guess in 0..60 {
            assert_eq!(limiter.wait(GUESSER, "next", Duration::ZERO), Duration::ZERO);
            limiter.failed(GUESSER, &guess.to_string(), Duration::ZERO);
        }
        assert_eq!(limiter.wait(GUESSER, "next", Duration::ZERO), WINDOW);
    }
}
