//! The probable causes of errors and their remedies, ranked by what the request shows.

use std::borrow::Cow;

use super::{
    authentication::AuthenticationProblem,
    error::{Error, LookupClues, UpstreamAnswer},
    limit::Throttled,
    symptom::Symptom,
    upstream_code::{self, UpstreamErrorMeaning},
};

/// A probable cause of an error and its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProbableCause {
    /// What may have led to the error, as a sentence.
    pub cause: Cow<'static, str>,
    /// What to do in that case, as a sentence.
    pub remedy: &'static str,
}

const fn cause(cause: &'static str, remedy: &'static str) -> ProbableCause {
    ProbableCause { cause: Cow::Borrowed(cause), remedy }
}

const ENDED: ProbableCause = cause(
    "The code has expired, or a completed login or a delete released it.",
    "Have the TV request a new code and type that one.",
);
const ELSEWHERE: ProbableCause = cause(
    "The code was created for another requestor or in another environment.",
    "Send the requestor_id and environment that the TV's request had.",
);
const MISTYPED: ProbableCause = cause(
    "The code was mistyped.",
    "Compare it with the TV's screen. Case, spaces and dashes do not matter.",
);
const IMPOSSIBLE: ProbableCause = cause(
    "The code was mistyped: no code of this server has this length or these characters.",
    "Compare it with the TV's screen. Case, spaces and dashes do not matter.",
);
const CODES_MISTYPED: ProbableCause = cause(
    "The viewer typed several codes that do not exist.",
    "Wait for the delay in RetryInfo, then type the code that the TV shows now.",
);
const VIEWER_NOT_NAMED: ProbableCause = cause(
    "The calls do not send viewer_ip, so all viewers of this caller share one budget.",
    "Set viewer_ip to the address of the person who types the code.",
);
const DISK: ProbableCause = cause(
    "The disk with the data folder is full or has failed.",
    "Read the server's log and /readyz. Free space, or repair the disk and restart the server.",
);

const TEMP_PASS_ELSEWHERE: ProbableCause = cause(
    "The TempPass belongs to another requestor or environment.",
    "Send the requestor_id and environment that it is configured for. Names are case-sensitive.",
);
const TEMP_PASS_NOT_CONFIGURED: ProbableCause = cause(
    "The TempPass is not configured.",
    "Add it to environments.NAME.requestors.ID.temp_passes. If no requestor is configured, the samples \
     TempPass and TempPassREF exist.",
);
const NO_AUTHORIZATION: ProbableCause = cause(
    "The request has no Authorization header.",
    "Send the access token with every request, including POST.",
);
const TIME_IN_SECONDS: ProbableCause = cause(
    "The request_time of a signed request is in seconds.",
    "Send request_time in milliseconds since 1970-01-01T00:00:00Z.",
);
const CLOCK_OFF: ProbableCause =
    cause("The clock of the device that signed the request is wrong.", "Set the device's clock.");
const TOKEN_EXPIRED: ProbableCause = cause(
    "The access token has expired, or its client or software statement was revoked.",
    "Request a new access token. Register again only if that request fails with invalid_client.",
);
const WRONG_HOST: ProbableCause = cause(
    "The access token was issued by the host of another environment.",
    "Request the token from the host that the call goes to.",
);
const TOO_FAST: ProbableCause = cause(
    "The device, or all devices at its address together, called too fast.",
    "Wait at least one second before the next call.",
);

const CREATES_ABANDONED: ProbableCause = cause(
    "Creates are canceled, exceed their deadline, or lose their connection before the response.",
    "Wait for responses: give each create a deadline of several seconds, and a request_id if it is retried.",
);

