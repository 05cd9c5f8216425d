//! The request that an application sends to the partner.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use serde_json::json;

use super::{PartnerStatus, check_partner, fallback::basic};
use crate::{
    answer::Answer,
    call::encode,
    random,
    request::Request,
    session::{self, Next, SessionParameters},
    state::Mock,
    viewer,
    xml::element,
};

/// `POST /api/v2/{serviceProvider}/sessions/sso/{partner}`
pub(crate) fn create(mock: &mut Mock, request: &Request<'_>, partner: &str) -> Result<Answer, Answer> {
    let (owner, device) = (request.owner()?, viewer::device(request.call)?);
    check_partner(partner)?;
    let sent = SessionParameters::of(&request.call.parameters());
    sent.check(mock, request.service_provider)?;
    let Ok(operator) = PartnerStatus::operator(request.call, mock) else {
        return Ok(basic(mock, owner, device, sent, "pfs_fallback"));
    };
    let parameters = SessionParameters { mvpd: Some(operator.id.clone()), ..sent };
    if let Next::Decisions { mvpd, reason } = session::next(mock, &owner, &parameters)? {
        return Ok(session::decisions(random::uuid(), request.service_provider, &mvpd, reason));
    }
    if operator.enable_platform_services != Some(true) {
        return Ok(basic(mock, owner, device, parameters, "configuration_fallback"));
    }
    if !parameters.missing().is_empty() {
        return Ok(basic(mock, owner, device, parameters, "missing_parameters_fallback"));
    }
    let saml = element("AuthnRequest", random::uuid());
    let body = json!({
        "actionName": "partner_profile",
        "actionType": "direct",
        "reasonType": "none",
        "url": format!("/api/v2/{}/profiles/sso/{partner}", encode(request.service_provider)),
        "sessionId": random::uuid(),
        "mvpd": operator.id,
        "serviceProvider": request.service_provider,
        "authenticationRequest": {
            "type": "saml",
            "request": BASE64_STANDARD.encode(saml),
            "attributesNames": ["uid", "NameID"],
        },
    });
    Ok(Answer::json_utf8(StatusCode::OK, &body))
}
