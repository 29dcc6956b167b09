//! Our own speed limit per operation, so that the service rarely has to say "Rate exceeded".
//!
//! A token bucket for each operation starts at the published rate. A ThrottlingException means that others share the account's quota:
//! the bucket's rate shrinks, and grows back with each call that succeeds.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use tokio::time::Instant;

/// Calls per second, and how many at once after idling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) burst: f64,
}

/// After throttling this much of the rate is left.
const SHRINK: f64 = 0.7;
/// Each success gives back this part of the published rate.
const GROW: f64 = 0.05;
/// No throttling makes it slower than one call in two seconds.
const SLOWEST: f64 = 0.5;
/// Glue publishes no rates; what it refuses teaches us.
const UNPUBLISHED: Rate = Rate { per_second: 50.0, burst: 100.0 };
/// Endpoints that are not AWS's: no limit until they throttle.
const UNLIMITED: Rate = Rate { per_second: 1e6, burst: 1e6 };

/// The published rates of Athena. Source: Athena service quotas, "API call quotas"; the control plane's are estimates.
fn published(operation: &str) -> Rate {
    match operation {
        "BatchGetNamedQuery" | "ListNamedQueries" | "ListQueryExecutions" => Rate { per_second: 5.0, burst: 10.0 },
        "CreateNamedQuery" | "DeleteNamedQuery" | "GetNamedQuery" => Rate { per_second: 5.0, burst: 20.0 },
        "BatchGetQueryExecution" => Rate { per_second: 20.0, burst: 40.0 },
        "StartQueryExecution" | "StopQueryExecution" => Rate { per_second: 20.0, burst: 80.0 },
        "GetQueryExecution" | "GetQueryResults" => Rate { per_second: 100.0, burst: 200.0 },
        "GetWorkGroup" | "GetDataCatalog" => Rate { per_second: 5.0, burst: 10.0 },
        _ => UNPUBLISHED,
    }
}

/// The speed limits of one connection.
#[derive(Default)]
pub(crate) struct Pace {
    buckets: Mutex<HashMap<&'static str, Bucket>>,
    /// No limit until the endpoint throttles.
    unlimited: bool,
}

struct Bucket {
    ceiling: Rate,
    rate: f64,
    /// Below zero: that many calls are waiting already.
    tokens: f64,
    filled: Instant,
}

impl Pace {
    /// `unlimited` for endpoints that are not AWS's own.
    pub(crate) fn new(unlimited: bool) -> Self {
        Self { buckets: Mutex::default(), unlimited }
    }

    /// Waits until the operation may be called.
    pub(crate) async fn wait(&self, operation: &'static str) {
        let delay = self.with(operation, |bucket| bucket.take(Instant::now()));
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    /// The service said "Rate exceeded".
    pub(crate) fn throttled(&self, operation: &'static str) {
        self.with(operation, |bucket| bucket.shrink(published(operation)));
    }

    /// The service answered.
    pub(crate) fn succeeded(&self, operation: &'static str) {
        self.with(operation, Bucket::grow);
    }

    fn with<T>(&self, operation: &'static str, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let unlimited = self.unlimited;
        let bucket = buckets
            .entry(operation)
            .or_insert_with(|| Bucket::full(if unlimited { UNLIMITED } else { published(operation) }, Instant::now()));
        act(bucket)
    }
}

impl Bucket {
    fn full(ceiling: Rate, now: Instant) -> Self {
        Self { ceiling, rate: ceiling.per_second, tokens: ceiling.burst, filled: now }
    }

    /// Takes a token and answers how long to wait for it.
    fn take(&mut self, now: Instant) -> Duration {
        let idle = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + idle * self.rate).min(self.ceiling.burst);
        self.filled = now;
        self.tokens -= 1.0;
        if self.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.tokens / self.rate) }
    }

    fn shrink(&mut self, published: Rate) {
        self.rate = (self.rate.min(published.per_second) * SHRINK).max(SLOWEST);
        self.tokens = self.tokens.min(0.0);
    }

    fn grow(&mut self) {
        if self.rate < self.ceiling.per_second {
            self.rate = (self.rate + self.ceiling.per_second * GROW).min(self.ceiling.per_second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_is_free_and_then_the_rate_holds() {
        let now = Instant::now();
        let mut bucket = Bucket::full(published("StartQueryExecution"), now);
        assert!((0..80).all(|_| bucket.take(now).is_zero()));
        assert_eq!(bucket.take(now), Duration::from_millis(50));
        assert_eq!(bucket.take(now), Duration::from_millis(100));
        assert!(bucket.take(now + Duration::from_secs(4)).is_zero());
    }

    #[test]
    fn throttling_shrinks_and_success_grows_back() {
        let now = Instant::now();
        let mut bucket = Bucket::full(published("GetWorkGroup"), now);
        bucket.shrink(published("GetWorkGroup"));
        assert!((bucket.rate - 3.5).abs() < 1e-9);
        assert!(!bucket.take(now).is_zero());
        (0..100).for_each(|_| bucket.shrink(published("GetWorkGroup")));
        assert!((bucket.rate - SLOWEST).abs() < 1e-9);
        (0..100).for_each(|_| bucket.grow());
        assert!((bucket.rate - 5.0).abs() < 1e-9);
    }

    #[test]
    fn another_endpoint_is_unlimited_until_it_throttles() {
        let now = Instant::now();
        let mut bucket = Bucket::full(UNLIMITED, now);
        assert!((0..10_000).all(|_| bucket.take(now).is_zero()));
        bucket.shrink(published("StartQueryExecution"));
        assert!((bucket.rate - 14.0).abs() < 1e-9);
    }
}
