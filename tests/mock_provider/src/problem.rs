//! The errors of v2: `{action, status, code, message, details?, helpUrl, trace}`.

mod table;

use http::StatusCode;
use serde_json::{Value, json};

use crate::{answer::Answer, random};

pub(crate) use table::*;

/// The page to which the provider's errors link.
const HELP_URL: &str = "https://experienceleague.adobe.com/docs/pass/authentication/auth-features/error-reportn/enhanced-error-codes.html";

/// An error: its code, and the action for the caller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Problem {
    status: StatusCode,
    action: &'static str,
    code: &'static str,
    message: &'static str,
}

impl Problem {
    /// Finds a problem by its code.
    pub(crate) fn find(code: &str) -> Option<Self> {
        ALL.iter().find(|problem| problem.code == code).copied()
    }

    /// The response to a call that failed with it.
    pub(crate) fn answer(self) -> Answer {
        self.answer_with(self.status, None)
    }

    /// The same with this HTTP status and the operator's message for the viewer.
    pub(crate) fn answer_with(self, status: StatusCode, details: Option<&str>) -> Answer {
        Answer::json_utf8(status, &self.to_json(details))
    }

    /// The error as a part of a response.
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

    pub(crate) fn status(self) -> StatusCode {
        self.status
    }
}