const WRONG_CREDENTIALS_HEADER: ProbableCause = cause(
    "The Authorization header is malformed.",
    "Send \"Bearer \" and the access token. In a signed request, send request_time in milliseconds.",
);
const UNKNOWN_TOKEN: ProbableCause = cause(
    "The access token was issued by the provider directly, and not through this server.",
    "Have the device request its token from this server's /o/client/token.",
);
const CROSS_SITE: ProbableCause = cause(
    "The browser's protection against cross-site scripting blocks the login page on the second screen.",
    "Serve the page and the API from the same domain, or have the page's origin allowed (rest.cors_origins).",
);
const HOSTS_ENTRY_MISSING: ProbableCause = cause(
    "The call is meant for the provider's pre-qualification environment, but the hosts file has no entry for it.",
    "Add the provider's spoofing entry for pre-qualification to the hosts file of the calling machine.",
);
const HOSTS_ENTRY_LEFT: ProbableCause = cause(
    "The call is meant for another environment, but the hosts file still has an entry for pre-qualification.",
    "Remove the spoofing entry from the hosts file of the calling machine.",
);
const HOST_OF_OTHER_ENVIRONMENT: ProbableCause = cause(
    "environments.NAME.url and the software statement belong to different environments of the provider.",
    "Set url to the environment that the statement was issued for. `passbridge doctor` checks each step.",
);
const WRONG_URL: ProbableCause = cause(
    "The URL of the call is wrong: another path, or another method.",
    "Compare path and method with the provider's documents. environments.NAME.url is an origin without a path.",
);
const SAML_UNREADABLE: ProbableCause = cause(
    "The provider could not decrypt the operator's SAML assertion.",
    "Have the provider and the operator compare the certificate that encrypts the assertion.",
);
const UPSTREAM_REQUESTOR_UNKNOWN: ProbableCause = cause(
    "The provider does not know the requestor, or has not integrated it with this mvpd.",
    "Compare requestor_id and mvpd_id with the provider's configuration. Names are case-sensitive.",
);
const UPSTREAM_DEVICE_UNREADABLE: ProbableCause = cause(
    "The provider cannot read the device information or the device identifier.",
    "Inspect it with DeviceInfoService.DecodeDeviceInfo. Also set vendor, os_version and connection_port.",
);
const UPSTREAM_CODE_UNKNOWN: ProbableCause = cause(
    "The provider does not know the code for this requestor in this environment.",
    "Compare the requestor and environment with those of the TV's request. A code exists in one environment only.",
);
const ADDRESS_SHARED: ProbableCause = cause(
    "Many devices are sent to the provider under one address.",
    "Set device_ip to each device's own address. Behind proxies, list the proxies in rest.trusted_proxies.",
);
const FORBIDDEN_CLIENT: ProbableCause = cause(
    "The provider does not let this client act for this requestor.",
    "Have the provider check which requestors the software statement was issued for.",
);
const STATEMENT_REFUSED: ProbableCause = cause(
    "The software statement was withdrawn, or belongs to another environment of the provider.",
    "Get a new statement from the provider, store it in environments.NAME.software_statement_file, and \
     reload (SIGHUP).",
);
const CREDENTIALS_REPLACED: ProbableCause = cause(
    "Another installation has registered with the same software statement.",
    "Use a separate statement for each installation.",
);
const UPSTREAM_DOWN: ProbableCause = cause(
    "The provider has an outage, or a proxy in front of it responds in its place.",
    "Check the provider's status page. `passbridge doctor` shows which step fails.",
);
const UPSTREAM_UNREACHABLE: ProbableCause = cause(
    "This server cannot reach the provider: name resolution, a firewall, or TLS.",
    "Run `passbridge doctor` on the server's machine. It checks them one after the other.",
);
const PASSWORD_WRONG: ProbableCause = cause(
    "The viewer's user name and password do not match.",
    "Try the same ones on the operator's own site.",
);
const LOGIN_DISABLED: ProbableCause = cause(
    "The operator has disabled the login.",
    "Ask the operator whether the account may log in from other applications.",
);
const LOGIN_OF_OTHER_ENVIRONMENT: ProbableCause = cause(
    "The account belongs to another environment: production and staging have different ones.",
    "Find out whether the account was created for production or staging, and use that environment.",
);
const TRIAL_ENDED: ProbableCause = cause(
    "The time of the trial has passed, or the trial has used all of its resources.",
    "This is the normal end of a TempPass. To start a new trial, reset it for this device or user with \
     `passbridge temp-pass reset`.",
);
const OPERATOR_DENIES: ProbableCause = cause(
    "The viewer's subscription does not include the resource, or a rule such as parental controls denies it.",
    "Compare the resource with the subscription on the operator's own site. Resource ids are case-sensitive.",
);
const OPERATOR_DEGRADED: ProbableCause = cause(
    "A degradation rule for this operator denies the resource, or has changed.",
    "Check the provider's degradation rules for the requestor and the operator.",
);
const LOGIN_ENDED: ProbableCause = cause(
    "The login has expired, was ended, or belongs to another device, requestor or environment.",
    "Have the TV request a new code and the viewer log in with it.",
);
const NOT_LOGGED_IN: ProbableCause = cause(
    "No viewer has logged in on this device, or not with this mvpd. To the provider, another device_id is \
     another device.",
    "Have the TV request a code, and wait until WatchRegistrationCode reports that it is released.",
);
const CONFIGURATION_AT_PROVIDER: ProbableCause = cause(
    "The provider's configuration of the requestor, the operator or the platform is incomplete or wrong.",
    "Ask the provider to check it. The error's upstream_trace identifies the call.",
);
const FIELD_REFUSED: ProbableCause =
    cause("The provider does not accept this value.", "Compare the value with the provider's documents.");
