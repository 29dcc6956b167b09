//! The gateway over HTTP: our own client against it, and the exact answers of the wire.

mod client;
mod harness;
mod keys;
mod query;
mod wire;
