//! Ephemeral models become CTEs of their consumers.
