//! Ctrl-C: the first stops the run in order, the second ends the process.

use tokio_util::sync::CancellationToken;

use crate::terminal::Stream;

/// A token that the first Ctrl-C cancels.
pub fn on_interrupt() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        cancel.cancel();
        Stream::Stderr.write_line("Stopping what runs; press Ctrl-C again to leave at once (queries may go on).");
        if tokio::signal::ctrl_c().await.is_ok() {
            leave();
        }
    });
    token
}

/// Ends the process as a shell reports an interrupt.
#[expect(clippy::disallowed_methods, reason = "this is the one place where the program leaves without clearing up")]
fn leave() {
    std::process::exit(130);
}
