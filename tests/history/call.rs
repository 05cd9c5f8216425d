//! Calls as a history holds them; the checker's `history.go` reads them.

use serde::Serialize;

/// What a client asks for, with all that decides the answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "op", content = "in", rename_all = "snake_case")]
pub enum Operation {
    CreateCode {
        /// Makes the call safe to repeat.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
        /// Tells apart the requests that come under one request id.
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

/// The bodies of creates, which differ in the code's time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    Lasting,
    /// Not as long, but longer than any test.
    Other,
    /// Ends while the test runs.
    Short,
}

impl Body {
    /// Seconds.
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
    /// Nothing was changed, for this reason.
    Refused {
        reason: String,
    },
    /// It may have happened, now or later.
    Unknown {
        reason: String,
    },
}

/// What a call answers; each operation fills its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Output {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// When the code ends, by the history's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire: Option<i64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub denial: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A trial as it was shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    pub state: &'static str,
    /// Milliseconds since the Unix epoch; 0 where it has not started.
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
    /// Made when all faults were over.
    #[serde(rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
}
