//! Logout, v2.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    answer::Answer,
    call::{Call, encode},
    login::MSO_PAGES,
    mvpd::Mvpd,
    owner::Owner,
    problem,
    profile::{LoginState, ProfileType},
    registration::is_uri,
    request::Request,
    state::Mock,
};

/// `GET /api/v2/{serviceProvider}/logout/{mvpd}`
pub(crate) fn one(mock: &mut Mock, request: &Request<'_>, mvpd: &str) -> Result<Answer, Answer> {
    let owner = request.owner()?;
    let redirect_url = redirect_url(request.call)?;
    let mvpd = mock.catalog.integrated(&owner.service_provider, mvpd)?;
    let action = log_out(mock, request.call, &owner, &mvpd, &redirect_url);
    Ok(answer([(mvpd.id.clone(), action)]))
}

/// `GET /api/v2/{serviceProvider}/logout`: the same for each valid login. Neither the pages nor the OpenAPI file
/// document it, so no client can rely on it (assumption).
pub(crate) fn all(mock: &mut Mock, request: &Request<'_>) -> Result<Answer, Answer> {
    let owner = request.owner()?;
    let redirect_url = redirect_url(request.call)?;
    let valid = mock.profiles.valid(&owner, mock.clock.now());
    let mvpds: Vec<_> = valid.filter_map(|(mvpd, _)| mock.catalog.find(mvpd)).collect();
    let actions: Vec<_> = mvpds
        .iter()
        .map(|mvpd| (mvpd.id.clone(), log_out(mock, request.call, &owner, mvpd, &redirect_url)))
        .collect();
    Ok(answer(actions))
}

/// It is optional in the OpenAPI file and required on the pages.
fn redirect_url(call: &Call) -> Result<String, Answer> {
    let parameters = call.parameters();
    let url = parameters.get("redirectUrl").filter(|url| is_uri(url));
    url.map(str::to_owned).ok_or_else(|| problem::INVALID_REDIRECT_URL.answer())
}

/// Deletes the login at once and returns the remaining action.
fn log_out(mock: &mut Mock, call: &Call, owner: &Owner, mvpd: &Mvpd, redirect_url: &str) -> Value {
    let kind = match mock.profiles.find(owner, &mvpd.id, mock.clock.now()) {
        LoginState::Valid(profile) => Some(profile.kind),
        _ => None,
    };
    mock.profiles.remove(owner, &mvpd.id);
    match kind {
        None if mvpd.behavior.trial.is_some() || mvpd.is_open_to_all() => action(mvpd, "complete", "none"),
        None => action(mvpd, "invalid", "none"),
        Some(ProfileType::AppleSso) => action(mvpd, "partner_logout", "partner_interactive"),
        Some(ProfileType::Degraded | ProfileType::Temporary) => action(mvpd, "complete", "none"),
        Some(_) if !mvpd.behavior.has_logout => action(mvpd, "complete", "none"),
        Some(kind) => {
            // The pages show a URL relative to the provider for profiles of single sign-on.
            let origin = if kind == ProfileType::Regular { call.origin() } else { String::new() };
            let mut action = action(mvpd, "logout", "interactive");
            action["url"] = json!(format!(
                "{origin}{MSO_PAGES}/logout?noflash=true&mso_id={}&requestor_id={}&redirect_url={}",
                encode(&mvpd.id),
                encode(&owner.service_provider),
                encode(redirect_url),
            ));
            action
        }
    }
}

fn action(mvpd: &Mvpd, name: &str, kind: &str) -> Value {
    json!({ "mvpd": mvpd.id, "actionName": name, "actionType": kind })
}

fn answer(logouts: impl IntoIterator<Item = (String, Value)>) -> Answer {
    let logouts: Map<_, _> = logouts.into_iter().collect();
    Answer::json_utf8(StatusCode::OK, &json!({ "logouts": logouts }))
}
