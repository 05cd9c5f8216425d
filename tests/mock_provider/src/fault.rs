//! Faults that tests set, and the calls that they affect.

use std::{collections::HashMap, rc::Rc};

use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

use crate::{call::Call, problem::Problem};

/// The faults, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

#[derive(Debug)]
pub(crate) struct Fault {
    scope: Scope,
    effect: Rc<Effect>,
}

/// The calls that a fault affects.
#[derive(Debug, Deserialize)]
struct Scope {
    /// The prefix of the path.
    path: String,
    #[serde(default)]
    method: Option<String>,
    /// The number of calls that pass before the first affected one.
    #[serde(default)]
    skip: u64,
    /// The number of affected calls; by default all.
    #[serde(default)]
    times: Option<u64>,
}

/// The effect on a call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Effect {
    /// Responds with this.
    Status {
        #[serde(deserialize_with = "number")]
        status: StatusCode,
        #[serde(default = "html", deserialize_with = "text")]
        content_type: HeaderValue,
        #[serde(default)]
        body: String,
        /// More headers.
        #[serde(default, deserialize_with = "headers")]
        headers: HeaderMap,
    },
    /// Responds with one of the provider's errors.
    Problem {
        /// The error code.
        #[serde(deserialize_with = "problem")]
        code: Problem,
        /// A status other than the documented one.
        #[serde(default, deserialize_with = "maybe_number")]
        status: Option<StatusCode>,
        /// The operator's message for the viewer.
        #[serde(default)]
        details: Option<String>,
    },
    /// Never responds.
    Hang {},
    /// Closes the connection.
    Close {},
    /// Sends the first half of the normal response and closes the connection.
    Cut {},
    /// Sends bytes that do not match the content type.
    Garbage {},
    /// Responds with a page of this size.
    Huge {
        /// The size.
        bytes: u64,
    },
    Redirect {
        /// The target.
        #[serde(deserialize_with = "text")]
        location: HeaderValue,
    },
    /// Handles the call later.
    Delay {
        /// The delay in milliseconds.
        ms: u64,
    },
    /// Handles the call at once and sends the response later.
    Late {
        /// The delay in milliseconds.
        ms: u64,
    },
    /// Sends the normal response with another content type.
    ContentType {
        /// The content type.
        #[serde(deserialize_with = "text")]
        value: HeaderValue,
    },
    /// Merges this JSON into the normal response (RFC 7386).
    Merge(Value),
}

fn html() -> HeaderValue {
    HeaderValue::from_static("text/html")
}

// Values that HTTP cannot express are refused when a test sets them, not when a call hits the fault.

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    u16::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
}

fn maybe_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StatusCode>, D::Error> {
    number(deserializer).map(Some)
}

fn problem<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Problem, D::Error> {
    let code = String::deserialize(deserializer)?;
    Problem::find(&code).ok_or_else(|| D::Error::custom(format!("the provider has no error code {code}")))
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderValue, D::Error> {
    String::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let headers: HashMap<String, String> = HashMap::deserialize(deserializer)?;
    HeaderMap::try_from(&headers).map_err(D::Error::custom)
}

impl Fault {
    /// Parses a fault: the members of its scope, and exactly one effect.
    pub(crate) fn parse(body: &[u8]) -> serde_json::Result<Self> {
        let members: Map<String, Value> = serde_json::from_slice(body)?;
        let is_scope = |name: &String| ["path", "method", "skip", "times"].contains(&name.as_str());
        let (scope, effect): (Map<_, _>, Map<_, _>) =
            members.into_iter().partition(|(name, _)| is_scope(name));
        Ok(Self {
            scope: serde_json::from_value(Value::Object(scope))?,
            effect: Rc::new(serde_json::from_value(Value::Object(effect))?),
        })
    }
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Removes all faults.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The effect of the first fault that matches the call. A fault counts only calls that no earlier fault affects.
    pub(crate) fn hit(&mut self, call: &Call) -> Option<Rc<Effect>> {
        let fault = self.0.iter_mut().find_map(|fault| fault.scope.hits(call).then_some(&fault.effect));
        fault.cloned()
    }
}

impl Scope {
    fn hits(&mut self, call: &Call) -> bool {
        let is_method = self.method.as_ref().is_none_or(|method| call.method.as_str() == method);
        if !is_method || !call.path.starts_with(&self.path) || self.times == Some(0) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times = self.times.map(|times| times - 1);
        true
    }
}
