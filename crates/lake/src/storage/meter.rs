//! How much a query reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes that one query reads from storage, as stored. Clones share the count.
///
/// Source: Athena API, `QueryExecutionStatistics.DataScannedInBytes`.
#[derive(Debug, Clone, Default)]
pub struct ScanMeter {
    bytes: Arc<AtomicU64>,
}

impl ScanMeter {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Some more were read.
    pub fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
