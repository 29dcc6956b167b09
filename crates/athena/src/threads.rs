//! The threads that queries run on.

use tokio::runtime;

/// The main thread's; the planner goes as deep as a statement is nested.
const STACK: usize = 8 << 20;

/// A runtime of its own: a join that computes for a minute takes its share of the processors, but never the turn of what answers requests,
/// renews leases or looks at the clock on the runtime that opened the lakehouse.
pub(crate) struct QueryThreads {
    handle: runtime::Handle,
    // Taken when dropped.
    runtime: Option<runtime::Runtime>,
}

impl QueryThreads {
    /// As many threads as there are processors.
    pub(crate) fn start() -> std::io::Result<Self> {
        let runtime = runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("owlet-query")
            .thread_stack_size(STACK)
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(work);
    }
}

impl Drop for QueryThreads {
    /// Waits for nothing: the last owner may be a task of these threads, or of another runtime, where waiting is not allowed.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
