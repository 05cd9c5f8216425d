//! The log of calls, for tests.

use std::rc::Rc;

use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    call::Call,
    endpoint,
    rate::{Counted, Rates},
    throttle::Throttle,
};

/// The maximum length of a logged body.
const BODY_LIMIT: usize = 64 << 10;

/// Every call except those of the control API, in order of arrival.
#[derive(Debug)]
pub(crate) struct CallLog {
    is_on: bool,
    entries: Vec<Entry>,
    /// The number of deleted calls, so that an old ticket does not refer to a newer call.
    forgotten: usize,
}

#[derive(Debug, Serialize)]
struct Entry {
    method: String,
    path: String,
    query: String,
    headers: Map<String, Value>,
    body: String,
    /// 0 until there is a response.
    status: u16,
    /// The time of arrival by the clock that tests control.
    at_ms: i64,
    /// The device's address.
    address: String,
    /// The client that its access token was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
}

/// A call in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket(Option<usize>);

impl CallLog {
    /// Creates a log that keeps calls, or one that keeps none.
    pub(crate) fn new(is_on: bool) -> Self {
        Self { is_on, entries: Vec::new(), forgotten: 0 }
    }

    /// Records a call that has no response yet.
    pub(crate) fn begin(
        &mut self,
        call: &Call,
        at_ms: i64,
        client: impl FnOnce() -> Option<Rc<str>>,
    ) -> Ticket {
        if !self.is_on {
            return Ticket(None);
        }
        self.entries.push(Entry {
            method: call.method.to_string(),
            path: call.path.clone(),
            query: call.query.clone(),
            headers: headers(call),
            body: String::from_utf8_lossy(&call.body[..call.body.len().min(BODY_LIMIT)]).into_owned(),
            status: 0,
            at_ms,
            address: call.address().into_owned(),
            client: client().map(|client| client.to_string()),
        });
        Ticket(Some(self.forgotten + self.entries.len() - 1))
    }

    /// Records the status of the response.
    pub(crate) fn finish(&mut self, ticket: Ticket, status: StatusCode) {
        let index = ticket.0.and_then(|number| number.checked_sub(self.forgotten));
        if let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) {
            entry.status = status.as_u16();
        }
    }

    /// The calls.
    pub(crate) fn entries(&self) -> &impl Serialize {
        &self.entries
    }

    /// The call rates by address and endpoint.
    pub(crate) fn rates(&self) -> Rates {
        Rates::of(self.entries.iter().map(|entry| Counted {
            endpoint: format!("{} {}", entry.method, endpoint::of(&entry.path)),
            address: entry.address.clone(),
            at_ms: entry.at_ms,
            status: entry.status,
            is_throttled: Throttle::covers(&entry.path),
        }))
    }

    /// Deletes the recorded calls.
    pub(crate) fn clear(&mut self) {
        self.forgotten += self.entries.len();
        self.entries.clear();
    }
}

/// The headers by lower-case name. The values of a repeated header are joined.
pub(crate) fn headers(call: &Call) -> Map<String, Value> {
    let join = |name| {
        let values = call.headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(", ")
    };
    call.headers.keys().map(|name| (name.to_string(), Value::String(join(name)))).collect()
}
