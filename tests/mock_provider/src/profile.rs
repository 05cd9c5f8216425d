//! Who has logged in, v2 (reference, section 7).

use std::collections::HashMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    answer::Answer,
    call::Call,
    problem, session,
    state::Mock,
    trial::{self, Rule},
    viewer,
};

const TTL: i64 = 30 * 24 * 3600 * 1000;

/// A viewer's login on a device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login {
    not_before: i64,
    not_after: i64,
}

/// The logins, by service provider, device and operator.
#[derive(Debug, Default)]
pub(crate) struct Logins(HashMap<(String, String, String), Login>);

impl Logins {
    /// The viewer has logged in.
    pub(crate) fn insert(&mut self, service_provider: &str, device: &str, mvpd: &str, now: i64) {
        let login = Login { not_before: now, not_after: now + TTL };
        self.0.insert((service_provider.to_owned(), device.to_owned(), mvpd.to_owned()), login);
    }

    /// The login, unless its time is over.
    pub(crate) fn find(&self, service_provider: &str, device: &str, mvpd: &str, now: i64) -> Option<Login> {
        // Nobody has logged in when a benchmark runs: then not even the key is made.
        if self.0.is_empty() {
            return None;
        }
        let key = (service_provider.to_owned(), device.to_owned(), mvpd.to_owned());
        self.0.get(&key).copied().filter(|login| login.not_after > now)
    }
}

impl Login {
    fn to_json(self, issuer: &str) -> Value {
        json!({
            "notBefore": self.not_before,
            "notAfter": self.not_after,
            "issuer": issuer,
            "type": "regular",
            "attributes": {},
        })
    }
}

/// `GET /api/v2/{serviceProvider}/profiles/code/{code}`
pub(crate) fn by_code(mock: &mut Mock, service_provider: &str, code: &str) -> Result<Answer, Answer> {
    let session =
        session::find(mock, service_provider, code).ok_or_else(|| problem::INVALID_CODE.answer())?;
    let Some(mvpd) = session.login.clone() else { return Ok(profiles("", None)) };
    let device = session.device_id.clone();
    let login = mock.logins.find(service_provider, &device, &mvpd, mock.clock.now());
    Ok(profiles(&mvpd, login.map(|login| login.to_json(&mvpd))))
}

/// `GET /api/v2/{serviceProvider}/profiles/{mvpd}`
pub(crate) fn by_mvpd(
    mock: &mut Mock,
    call: &Call,
    service_provider: &str,
    mvpd: &str,
) -> Result<Answer, Answer> {
    let device = viewer::device_id(call)?;
    viewer::device(call)?;
    let now = mock.clock.now();
    let profile = if let Some(rule) = Rule::of(mvpd) {
        let subjects = trial::subjects(&rule, device, viewer::identity(call));
        let trial = mock.trials.find(service_provider, mvpd, &subjects);
        trial.filter(|trial| !trial.is_over(&rule, now)).map(|trial| trial.to_json(&rule))
    } else {
        let login = mock.logins.find(service_provider, &device, mvpd, now);
        login.map(|login| login.to_json(mvpd))
    };
    Ok(profiles(mvpd, profile))
}

fn profiles(mvpd: &str, profile: Option<Value>) -> Answer {
    let profiles: Map<_, _> = profile.map(|profile| (mvpd.to_owned(), profile)).into_iter().collect();
    Answer::json(StatusCode::OK, &json!({ "profiles": profiles }))
}
