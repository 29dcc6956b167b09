//! The client against a server that follows a script, and against one that is not ours.

mod behaviour;
mod script;
#[cfg(feature = "third-party")]
mod third_party;
