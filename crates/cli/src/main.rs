//! The `owlet` binary.
fn main() {}
