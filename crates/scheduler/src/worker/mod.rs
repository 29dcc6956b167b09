//! What happens between a claimed run and its end: a working copy, an environment, commands one after the other, their logs and artifacts.

pub mod checkout;
pub mod supervise;
