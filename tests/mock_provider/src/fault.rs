//! What tests order to go wrong, and for which calls.

use std::{collections::HashMap, rc::Rc};

use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

use crate::{call::Call, problem::Problem};

/// The faults, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

/// Something that is to go wrong.
#[derive(Debug)]
pub(crate) struct Fault {
    scope: Scope,
    effect: Rc<Effect>,
}

/// Which calls a fault hits.
#[derive(Debug, Deserialize)]
struct Scope {
    /// What the path begins with.
    path: String,
    #[serde(default)]
    method: Option<String>,
    /// How many calls pass before the first is hit.
    #[serde(default)]
    skip: u64,
    /// How many calls are hit; all, when it is absent.
    #[serde(default)]
    times: Option<u64>,
}

/// What happens to a call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Effect {
    /// This answer.
    Status {
        /// Its status.
        #[serde(deserialize_with = "number")]
        status: StatusCode,
        /// Its type.
        #[serde(default = "html", deserialize_with = "text")]
        content_type: HeaderValue,
        /// Its body.
        #[serde(default)]
        body: String,
        /// More headers.
        #[serde(default, deserialize_with = "headers")]
        headers: HeaderMap,
    },
    /// One of the provider's own errors.
    Problem {
        /// Its code.
        #[serde(deserialize_with = "problem")]
        code: Problem,
        /// Its status, where that is not to be the documented one.
        #[serde(default, deserialize_with = "maybe_number")]
        status: Option<StatusCode>,
        /// The operator's text for the viewer.
        #[serde(default)]
        details: Option<String>,
    },
    /// No answer, ever.
    Hang {},
    /// The end of the connection.
    Close {},
    /// The normal answer's first half, and the end of the connection.
    Cut {},
    /// Bytes that are not what they say they are.
    Garbage {},
    /// A page of this size.
    Huge {
        /// Its size.
        bytes: u64,
    },
    /// Another place to ask.
    Redirect {
        /// Where.
        #[serde(deserialize_with = "text")]
        location: HeaderValue,
    },
    /// The normal answer, later.
    Delay {
        /// By how many milliseconds.
        ms: u64,
    },
    /// The normal answer, given at once and sent later.
    Late {
        /// By how many milliseconds.
        ms: u64,
    },
    /// The normal answer, said to be of another type.
    ContentType {
        /// That type.
        #[serde(deserialize_with = "text")]
        value: HeaderValue,
    },
    /// The normal answer with this JSON merged into it (RFC 7386).
    Merge(Value),
}

fn html() -> HeaderValue {
    HeaderValue::from_static("text/html")
}

// A test that orders what HTTP cannot say hears of it at once, instead of seeing something else happen.

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    u16::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
}

fn maybe_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StatusCode>, D::Error> {
    number(deserializer).map(Some)
}

fn problem<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Problem, D::Error> {
    let code = String::deserialize(deserializer)?;
    Problem::find(&code).ok_or_else(|| D::Error::custom(format!("the provider has no code {code}")))
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderValue, D::Error> {
    String::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let headers: HashMap<String, String> = HashMap::deserialize(deserializer)?;
    HeaderMap::try_from(&headers).map_err(D::Error::custom)
}

impl Fault {
    /// Reads a fault: its scope's members, and exactly one that names an effect.
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
    /// Adds one.
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The effect of the first fault that hits the call. A fault counts only the calls that no fault before it has hit.
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
