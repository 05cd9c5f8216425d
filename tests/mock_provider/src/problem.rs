//! The errors of v2: `{action, status, code, message, details?, helpUrl, trace}`.

mod table;

use http::StatusCode;
use serde_json::{Value, json};

use crate::{answer::Answer, random};

pub(crate) use table::*;

/// The page that the provider's errors point to.
const HELP_URL: &str = "https://experienceleague.adobe.com/docs/pass/authentication/auth-features/error-reportn/enhanced-error-codes.html";

/// What is wrong, and what the caller can do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Problem {
    status: StatusCode,
    action: &'static str,
    code: &'static str,
    message: &'static str,
}

impl Problem {
    /// The problem with this code.
    pub(crate) fn find(code: &str) -> Option<Self> {
        ALL.iter().find(|problem| problem.code == code).copied()
    }

    /// The answer to a call that failed for it.
    pub(crate) fn answer(self) -> Answer {
        self.answer_with(self.status, None)
    }

    /// The same under a status of HTTP that may be another one, with the operator's text for the viewer.
    pub(crate) fn answer_with(self, status: StatusCode, details: Option<&str>) -> Answer {
        Answer::json_utf8(status, &self.to_json(details))
    }

    /// The error as a part of an answer.
    pub(crate) fn to_json(self, details: Option<&str>) -> Value {
        let mut error = json!({
            "action": self.action,
            "status": self.status.as_u16(),
            "code": self.code,
            "message": self.message,
            "helpUrl": HELP_URL,
            "trace": random::uuid(),
        });
        if let Some(details) = details {
            error["details"] = details.into();
        }
        error
    }

    /// Its status.
    pub(crate) fn status(self) -> StatusCode {
        self.status
    }
}
