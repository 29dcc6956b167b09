//! `owlet exec-supervised` for the tests of this crate, and a server that can be killed.

use std::ffi::OsString;

use scheduler::worker::supervise::{Frame, Order, Supervisor, supervise};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("exec-supervised"), None) => {
            runtime.block_on(supervise()).expect("an order");
        }
        (Some("server"), Some(order)) => runtime.block_on(serve(&order)),
        other => panic!("no such mode: {other:?}"),
    }
    runtime.shutdown_background();
}

/// Starts a command and says what comes of it, until it is killed.
async fn serve(order: &str) {
    let order: Order = serde_json::from_str(order).expect("an order");
    let this: OsString = std::env::current_exe().expect("this program").into();
    let mut command =
        Supervisor { command: vec![this, "exec-supervised".into()] }.start(&order).await.expect("it starts");
    while let Some(frame) = command.next().await {
        if let Frame::Line { bytes, .. } = frame {
            use std::io::Write;
            std::io::stdout().write_all(&bytes).expect("written");
        }
    }
}
