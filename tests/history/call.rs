//! Calls in the format of a history, which the checker's `history.go` reads.

use serde::Serialize;

/// A call of a client, with everything that determines its response.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "op", content = "in", rename_all = "snake_case")]
pub enum Operation {
    CreateCode {
        /// The idempotency key.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
        /// Distinguishes different requests with the same request id.
        body: Body,
    },
    GetCode {
        code: String,
    },
    DeleteCode {
        code: String,
    },
    Authorize {
        temp_pass: String,
        device: String,
        key: String,
        resource: String,
        app: String,
    },
    GetTrial {
        temp_pass: String,
        device: String,
        key: String,
    },
    ResetDevice {
        temp_pass: String,
        device: String,
        app: String,
    },
    ResetKey {
        temp_pass: String,
        key: String,
    },
    ResetAll {
        temp_pass: String,
    },
}

/// The bodies of creates, which differ in the code's TTL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    Lasting,
    /// A shorter TTL than `Lasting`, but longer than any test.
    Other,
    /// Expires during the test.
    Short,
}

impl Body {
    /// The TTL in seconds.
    pub fn ttl(self) -> i64 {
        match self {
            Self::Lasting => 36_000,
            Self::Other => 18_000,
            Self::Short => 1,
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Ok {
        out: Output,
    },
    /// The call changed nothing, for this reason.
    Refused {
        reason: String,
    },
    /// The call may have taken effect, or may still do so.
    Unknown {
        reason: String,
    },
}

/// The response to a call. Each operation fills its own fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Output {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The code's expiry, by the history's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire: Option<i64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub denial: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A trial as in a response.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    pub state: &'static str,
    /// Milliseconds since the Unix epoch; 0 if it has not started.
    pub start: i64,
    pub remaining: u32,
    pub used: Vec<String>,
}

/// One call of one client.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    pub client: u64,
    #[serde(flatten)]
    pub operation: Operation,
    /// Nanoseconds by the history's clock.
    pub call: i64,
    #[serde(rename = "return", skip_serializing_if = "Option::is_none")]
    pub returned: Option<i64>,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Whether it is one of the last reads, after all faults.
    #[serde(rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
}
