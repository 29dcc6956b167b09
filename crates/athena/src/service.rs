//! `trait Athena` in process.

/// Athena over the embedded query engine.
pub struct EmbeddedAthena {}
