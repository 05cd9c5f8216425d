//! The provider's own codes of errors.

use super::entitlement::RefusalReason;

/// What a code of the provider's means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A field of our request is not right, by its name in our API.
    Field(&'static str),
    /// The registration code is not known.
    CodeUnknown,
    /// The access token is not good for this.
    Token,
    /// What was asked for is denied: an answer of its own where decisions are asked for.
    Denied(RefusalReason),
    /// What the provider has configured does not permit it.
    Configuration,
    /// The provider, or an operator behind it, has a breakdown.
    Breakdown,
}

/// What the provider's own codes mean (reference, section 7; of the device flow, section 5.2; the list in its OpenAPI file).
const CODES: &[(&str, Meaning)] = &[
    ("invalid_requestor", Meaning::Field("requestor_id")),
    ("invalid_parameter_service_provider", Meaning::Field("requestor_id")),
    ("unknown_integration", Meaning::Field("mvpd_id")),
    (INVALID_INTEGRATION, Meaning::Field("mvpd_id")),
    ("invalid_parameter_mvpd", Meaning::Field("mvpd_id")),
    ("invalid_parameter_redirect_url", Meaning::Field("redirect_url")),
    ("invalid_parameter_resources", Meaning::Field("resource_id")),
    ("missing_resource", Meaning::Field("resource_id")),
    ("malformed_authz_request", Meaning::Field("resource_id")),
    ("too_many_resources", Meaning::Field("resource_ids")),
    ("invalid_device_info", Meaning::Field("device")),
    ("invalid_header_device_info", Meaning::Field("device")),
    ("invalid_device_id", Meaning::Field("device_id")),
    ("invalid_header_device_identifier", Meaning::Field("device_id")),
    ("invalid_header_identity_for_temporary_access", Meaning::Field("identity")),
    ("invalid_configuration_temporary_access", Meaning::Field("mvpd_id")),
    ("invalid_parameter_partner", Meaning::Field("partner")),
    ("invalid_parameter_saml_response", Meaning::Field("SAMLResponse")),
    ("invalid_parameter_code", Meaning::CodeUnknown),
    ("invalid_authentication_session", Meaning::CodeUnknown),
    ("authentication_session_missing", Meaning::CodeUnknown),
    ("authentication_session_expired", Meaning::CodeUnknown),
    ("authentication_session_invalidated", Meaning::CodeUnknown),
    ("invalid_access_token_service_provider", Meaning::Token),
    ("invalid_access_token_client_application", Meaning::Token),
    ("invalid_refresh_token", Meaning::Token),
    ("temporary_access_duration_limit_exceeded", Meaning::Denied(RefusalReason::TrialExpired)),
    ("temporary_access_resources_limit_exceeded", Meaning::Denied(RefusalReason::TrialExhausted)),
    ("authorization_denied_by_mvpd", Meaning::Denied(RefusalReason::Operator)),
    ("preauthorization_denied_by_mvpd", Meaning::Denied(RefusalReason::Operator)),
    ("authorization_not_found", Meaning::Denied(RefusalReason::Operator)),
    ("authorization_expired", Meaning::Denied(RefusalReason::Operator)),
    ("authorization_denied_by_parental_controls", Meaning::Denied(RefusalReason::ParentalControls)),
    ("authorization_denied_by_hba_policies", Meaning::Denied(RefusalReason::HomeBased)),
    ("authorization_denied_by_degradation_rule", Meaning::Denied(RefusalReason::Degradation)),
    ("authorization_denied_by_degradation_configuration_change", Meaning::Denied(RefusalReason::Degradation)),
    ("degraded_integration", Meaning::Denied(RefusalReason::Degradation)),
    ("authenticated_profile_missing", Meaning::Denied(RefusalReason::NotLoggedIn)),
    ("preauthorization_authentication_session_missing", Meaning::Denied(RefusalReason::NotLoggedIn)),
    ("authenticated_profile_expired", Meaning::Denied(RefusalReason::LoginExpired)),
    ("preauthorization_authentication_session_expired", Meaning::Denied(RefusalReason::LoginExpired)),
    ("authenticated_profile_invalidated", Meaning::Denied(RefusalReason::LoginInvalidated)),
    ("authorization_denied_by_session_invalidated", Meaning::Denied(RefusalReason::LoginInvalidated)),
    ("authentication_session_issuer_mismatch", Meaning::Denied(RefusalReason::LoginInvalidated)),
    ("identity_not_recognized_by_mvpd", Meaning::Denied(RefusalReason::ViewerUnknown)),
    ("internal_server_error", Meaning::Breakdown),
    ("internal_error", Meaning::Breakdown),
    ("network_received_error", Meaning::Breakdown),
    ("network_connection_timeout", Meaning::Breakdown),
    ("maximum_execution_time_exceeded", Meaning::Breakdown),
    ("maximum_attempts_exceeded", Meaning::Breakdown),
];

/// What codes begin with of which there are several of a kind.
const PREFIXES: [(&str, Meaning); 2] = [
    ("invalid_configuration_", Meaning::Configuration),
    ("invalid_header_pfs_", Meaning::Field("AP-Partner-Framework-Status")),
];

/// The code for an operator that the requestor does not work with; a domain that is not registered is told so too.
pub(crate) const INVALID_INTEGRATION: &str = "invalid_integration";

impl Meaning {
    /// Why a resource may not be watched about which this is said.
    #[must_use]
    pub(crate) fn refusal_reason(self) -> RefusalReason {
        match self {
            Self::Denied(reason) => reason,
            // Decisions know no codes of logins: what has ended is the login.
            Self::CodeUnknown => RefusalReason::NotLoggedIn,
            Self::Breakdown => RefusalReason::Undecided,
            Self::Field(_) | Self::Configuration => RefusalReason::Configuration,
            Self::Token => RefusalReason::Other,
        }
    }
}

/// What a code means, if it is known.
#[must_use]
pub(crate) fn meaning(code: &str) -> Option<Meaning> {
    let known = CODES.iter().find(|(known, _)| *known == code);
    let known = known.or_else(|| PREFIXES.iter().find(|(prefix, _)| code.starts_with(prefix)));
    known.map(|(_, meaning)| *meaning)
}

/// Every code that is known by its whole name.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    CODES.iter().map(|(code, _)| *code)
}

/// What codes that begin so mean.
pub(crate) fn prefixes() -> impl Iterator<Item = (&'static str, Meaning)> {
    PREFIXES.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The provider's own list, in its pages and its OpenAPI file.
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
    fn every_code_that_the_provider_lists_is_known_and_has_causes() {
        for code in LISTED.split_whitespace() {
            assert!(meaning(code).is_some(), "{code}");
            let symptom = crate::domain::symptom::read(code).unwrap_or_else(|| panic!("{code} is not read"));
            assert!(!symptom.causes().is_empty(), "{code}");
        }
        assert_eq!(meaning("something_new"), None);
    }
}
