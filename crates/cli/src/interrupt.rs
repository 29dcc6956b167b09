//! Ctrl-C and SIGTERM: the first stops the run in order, the second ends the process.

use tokio_util::sync::CancellationToken;

use crate::terminal::Stream;

/// A token that the first Ctrl-C, or SIGTERM, cancels.
pub fn on_interrupt() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        if !asked_to_stop().await {
            return;
        }
        cancel.cancel();
        Stream::Stderr.write_line("Stopping what runs; press Ctrl-C again to leave at once (queries may go on).");
        if asked_to_stop().await {
            leave();
        }
    });
    token
}

/// Waits for an interrupt or for SIGTERM, which schedulers and containers send. `false` when neither can be heard.
async fn asked_to_stop() -> bool {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        return tokio::select! {
            heard = tokio::signal::ctrl_c() => heard.is_ok(),
            heard = terminate.recv() => heard.is_some(),
        };
    }
    tokio::signal::ctrl_c().await.is_ok()
}

/// Ends the process as a shell reports an interrupt.
#[expect(clippy::disallowed_methods, reason = "this is the one place where the program leaves without clearing up")]
fn leave() {
    std::process::exit(130);
}
