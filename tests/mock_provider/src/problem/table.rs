//! Every error code that the provider documents for v2, and those that only its OpenAPI file lists. The messages are ours.

use http::StatusCode;

use super::Problem;

/// Defines each problem as a constant, and all of them as a list.
macro_rules! problems {
    ($($(#[$comment:meta])* $name:ident = $status:ident $action:literal $code:literal $message:literal;)*) => {
        $(
            $(#[$comment])*
            pub(crate) const $name: Problem =
                Problem { status: StatusCode::$status, action: $action, code: $code, message: $message };
        )*
        pub(super) const ALL: &[Problem] = &[$($name),*];
    };
}

problems! {
    INVALID_SERVICE_PROVIDER = BAD_REQUEST "none" "invalid_parameter_service_provider" "The service provider is unknown";
    INVALID_MVPD = BAD_REQUEST "none" "invalid_parameter_mvpd" "The MVPD is missing or unknown";
    INVALID_CODE = BAD_REQUEST "none" "invalid_parameter_code" "The code is unknown";
    INVALID_RESOURCES = BAD_REQUEST "none" "invalid_parameter_resources" "The resources are missing";
    INVALID_REDIRECT_URL = BAD_REQUEST "none" "invalid_parameter_redirect_url" "The redirect URL is missing or invalid";
    INVALID_PARTNER = BAD_REQUEST "none" "invalid_parameter_partner" "The partner is unknown";
    INVALID_SAML_RESPONSE = BAD_REQUEST "none" "invalid_parameter_saml_response" "The SAML response is missing or invalid";
    INVALID_DEVICE_INFO = BAD_REQUEST "none" "invalid_header_device_info" "The device information is missing or invalid";
    INVALID_DEVICE_IDENTIFIER = BAD_REQUEST "none" "invalid_header_device_identifier" "The device identifier is missing or invalid";
    INVALID_IDENTITY = BAD_REQUEST "none" "invalid_header_identity_for_temporary_access" "The viewer's identity is missing or invalid";
    PERMISSION_NOT_PRESENT = BAD_REQUEST "none" "invalid_header_pfs_permission_access_not_present" "The partner's status has no permission";
    PERMISSION_NOT_DETERMINED = BAD_REQUEST "none" "invalid_header_pfs_permission_access_not_determined" "The viewer has not decided about the permission";
    PERMISSION_NOT_GRANTED = BAD_REQUEST "none" "invalid_header_pfs_permission_access_not_granted" "The permission is not granted";
    PARTNER_MVPD_UNKNOWN = BAD_REQUEST "none" "invalid_header_pfs_provider_id_not_determined" "The partner's status names no known MVPD";
    PARTNER_MVPD_MISMATCH = BAD_REQUEST "none" "invalid_header_pfs_provider_id_mismatch" "The partner's status and the call name different MVPDs";
    PARTNER_LOGIN_EXPIRED = BAD_REQUEST "none" "invalid_header_pfs_provider_info_expired" "The login with the partner has expired";
    INVALID_INTEGRATION = BAD_REQUEST "none" "invalid_integration" "The service provider and the MVPD are not integrated";
    INVALID_SESSION = BAD_REQUEST "none" "invalid_authentication_session" "The authentication session is missing or invalid";
    PREAUTHORIZATION_DENIED = FORBIDDEN "none" "preauthorization_denied_by_mvpd" "The MVPD denies the preauthorization";
    AUTHORIZATION_DENIED = FORBIDDEN "none" "authorization_denied_by_mvpd" "The MVPD denies the authorization";
    PARENTAL_CONTROLS = FORBIDDEN "none" "authorization_denied_by_parental_controls" "Parental controls deny the authorization";
    DEGRADATION_RULE = FORBIDDEN "none" "authorization_denied_by_degradation_rule" "A degradation rule denies the authorization";
    INTERNAL_SERVER_ERROR = INTERNAL_SERVER_ERROR "none" "internal_server_error" "Internal server error";

    TOO_MANY_RESOURCES = FORBIDDEN "configuration" "too_many_resources" "Too many resources in one call";
    METADATA_CERTIFICATE = INTERNAL_SERVER_ERROR "configuration" "invalid_configuration_user_metadata_certificate" "The certificate for user metadata is missing or invalid";
    TEMPORARY_ACCESS_CONFIGURATION = INTERNAL_SERVER_ERROR "configuration" "invalid_configuration_temporary_access" "The TempPass is not configured properly";
    PLATFORM_CONFIGURATION = INTERNAL_SERVER_ERROR "configuration" "invalid_configuration_platform" "The platform is not configured";
    PLATFORM_ID = INTERNAL_SERVER_ERROR "configuration" "invalid_configuration_platform_id" "The platform id is not configured";
    PLATFORM_TRAIT = INTERNAL_SERVER_ERROR "configuration" "invalid_configuration_platform_trait" "The platform trait is not configured";
    PLATFORM_CATEGORY_TRAIT = INTERNAL_SERVER_ERROR "configuration" "invalid_configuration_platform_category_trait" "The platform category trait is not configured";
    PLATFORM_SERVICES = INTERNAL_SERVER_ERROR "configuration" "invalid_configuration_platform_services" "The platform services are not configured";
    MVPD_PLATFORM = INTERNAL_SERVER_ERROR "configuration" "invalid_configuration_mvpd_platform" "The MVPD is not configured for the platform";
    BOARDING_STATUS = INTERNAL_SERVER_ERROR "configuration" "invalid_configuration_mvpd_platform_boarding_status" "The MVPD's boarding status is not configured";
    PROFILE_EXCHANGE = INTERNAL_SERVER_ERROR "configuration" "invalid_configuration_mvpd_platform_profile_exchange" "The MVPD's profile exchange is not configured";

    /// The token was issued for another service provider's application.
    INVALID_ACCESS_TOKEN_SERVICE_PROVIDER = UNAUTHORIZED "application-registration" "invalid_access_token_service_provider" "The access token is not valid for the service provider";
    /// The token is unknown, or it or its client has expired.
    INVALID_ACCESS_TOKEN = UNAUTHORIZED "application-registration" "invalid_access_token_client_application" "The access token is missing or its client is not registered";

    PROFILE_MISSING = FORBIDDEN "authentication" "authenticated_profile_missing" "The viewer is not logged in on the device";
    PROFILE_EXPIRED = FORBIDDEN "authentication" "authenticated_profile_expired" "The login on the device has expired";
    PROFILE_INVALIDATED = FORBIDDEN "authentication" "authenticated_profile_invalidated" "The login on the device was invalidated";
    DURATION_EXCEEDED = FORBIDDEN "authentication" "temporary_access_duration_limit_exceeded" "The trial has expired";
    RESOURCES_EXCEEDED = FORBIDDEN "authentication" "temporary_access_resources_limit_exceeded" "The trial has no resources left";
    HBA_POLICIES = FORBIDDEN "authentication" "authorization_denied_by_hba_policies" "The device is outside the home where it was logged in";
    SESSION_INVALIDATED = FORBIDDEN "authentication" "authorization_denied_by_session_invalidated" "The MVPD has ended the login";
    IDENTITY_NOT_RECOGNIZED = FORBIDDEN "authentication" "identity_not_recognized_by_mvpd" "The MVPD does not know the viewer";

    NETWORK_RECEIVED_ERROR = FORBIDDEN "retry" "network_received_error" "The MVPD's response could not be read";
    NETWORK_CONNECTION_TIMEOUT = FORBIDDEN "retry" "network_connection_timeout" "The MVPD could not be reached in time";
    MAXIMUM_EXECUTION_TIME = FORBIDDEN "retry" "maximum_execution_time_exceeded" "The call took too long";

    // Only the OpenAPI file has these. Their statuses and actions are those of the most similar codes (assumption).
    DEGRADATION_CHANGE = FORBIDDEN "none" "authorization_denied_by_degradation_configuration_change" "A change of the degradation denies the authorization";
    MAXIMUM_ATTEMPTS = FORBIDDEN "retry" "maximum_attempts_exceeded" "The call was attempted too often";
    DEGRADED_INTEGRATION = FORBIDDEN "none" "degraded_integration" "The integration is degraded";
    INVALID_REFRESH_TOKEN = BAD_REQUEST "authentication" "invalid_refresh_token" "The refresh token is invalid";

    // The OpenAPI file also lists codes of v1. If v1 has several statuses, this is the first.
    INVALID_REQUESTOR = BAD_REQUEST "none" "invalid_requestor" "The requestor is unknown";
    INVALID_V1_DEVICE_INFO = BAD_REQUEST "none" "invalid_device_info" "The device information is missing or invalid";
    INVALID_DEVICE_ID = BAD_REQUEST "none" "invalid_device_id" "The device id is missing or invalid";
    MISSING_RESOURCE = BAD_REQUEST "none" "missing_resource" "The resource is missing";
    MALFORMED_REQUEST = BAD_REQUEST "none" "malformed_authz_request" "The request is malformed";
    INTERNAL_ERROR = BAD_REQUEST "none" "internal_error" "The call failed";
    UNKNOWN_INTEGRATION = BAD_REQUEST "configuration" "unknown_integration" "The requestor and the MVPD are not integrated";
    ISSUER_MISMATCH = BAD_REQUEST "authentication" "authentication_session_issuer_mismatch" "The login is with another MVPD";
    V1_SESSION_INVALIDATED = FORBIDDEN "authentication" "authentication_session_invalidated" "The login was invalidated";
    V1_SESSION_MISSING = FORBIDDEN "authentication" "authentication_session_missing" "The viewer is not logged in";
    V1_SESSION_EXPIRED = FORBIDDEN "authentication" "authentication_session_expired" "The login has expired";
    PREAUTHORIZATION_SESSION_MISSING = PRECONDITION_FAILED "authentication" "preauthorization_authentication_session_missing" "The viewer is not logged in";
    PREAUTHORIZATION_SESSION_EXPIRED = PRECONDITION_FAILED "authentication" "preauthorization_authentication_session_expired" "The login has expired";
    AUTHORIZATION_NOT_FOUND = FORBIDDEN "authorization" "authorization_not_found" "No decision was found";
    AUTHORIZATION_EXPIRED = GONE "authorization" "authorization_expired" "The decision has expired";
}
