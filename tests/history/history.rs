//! What is recorded of a run.

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

/// How many resources a trial has in these tests.
pub const MAX_RESOURCES: u32 = 2;

/// The calls so far, and the faults between them.
pub struct History {
    pub clock: Clock,
    lines: Mutex<Vec<String>>,
}

impl History {
    /// Nothing has happened.
    pub fn new() -> Self {
        let head = json!({"history": {"version": 1, "max_resources": MAX_RESOURCES}});
        Self { clock: Clock::new(), lines: Mutex::new(vec![head.to_string()]) }
    }

    /// Awaits the answer to a call, and records it with the times between which it must have happened. What may have happened has
    /// no such end.
    pub async fn record(
        &self,
        client: u64,
        operation: Operation,
        is_final: bool,
        answer: impl Future<Output = Outcome>,
    ) -> Outcome {
        let call = self.clock.now();
        let outcome = answer.await;
        let returned = self.clock.now();
        let returned = (!matches!(outcome, Outcome::Unknown { .. })).then_some(returned);
        let call = Call { client, operation, call, returned, outcome: outcome.clone(), is_final };
        self.add(serde_json::to_string(&call).expect("a call is JSON"));
        outcome
    }

    /// Something else has happened.
    pub fn event(&self, what: &str) {
        self.add(json!({"event": {"at": self.clock.now(), "what": what}}).to_string());
    }

    fn add(&self, line: String) {
        self.lines.lock().expect("not poisoned").push(line);
    }

    /// Writes it to a file, a line a call.
    pub fn write(&self, path: &Path) {
        let mut file = BufWriter::new(File::create(path).expect("can be made"));
        for line in self.lines.lock().expect("not poisoned").iter() {
            writeln!(file, "{line}").expect("can be written");
        }
        file.flush().expect("can be written");
    }
}