const REDIRECT_URI_REFUSED: ProbableCause = cause(
    "The software statement does not allow this redirect URI.",
    "Set environments.NAME.redirect_uri to one that the statement allows.",
);
const DEVICE_LOGGED_IN: ProbableCause = cause(
    "The viewer logged in on this device before, and the login is still valid.",
    "Use that login. To log in with another operator, log out first.",
);
const NAME_OF_OPERATOR: ProbableCause =
    cause("The mvpd is an operator, not a TempPass.", "Send the name that the TempPass has at the provider.");

/// Returns the probable causes of `error`, the likeliest first; none if the message of the error is sufficient.
#[must_use]
pub(crate) fn probable_causes(error: &Error) -> Vec<ProbableCause> {
    match error {
        Error::CodeNotFound(clues) => code_not_found(clues),
        Error::LookupBudgetExhausted { viewer_named: true, .. } => vec![CODES_MISTYPED],
        Error::LookupBudgetExhausted { viewer_named: false, .. } => vec![VIEWER_NOT_NAMED, CODES_MISTYPED],
        Error::StoreUnavailable(_) => vec![DISK],
        Error::TempPassNotFound { .. } => vec![TEMP_PASS_ELSEWHERE, TEMP_PASS_NOT_CONFIGURED],
        Error::Throttled { of: Throttled::AbandonedCreates, .. } => vec![CREATES_ABANDONED],
        Error::Throttled { .. } => vec![TOO_FAST],
        Error::NotAuthenticated(problem) => not_authenticated(*problem),
        Error::UpstreamThrottled { was_fast: true, .. } => vec![TOO_FAST, ADDRESS_SHARED],
        Error::UpstreamThrottled { was_fast: false, .. } => vec![ADDRESS_SHARED, TOO_FAST],
        Error::UpstreamRejected { field, .. } => rejected(*field),
        Error::UpstreamForbidden { answer, .. } if denial(answer).is_some() => {
            denial(answer).map(|symptom| symptom_causes(&symptom)).unwrap_or_default()
        }
        Error::UpstreamForbidden { was_fast: true, .. } => {
            vec![TOO_FAST, FORBIDDEN_CLIENT, HOST_OF_OTHER_ENVIRONMENT, HOSTS_ENTRY_MISSING, HOSTS_ENTRY_LEFT]
        }
        Error::UpstreamForbidden { was_fast: false, .. } => {
            vec![FORBIDDEN_CLIENT, HOST_OF_OTHER_ENVIRONMENT, HOSTS_ENTRY_MISSING, HOSTS_ENTRY_LEFT, TOO_FAST]
        }
        Error::UpstreamCredentialsRefused { .. } => {
            vec![STATEMENT_REFUSED, HOST_OF_OTHER_ENVIRONMENT, CREDENTIALS_REPLACED]
        }
        Error::UpstreamUnavailable { answer, .. } if answer.status.is_some() => vec![UPSTREAM_DOWN],
        Error::UpstreamUnavailable { .. } => vec![UPSTREAM_UNREACHABLE, UPSTREAM_DOWN],
        Error::AlreadyAuthenticated { .. } => vec![DEVICE_LOGGED_IN],
        Error::NotATempPass { .. } => vec![NAME_OF_OPERATOR],
        Error::ProfileNotFound => vec![NOT_LOGGED_IN, LOGIN_ENDED],
        Error::ProfileExpired => vec![LOGIN_ENDED],
        Error::InvalidFields(_)
        | Error::MalformedMessage(_)
        | Error::MessageTooLarge(_)
        | Error::RequestIdReused
        | Error::TempPassNotPromotional
        | Error::LiveCodesExhausted { .. }
        | Error::QuotaExhausted { .. }
        | Error::ServiceUnknown(_)
        | Error::IssuerUnavailable { .. }
        | Error::PermissionMissing { .. }
        | Error::MethodUnknown
        | Error::Unsupported(_)
        | Error::ShuttingDown
        | Error::DeadlineExceeded
        | Error::Internal(_) => Vec::new(),
    }
}

