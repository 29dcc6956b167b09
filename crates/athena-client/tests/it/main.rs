//! The client against a server that follows a script, and against one that is not ours.

mod behaviour;
mod script;
mod third_party;
