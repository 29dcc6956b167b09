//! The scheduler from outside.

mod checkout;
mod supervise;