/// Returns the probable causes of a symptom, the likeliest first (reference, section 8).
#[must_use]
pub(crate) fn symptom_causes(symptom: &Symptom) -> Vec<ProbableCause> {
    match symptom {
        Symptom::NotAuthorized => {
            vec![
                NO_AUTHORIZATION,
                TIME_IN_SECONDS,
                WRONG_CREDENTIALS_HEADER,
                TOKEN_EXPIRED,
                WRONG_HOST,
                CLOCK_OFF,
            ]
        }
        Symptom::CodeUnknown => {
            vec![UPSTREAM_CODE_UNKNOWN, ENDED, MISTYPED, CROSS_SITE, HOSTS_ENTRY_MISSING, HOSTS_ENTRY_LEFT]
        }
        Symptom::BadRequest => {
            vec![WRONG_URL, SAML_UNREADABLE, UPSTREAM_REQUESTOR_UNKNOWN, UPSTREAM_DEVICE_UNREADABLE]
        }
        Symptom::Forbidden => {
            vec![TOO_FAST, HOSTS_ENTRY_MISSING, HOSTS_ENTRY_LEFT, FORBIDDEN_CLIENT, HOST_OF_OTHER_ENVIRONMENT]
        }
        Symptom::TooManyRequests => vec![TOO_FAST, ADDRESS_SHARED],
        Symptom::LoginFails => vec![PASSWORD_WRONG, LOGIN_DISABLED, LOGIN_OF_OTHER_ENVIRONMENT],
        Symptom::FieldWrong(field) => rejected(Some(*field)),
        Symptom::ParameterMissing(name) => vec![parameter_missing(name)],
        Symptom::TrialOver => vec![TRIAL_ENDED],
        Symptom::DeniedByOperator => vec![OPERATOR_DENIES, OPERATOR_DEGRADED],
        Symptom::NotLoggedIn => vec![LOGIN_ENDED],
        Symptom::ConfigurationWrong => vec![CONFIGURATION_AT_PROVIDER],
        Symptom::CredentialsRefused => {
            vec![STATEMENT_REFUSED, HOST_OF_OTHER_ENVIRONMENT, CREDENTIALS_REPLACED]
        }
        Symptom::Unavailable => vec![UPSTREAM_DOWN, UPSTREAM_UNREACHABLE],
    }
}

/// Returns the symptom of a denial, if the upstream's code is one.
fn denial(answer: &UpstreamAnswer) -> Option<Symptom> {
    match upstream_code::meaning(answer.code.as_deref()?)? {
        UpstreamErrorMeaning::Denied(reason) => Some(Symptom::of_refusal(reason)),
        _ => None,
    }
}

