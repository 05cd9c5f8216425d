//! Control calls about v2, except for logins.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{bad_request, read};
use crate::{answer::Answer, call::Call, effect::merge, owner::Owner, profile::ProfileSpec, state::Mock};

#[derive(Deserialize)]
struct PutLogin {
    service_provider: String,
    device_id: String,
    mvpd: String,
    /// The client; by default the one that registered last.
    client: Option<String>,
    #[serde(flatten)]
    profile: ProfileSpec,
}

/// A filter of logins; absent members match all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginFilter {
    service_provider: Option<String>,
    device_id: Option<String>,
    mvpd: Option<String>,
    client: Option<String>,
}

#[derive(Deserialize)]
struct FaultId {
    id: String,
}

/// Changes the settings in the call (RFC 7386) and returns all settings.
pub(super) fn settings(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    let mut settings = serde_json::to_value(&mock.settings).map_err(bad_request)?;
    merge(&mut settings, &read(call)?);
    mock.settings = serde_json::from_value(settings).map_err(bad_request)?;
    Ok(Answer::json(StatusCode::OK, &mock.settings))
}

/// Adds or changes an operator.
pub(super) fn change_mvpd(mock: &mut Mock, call: &Call) -> Result<(), Answer> {
    let patch: Value = read(call)?;
    mock.catalog.change(&patch).map_err(bad_request)
}

/// Removes an operator.
pub(super) fn remove_mvpd(mock: &mut Mock, call: &Call) -> Result<(), Answer> {
    let FaultId { id } = read(call)?;
    mock.catalog.remove(&id);
    Ok(())
}

/// The operators with their behavior.
pub(super) fn mvpds(mock: &Mock) -> Answer {
    Answer::json(StatusCode::OK, &mock.catalog.all().collect::<Vec<_>>())
}

/// Adds a login without a session.
pub(super) fn put_profile(mock: &mut Mock, call: &Call) -> Result<(), Answer> {
    let PutLogin { service_provider, device_id: device, mvpd, client, profile } = read(call)?;
    let client = client.or_else(|| mock.clients.latest().map(str::to_owned));
    let client = client.ok_or_else(|| bad_request("no client has registered"))?;
    let owner = Owner { client, service_provider, device };
    let profile = profile.make(mock, &owner, &mvpd, None);
    mock.profiles.insert(owner, &mvpd, profile);
    Ok(())
}

/// Invalidates logins and returns their number.
pub(super) fn invalidate(mock: &mut Mock, call: &Call) -> Result<Answer, Answer> {
    let filter: LoginFilter = read(call)?;
    let is =
        |expected: &Option<String>, found: &str| expected.as_deref().is_none_or(|expected| expected == found);
    let count = mock.profiles.invalidate(|owner, mvpd| {
        is(&filter.service_provider, &owner.service_provider)
            && is(&filter.device_id, &owner.device)
            && is(&filter.client, &owner.client)
            && is(&filter.mvpd, mvpd)
    });
    Ok(Answer::json(StatusCode::OK, &json!({ "invalidated": count })))
}
