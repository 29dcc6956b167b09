//! Connections, environment variables and their secrets: sealed at rest, opened for a run, masked in everything that is shown.
//!
//! Reading order: [`Secret`] (a text that shows itself to nobody), [`KeyRing`] (seals it for the database), [`Connection`] and
//! [`Variables`] (what is kept), [`render_profiles`] (what a run gets), [`Masker`] (what its log shows).
//!
//! Nothing here reads the environment or a clock, and only [`KeyRing`] touches files.

mod connection;
mod error;
mod field;
mod key;
mod mask;
mod profiles;
mod seal;
mod secret;
mod variable;

pub use connection::Connection;
pub use error::VaultError;
pub use field::{FIELDS, Field, Group, Kind};
pub use key::{KEY_FILE, KeyRing};
pub use mask::{MASK, MaskedStream, Masker};
pub use profiles::{Lakehouse, RenderedProfiles, Target, render_profiles};
pub use seal::Binding;
pub use secret::{MIN_SECRET_LENGTH, Secret};
pub use variable::{Origin, Overrides, Resolved, Scope, Variable, VariableValue, Variables, check_name};
