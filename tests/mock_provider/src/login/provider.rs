//! The provider's part of the login.

use super::{MSO_PAGES, OPERATOR_PAGES, broken, redirect};
use crate::{
    answer::Answer,
    call::{Call, Parameters, encode},
    profile::ProfileSpec,
    session,
    state::Mock,
};

/// `GET /api/v2/authenticate/{serviceProvider}/{code}`, called by a browser without a token. Its errors are pages.
pub(crate) fn authenticate(mock: &mut Mock, call: &Call, service_provider: &str, code: &str) -> Answer {
    let Ok(session) = session::find(mock, service_provider, code) else {
        return broken("The code is unknown or has expired");
    };
    let parameters = session.parameters.clone();
    let (Some(mvpd), Some(domain), Some(redirect_url)) =
        (&parameters.mvpd, &parameters.domain_name, &parameters.redirect_url)
    else {
        return broken(format!("The session lacks {}", parameters.missing().join(", ")));
    };
    let Ok(operator) = mock.catalog.integrated(service_provider, mvpd) else {
        return broken("The operator is unknown to the service provider");
    };
    // These need no login, so the browser is redirected back at once (assumption).
    if operator.behavior.trial.is_some() || operator.is_open_to_all() {
        return redirect(redirect_url);
    }
    // The code is passed in the URL, where the real provider uses cookies (assumption).
    redirect(&format!(
        "{}{MSO_PAGES}/authenticate/saml?noflash=true&mso_id={}&requestor_id={}&no_iframe=false&domain_name={}&reg_code={}\
         &redirect_url={}",
        call.origin(),
        encode(mvpd),
        encode(service_provider),
        encode(domain),
        encode(code),
        encode(redirect_url),
    ))
}

/// `GET /adobe-services/authenticate/saml`: redirects to the operator's page.
pub(crate) fn request_login(mock: &mut Mock, call: &Call) -> Answer {
    let parameters = call.parameters();
    let get = |name| parameters.get(name).unwrap_or_default();
    let code = get("reg_code");
    if session::find(mock, get("requestor_id"), code).is_err() {
        return broken("The code is unknown or has expired");
    }
    let (origin, mvpd) = (call.origin(), encode(get("mso_id")));
    redirect(&format!("{origin}{OPERATOR_PAGES}/{mvpd}/login?RelayState={}", encode(code)))
}

/// `GET /adobe-services/saml/assertion`: delivers the operator's assertion and redirects the browser back, whatever the
/// outcome. Only the existence of a profile shows that the viewer has logged in (assumption).
pub(crate) fn consume_assertion(mock: &mut Mock, call: &Call) -> Answer {
    let now = mock.clock.now();
    let parameters = call.parameters();
    let taken = parameters.get("SAMLart").and_then(|artifact| mock.assertions.remove(artifact, now));
    let Some(assertion) = taken else {
        return broken("The operator's assertion is unknown or was already used");
    };
    let Some(session) = mock.sessions.get_mut(&assertion.code, now) else {
        return broken("The code has expired");
    };
    let (owner, id) = (session.owner.clone(), session.id);
    let redirect_url = session.parameters.redirect_url.clone().unwrap_or_default();
    if let Some(viewer) = assertion.viewer {
        session.login = Some(assertion.mvpd.clone());
        let spec = ProfileSpec::of_viewer(viewer.user_name, viewer.attributes);
        let profile = spec.make(mock, &owner, &assertion.mvpd, Some(id));
        mock.profiles.insert(owner, &assertion.mvpd, profile);
    }
    redirect(&redirect_url)
}

/// `GET /adobe-services/logout`: redirects to the operator's page.
pub(crate) fn request_logout(call: &Call) -> Answer {
    let parameters: Parameters = call.parameters();
    let get = |name| parameters.get(name).unwrap_or_default();
    let (origin, mvpd, back) = (call.origin(), encode(get("mso_id")), encode(get("redirect_url")));
    redirect(&format!("{origin}{OPERATOR_PAGES}/{mvpd}/logout?redirect_url={back}"))
}
