//! Executions of this process: those that run, and the latest that ended.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use athena_api::athena::{QueryExecution, QueryExecutionState};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::history::Record;

/// So many ended executions answer without the state database.
const REMEMBERED: usize = 1000;

/// One execution of this process.
pub(crate) struct Live {
    record: Mutex<Record>,
    /// Told of each state; what waits for the end listens here.
    state: watch::Sender<QueryExecutionState>,
    /// Stops it.
    pub(crate) cancel: CancellationToken,
}

impl Live {
    fn new(execution: QueryExecution, cancel: CancellationToken) -> Self {
        let state = watch::Sender::new(execution.status.state);
        Self { record: Mutex::new(Record { execution, result: None }), state, cancel }
    }

    /// As it stands now.
    pub(crate) fn record(&self) -> Record {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As it stands now, without its result.
    pub(crate) fn execution(&self) -> QueryExecution {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).execution.clone()
    }

    /// Changes it and tells who waits.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Record)) {
        let state = {
            let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut record);
            record.execution.status.state
        };
        self.state.send_replace(state);
    }

    /// Returns when it has ended.
    pub(crate) async fn ended(&self) {
        // The sender lives as long as `self`, so the only answer is that the state has come.
        let _ = self.state.subscribe().wait_for(|state| state.is_terminal()).await;
    }
}

/// The executions of this process.
#[derive(Default)]
pub(crate) struct LiveSet {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    all: HashMap<String, Arc<Live>>,
    ended: VecDeque<String>,
}

impl LiveSet {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Live>> {
        self.inner().all.get(id).cloned()
    }

    pub(crate) fn insert(&self, execution: QueryExecution, cancel: CancellationToken) -> Arc<Live> {
        let id = execution.query_execution_id.clone();
        let live = Arc::new(Live::new(execution, cancel));
        self.inner().all.insert(id, Arc::clone(&live));
        live
    }

    /// It is in the state database now: it may be forgotten when many others have ended.
    pub(crate) fn ended(&self, id: &str) {
        let mut inner = self.inner();
        inner.ended.push_back(id.to_owned());
        while inner.ended.len() > REMEMBERED {
            if let Some(oldest) = inner.ended.pop_front() {
                inner.all.remove(&oldest);
            }
        }
    }

    /// Those that have not ended.
    pub(crate) fn running(&self) -> Vec<Arc<Live>> {
        let inner = self.inner();
        inner.all.values().filter(|live| !live.state.borrow().is_terminal()).cloned().collect()
    }
}
