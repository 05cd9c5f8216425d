//! The three calls that read profiles.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    LoginState,
    temporary::{degraded, of_trial},
};
use crate::{
    answer::Answer, owner::Owner, partner::PartnerStatus, request::Request, session, state::Mock, viewer,
};

/// `GET /api/v2/{serviceProvider}/profiles`: the logins, without profiles of degraded operators and TempPasses (assumption).
pub(crate) fn all(mock: &Mock, request: &Request<'_>) -> Result<Answer, Answer> {
    let owner = request.owner()?;
    let is_integrated = |mvpd: &str| mock.catalog.integrated(&owner.service_provider, mvpd).is_ok();
    let valid = mock.profiles.valid(&owner, mock.clock.now()).filter(|(mvpd, _)| is_integrated(mvpd));
    Ok(answer(valid.map(|(mvpd, profile)| (mvpd.to_owned(), profile.to_json()))))
}

/// `GET /api/v2/{serviceProvider}/profiles/{mvpd}`
pub(crate) fn by_mvpd(mock: &Mock, request: &Request<'_>, mvpd: &str) -> Result<Answer, Answer> {
    let owner = request.owner()?;
    PartnerStatus::check_mvpd(request.call, mock, mvpd)?;
    let profile = with_mvpd(mock, &owner, mvpd, viewer::identity(request.call))?;
    Ok(answer(profile.map(|profile| (mvpd.to_owned(), profile))))
}

/// `GET /api/v2/{serviceProvider}/profiles/code/{code}`: the profile that the code's session created, for every client,
/// since a second screen may have its own (assumption).
pub(crate) fn by_code(mock: &mut Mock, request: &Request<'_>, code: &str) -> Result<Answer, Answer> {
    let session = session::find(mock, request.service_provider, code)?;
    let owner = session.owner.clone();
    let login = session.login.clone();
    // These need no login, so the session only has to name one.
    let selected = session.parameters.mvpd.clone().filter(|mvpd| {
        let mvpd = mock.catalog.find(mvpd);
        mvpd.is_some_and(|mvpd| mvpd.behavior.trial.is_some() || mvpd.is_open_to_all())
    });
    let Some(mvpd) = login.or(selected) else { return Ok(answer([])) };
    let profile = with_mvpd(mock, &owner, &mvpd, viewer::identity(request.call))?;
    Ok(answer(profile.map(|profile| (mvpd, profile))))
}

/// The response with these profiles.
pub(crate) fn answer(profiles: impl IntoIterator<Item = (String, Value)>) -> Answer {
    let profiles: Map<_, _> = profiles.into_iter().collect();
    Answer::json_utf8(StatusCode::OK, &json!({ "profiles": profiles }))
}

fn with_mvpd(
    mock: &Mock,
    owner: &Owner,
    id: &str,
    identity: Option<String>,
) -> Result<Option<Value>, Answer> {
    let mvpd = mock.catalog.integrated(&owner.service_provider, id)?;
    if let Some(limits) = &mvpd.behavior.trial {
        return of_trial(mock, owner, id, limits, identity);
    }
    Ok(match mock.profiles.find(owner, id, mock.clock.now()) {
        LoginState::Valid(profile) => Some(profile.to_json()),
        _ => mvpd.is_open_to_all().then(|| degraded(mock, owner)),
    })
}
