//! The provider's error codes.

use super::entitlement::RefusalReason;

/// What an error code of the provider means for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpstreamErrorMeaning {
    /// A field of our request is invalid. The name is that of our API.
    Field(&'static str),
    /// The registration code is unknown.
    CodeUnknown,
    /// The access token does not permit the call.
    Token,
    /// The resource is denied: a response of its own in calls that ask for a decision.
    Denied(RefusalReason),
    /// The provider's configuration does not permit the call.
    Configuration,
    /// The provider, or an operator behind it, has an outage.
    Breakdown,
}

/// The codes with their meanings (reference, section 7; reference of the device flow, section 5.2; the list in its OpenAPI file).
const CODES: &[(&str, UpstreamErrorMeaning)] = &[
    ("invalid_requestor", UpstreamErrorMeaning::Field("requestor_id")),
    ("invalid_parameter_service_provider", UpstreamErrorMeaning::Field("requestor_id")),
    ("unknown_integration", UpstreamErrorMeaning::Field("mvpd_id")),
    (INVALID_INTEGRATION, UpstreamErrorMeaning::Field("mvpd_id")),
    ("invalid_parameter_mvpd", UpstreamErrorMeaning::Field("mvpd_id")),
    ("invalid_parameter_redirect_url", UpstreamErrorMeaning::Field("redirect_url")),
    ("invalid_parameter_resources", UpstreamErrorMeaning::Field("resource_id")),
    ("missing_resource", UpstreamErrorMeaning::Field("resource_id")),
    ("malformed_authz_request", UpstreamErrorMeaning::Field("resource_id")),
    ("too_many_resources", UpstreamErrorMeaning::Field("resource_ids")),
    ("invalid_device_info", UpstreamErrorMeaning::Field("device")),
    ("invalid_header_device_info", UpstreamErrorMeaning::Field("device")),
    ("invalid_device_id", UpstreamErrorMeaning::Field("device_id")),
    ("invalid_header_device_identifier", UpstreamErrorMeaning::Field("device_id")),
    ("invalid_header_identity_for_temporary_access", UpstreamErrorMeaning::Field("identity")),
    ("invalid_configuration_temporary_access", UpstreamErrorMeaning::Field("mvpd_id")),
    ("invalid_parameter_partner", UpstreamErrorMeaning::Field("partner")),
    ("invalid_parameter_saml_response", UpstreamErrorMeaning::Field("SAMLResponse")),
    ("invalid_parameter_code", UpstreamErrorMeaning::CodeUnknown),
    ("invalid_authentication_session", UpstreamErrorMeaning::CodeUnknown),
    ("authentication_session_missing", UpstreamErrorMeaning::CodeUnknown),
    ("authentication_session_expired", UpstreamErrorMeaning::CodeUnknown),
    ("authentication_session_invalidated", UpstreamErrorMeaning::CodeUnknown),
    ("invalid_access_token_service_provider", UpstreamErrorMeaning::Token),
    ("invalid_access_token_client_application", UpstreamErrorMeaning::Token),
    ("invalid_refresh_token", UpstreamErrorMeaning::Token),
    ("temporary_access_duration_limit_exceeded", UpstreamErrorMeaning::Denied(RefusalReason::TrialExpired)),
    (
        "temporary_access_resources_limit_exceeded",
        UpstreamErrorMeaning::Denied(RefusalReason::TrialExhausted),
    ),
    ("authorization_denied_by_mvpd", UpstreamErrorMeaning::Denied(RefusalReason::Operator)),
    ("preauthorization_denied_by_mvpd", UpstreamErrorMeaning::Denied(RefusalReason::Operator)),
    ("authorization_not_found", UpstreamErrorMeaning::Denied(RefusalReason::Operator)),
    ("authorization_expired", UpstreamErrorMeaning::Denied(RefusalReason::Operator)),
    (
        "authorization_denied_by_parental_controls",
        UpstreamErrorMeaning::Denied(RefusalReason::ParentalControls),
    ),
    ("authorization_denied_by_hba_policies", UpstreamErrorMeaning::Denied(RefusalReason::HomeBased)),
    ("authorization_denied_by_degradation_rule", UpstreamErrorMeaning::Denied(RefusalReason::Degradation)),
    (
        "authorization_denied_by_degradation_configuration_change",
        UpstreamErrorMeaning::Denied(RefusalReason::Degradation),
    ),
    ("degraded_integration", UpstreamErrorMeaning::Denied(RefusalReason::Degradation)),
    ("authenticated_profile_missing", UpstreamErrorMeaning::Denied(RefusalReason::NotLoggedIn)),
    (
        "preauthorization_authentication_session_missing",
        UpstreamErrorMeaning::Denied(RefusalReason::NotLoggedIn),
    ),
    ("authenticated_profile_expired", UpstreamErrorMeaning::Denied(RefusalReason::LoginExpired)),
    (
        "preauthorization_authentication_session_expired",
        UpstreamErrorMeaning::Denied(RefusalReason::LoginExpired),
    ),
    ("authenticated_profile_invalidated", UpstreamErrorMeaning::Denied(RefusalReason::LoginInvalidated)),
    (
        "authorization_denied_by_session_invalidated",
        UpstreamErrorMeaning::Denied(RefusalReason::LoginInvalidated),
    ),
    ("authentication_session_issuer_mismatch", UpstreamErrorMeaning::Denied(RefusalReason::LoginInvalidated)),
    ("identity_not_recognized_by_mvpd", UpstreamErrorMeaning::Denied(RefusalReason::ViewerUnknown)),
    ("internal_server_error", UpstreamErrorMeaning::Breakdown),
    ("internal_error", UpstreamErrorMeaning::Breakdown),
    ("network_received_error", UpstreamErrorMeaning::Breakdown),
    ("network_connection_timeout", UpstreamErrorMeaning::Breakdown),
    ("maximum_execution_time_exceeded", UpstreamErrorMeaning::Breakdown),
    ("maximum_attempts_exceeded", UpstreamErrorMeaning::Breakdown),
];

