//! The exchange of the partner's response for a profile.

use super::{PartnerStatus, check_partner};
use crate::{
    answer::Answer,
    device, problem,
    profile::{self, ProfileSpec, ProfileType},
    request::Request,
    state::Mock,
};

/// `POST /api/v2/{serviceProvider}/profiles/sso/{partner}`. The pages document 201, the OpenAPI file 200; the mock uses 200.
pub(crate) fn exchange(mock: &mut Mock, request: &Request<'_>, partner: &str) -> Result<Answer, Answer> {
    let owner = request.owner()?;
    check_partner(partner)?;
    let operator = PartnerStatus::operator(request.call, mock).map_err(|problem| problem.answer())?;
    let parameters = request.call.parameters();
    let response = parameters.get("SAMLResponse").and_then(device::decode);
    // Any SAML response means that the viewer is logged in, because none can be signed for a mock (assumption).
    response.ok_or_else(|| problem::INVALID_SAML_RESPONSE.answer())?;
    let spec = ProfileSpec::of_type(ProfileType::AppleSso);
    let profile = spec.make(mock, &owner, &operator.id, None);
    let shown = profile.to_json();
    mock.profiles.insert(owner, &operator.id, profile);
    Ok(profile::answer([(operator.id.clone(), shown)]))
}
