//! The recorded history of a run.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::Mutex,
};

use serde_json::json;

use crate::{
    call::{Call, Operation, Outcome},
    clock::Clock,
};

/// The resource limit of a trial in these tests.
pub const MAX_RESOURCES: u32 = 2;

/// The calls and faults so far.
pub struct History {
    pub clock: Clock,
    lines: Mutex<Vec<String>>,
}

impl History {
    /// An empty history.
    pub fn new() -> Self {
        let header = json!({"history": {"version": 1, "max_resources": MAX_RESOURCES}});
        Self { clock: Clock::new(), lines: Mutex::new(vec![header.to_string()]) }
    }

    /// Awaits the outcome of a call, and records it with the start and end between which it took effect. A call with unknown outcome
    /// has no end.
    pub async fn record(
        &self,
        client: u64,
        operation: Operation,
        is_final: bool,
        outcome: impl Future<Output = Outcome>,
    ) -> Outcome {
        let call = self.clock.now();
        let outcome = outcome.await;
        let returned = self.clock.now();
        let returned = (!matches!(outcome, Outcome::Unknown { .. })).then_some(returned);
        let call = Call { client, operation, call, returned, outcome: outcome.clone(), is_final };
        self.add(serde_json::to_string(&call).expect("a call is JSON"));
        outcome
    }

    /// Records another event, such as a fault.
    pub fn event(&self, what: &str) {
        self.add(json!({"event": {"at": self.clock.now(), "what": what}}).to_string());
    }

    fn add(&self, line: String) {
        self.lines.lock().expect("not poisoned").push(line);
    }

    /// Writes the history to a file, one line per call or event.
    pub fn write(&self, path: &Path) {
        let mut file = BufWriter::new(File::create(path).expect("can be made"));
        for line in self.lines.lock().expect("not poisoned").iter() {
            writeln!(file, "{line}").expect("can be written");
        }
        file.flush().expect("can be written");
    }
}