/// Prefixes that several codes with one meaning share.
const PREFIXES: [(&str, UpstreamErrorMeaning); 2] = [
    ("invalid_configuration_", UpstreamErrorMeaning::Configuration),
    ("invalid_header_pfs_", UpstreamErrorMeaning::Field("AP-Partner-Framework-Status")),
];

/// The code for an operator that is not integrated with the requestor, and for a domain that is not registered.
pub(crate) const INVALID_INTEGRATION: &str = "invalid_integration";

impl UpstreamErrorMeaning {
    /// Returns the reason for which a resource with this error is denied.
    #[must_use]
    pub(crate) fn refusal_reason(self) -> RefusalReason {
        match self {
            Self::Denied(reason) => reason,
            // A decision involves no registration code: it is the login that has ended.
            Self::CodeUnknown => RefusalReason::NotLoggedIn,
            Self::Breakdown => RefusalReason::Undecided,
            Self::Field(_) | Self::Configuration => RefusalReason::Configuration,
            Self::Token => RefusalReason::Other,
        }
    }
}

/// Returns the meaning of a known code.
#[must_use]
pub(crate) fn meaning(code: &str) -> Option<UpstreamErrorMeaning> {
    let known = CODES.iter().find(|(known, _)| *known == code);
    let known = known.or_else(|| PREFIXES.iter().find(|(prefix, _)| code.starts_with(prefix)));
    known.map(|(_, meaning)| *meaning)
}

/// Returns every code that is known by its full name.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    CODES.iter().map(|(code, _)| *code)
}

/// Returns the prefixes of codes with their meanings.
pub(crate) fn prefixes() -> impl Iterator<Item = (&'static str, UpstreamErrorMeaning)> {
    PREFIXES.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes in the provider's pages and in its OpenAPI file.
    const LISTED: &str = "invalid_parameter_service_provider invalid_parameter_mvpd invalid_parameter_code \
        invalid_parameter_redirect_url invalid_parameter_resources invalid_parameter_partner \
        invalid_parameter_saml_response invalid_header_device_info invalid_header_device_identifier \
        invalid_header_identity_for_temporary_access invalid_header_pfs_permission_access_not_present \
        invalid_header_pfs_permission_access_not_determined invalid_header_pfs_permission_access_not_granted \
        invalid_header_pfs_provider_id_not_determined invalid_header_pfs_provider_id_mismatch \
        invalid_header_pfs_provider_info_expired invalid_integration invalid_authentication_session \
        authorization_denied_by_degradation_rule authorization_denied_by_degradation_configuration_change \
        internal_server_error invalid_refresh_token preauthorization_denied_by_mvpd authorization_denied_by_mvpd \
        authorization_denied_by_parental_controls invalid_requestor invalid_device_info invalid_device_id missing_resource \
        malformed_authz_request internal_error invalid_configuration_user_metadata_certificate \
        invalid_configuration_temporary_access invalid_configuration_platform invalid_configuration_mvpd_platform \
        too_many_resources unknown_integration invalid_access_token_service_provider \
        invalid_access_token_client_application authenticated_profile_missing authenticated_profile_expired \
        authenticated_profile_invalidated temporary_access_duration_limit_exceeded \
        temporary_access_resources_limit_exceeded authorization_denied_by_hba_policies \
        authorization_denied_by_session_invalidated identity_not_recognized_by_mvpd \
        authentication_session_issuer_mismatch authentication_session_invalidated authentication_session_missing \
        authentication_session_expired preauthorization_authentication_session_missing \
        preauthorization_authentication_session_expired authorization_not_found authorization_expired \
        network_received_error network_connection_timeout maximum_execution_time_exceeded maximum_attempts_exceeded \
        degraded_integration";

    #[test]
    fn every_listed_code_is_known_and_has_causes() {
        for code in LISTED.split_whitespace() {
            assert!(meaning(code).is_some(), "{code}");
            let symptom = crate::domain::symptom::read(code).unwrap_or_else(|| panic!("{code} is not read"));
            assert!(!symptom.causes().is_empty(), "{code}");
        }
        assert_eq!(meaning("something_new"), None);
    }
}
