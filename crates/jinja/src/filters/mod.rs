//! Filters and tests.