fn not_authenticated(problem: AuthenticationProblem) -> Vec<ProbableCause> {
    match problem {
        AuthenticationProblem::Missing => vec![NO_AUTHORIZATION],
        AuthenticationProblem::Unreadable => vec![WRONG_CREDENTIALS_HEADER],
        AuthenticationProblem::SignatureInvalid
        | AuthenticationProblem::CallerUnknown
        | AuthenticationProblem::CertificateUnknown
        | AuthenticationProblem::CertificateWithoutName
        | AuthenticationProblem::CertificateOfSeveral
        | AuthenticationProblem::TokenForOthers
        | AuthenticationProblem::TokenWithoutEnd
        | AuthenticationProblem::TokenNotYetValid => Vec::new(),
        AuthenticationProblem::TokenRefusedUpstream => vec![TOKEN_EXPIRED, WRONG_HOST],
        AuthenticationProblem::TokenNotIssuedHere => vec![UNKNOWN_TOKEN, TOKEN_EXPIRED],
        AuthenticationProblem::TokenInvalid => vec![TOKEN_EXPIRED, WRONG_HOST],
        AuthenticationProblem::TokenExpired | AuthenticationProblem::TokenRevoked => vec![TOKEN_EXPIRED],
        AuthenticationProblem::TokenOfOtherEnvironment => vec![WRONG_HOST],
        AuthenticationProblem::RequestTimeNotInMilliseconds => vec![TIME_IN_SECONDS],
        AuthenticationProblem::RequestTimeOff => vec![CLOCK_OFF],
        AuthenticationProblem::NonceReused => Vec::new(),
    }
}

fn code_not_found(clues: &LookupClues) -> Vec<ProbableCause> {
    if clues.impossible {
        return vec![IMPOSSIBLE];
    }
    let found = clues.lives_in.iter().map(|environment| ProbableCause {
        cause: format!("The code exists in the environment {environment}.").into(),
        remedy: "Send that environment.",
    });
    if clues.over_upstream {
        found.chain([UPSTREAM_CODE_UNKNOWN, ENDED, MISTYPED, CROSS_SITE, HOSTS_ENTRY_MISSING]).collect()
    } else {
        found.chain([ENDED, ELSEWHERE, MISTYPED]).collect()
    }
}

fn parameter_missing(name: &str) -> ProbableCause {
    let remedy = match name.to_ascii_lowercase().as_str() {
        "authorization" => NO_AUTHORIZATION.remedy,
        "x-device-info" | "device_info" => {
            "Send the device's JSON, with at least model and osName, as base64 in X-Device-Info or device_info."
        }
        "deviceid" => {
            "Send the device's own id. A device without one first sends dummy, and then the id from the response."
        }
        "ap-device-identifier" => "Send \"fingerprint \" and the device's id as base64.",
        _ => {
            "Send it where the provider documents it: in the path, the query, a form or a header. Names are case-sensitive."
        }
    };
    ProbableCause { cause: format!("{name} is missing, empty, or misspelled.").into(), remedy }
}

fn rejected(field: Option<&str>) -> Vec<ProbableCause> {
    match field {
        Some("requestor_id" | "mvpd_id") => vec![UPSTREAM_REQUESTOR_UNKNOWN, HOST_OF_OTHER_ENVIRONMENT],
        Some("device" | "device_id") => vec![UPSTREAM_DEVICE_UNREADABLE],
        Some("redirect_uri") => vec![REDIRECT_URI_REFUSED],
        Some("SAMLResponse") => vec![SAML_UNREADABLE],
        Some(
            "partner"
            | "AP-Partner-Framework-Status"
            | "grant_type"
            | "resource_id"
            | "resource_ids"
            | "redirect_url"
            | "identity",
        ) => vec![FIELD_REFUSED],
        Some(_) | None => vec![WRONG_URL, UPSTREAM_REQUESTOR_UNKNOWN, SAML_UNREADABLE],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::EnvironmentName;

    #[test]
    fn causes_are_ranked_by_the_request() {
        let impossible = LookupClues { impossible: true, ..LookupClues::default() };
        assert_eq!(probable_causes(&Error::CodeNotFound(impossible))[0], IMPOSSIBLE);

        let staging = EnvironmentName::parse("environment", "staging").expect("valid");
        let elsewhere = LookupClues { lives_in: vec![staging], ..LookupClues::default() };
        assert!(probable_causes(&Error::CodeNotFound(elsewhere))[0].cause.contains("staging"));

        let exhausted =
            |viewer_named| Error::LookupBudgetExhausted { retry_after: Default::default(), viewer_named };
        assert_eq!(probable_causes(&exhausted(false))[0], VIEWER_NOT_NAMED);
        assert_eq!(probable_causes(&exhausted(true)), [CODES_MISTYPED]);
    }
}
