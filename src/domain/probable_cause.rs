//! What probably led to an error, and what to do about it: the most likely cause first, by what the request shows.

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
    /// What may have led to the error.
    pub cause: Cow<'static, str>,
    /// What to do where that was it.
    pub remedy: &'static str,
}

const fn cause(cause: &'static str, remedy: &'static str) -> ProbableCause {
    ProbableCause { cause: Cow::Borrowed(cause), remedy }
}

const ENDED: ProbableCause = cause(
    "The code has expired, or a finished login or a delete released it.",
    "Have the TV ask for a new code and type that one.",
);
const ELSEWHERE: ProbableCause = cause(
    "The code was made for another requestor or in another environment.",
    "Ask with the requestor_id and environment that the TV's request had.",
);
const MISTYPED: ProbableCause = cause(
    "The code was mistyped.",
    "Compare it with the TV's screen; case, spaces and dashes do not matter.",
);
const IMPOSSIBLE: ProbableCause = cause(
    "The code was mistyped: no code of this server has such a length or such characters.",
    "Compare it with the TV's screen; case, spaces and dashes do not matter.",
);
const SEVERAL_WRONG: ProbableCause = cause(
    "The viewer typed several codes that do not exist.",
    "Wait as long as RetryInfo says, then type the code that the TV shows now.",
);
const NOBODY_NAMED: ProbableCause = cause(
    "The calls do not say who types, so that all viewers share one budget.",
    "Fill viewer_ip with the address of the person who typed the code.",
);
const DISK: ProbableCause = cause(
    "The disk that holds the data folder is full or has failed.",
    "Look at the server's log and readiness; free space, or mend the disk and restart the server.",
);

const TEMP_PASS_ELSEWHERE: ProbableCause = cause(
    "The TempPass belongs to another requestor or environment.",
    "Ask with the requestor_id and environment that it is configured for; names are case-sensitive.",
);
const TEMP_PASS_NOT_CONFIGURED: ProbableCause = cause(
    "The TempPass is not configured.",
    "Add it to environments.NAME.requestors.ID.temp_passes; without any configured requestor there are the samples \
     TempPass and TempPassREF.",
);
const NO_AUTHORIZATION: ProbableCause = cause(
    "The request has no Authorization header.",
    "Send the access token with every request, POST included.",
);
const TIME_IN_SECONDS: ProbableCause = cause(
    "The request time of a signed request is in seconds.",
    "Fill request_time with milliseconds since 1970-01-01T00:00:00Z.",
);
const CLOCK_OFF: ProbableCause =
    cause("The clock of the device that signed the request is wrong.", "Set the device's clock.");
const TOKEN_STALE: ProbableCause = cause(
    "The access token is stale: it has expired, or its client or statement was revoked.",
    "Ask for a new access token; register again only where that is refused with invalid_client.",
);
const WRONG_HOST: ProbableCause = cause(
    "The access token was issued by the host of another environment.",
    "Ask for the token at the host that is then called.",
);
const TOO_FAST: ProbableCause = cause(
    "The device, or all devices at its address together, called too fast.",
    "Wait at least a second before the next call.",
);

const GIVEN_UP: ProbableCause = cause(
    "Creates are cancelled, their deadlines pass or their connections break before the answer is there.",
    "Wait for answers: give a create a deadline of some seconds, and a request_id where it is repeated.",
);

const WRONG_CREDENTIALS_HEADER: ProbableCause = cause(
    "The Authorization header is not as it must be.",
    "Send \"Bearer \" and the access token; in a signed request, request_time in milliseconds.",
);
const UNKNOWN_TOKEN: ProbableCause = cause(
    "The access token was issued by the provider itself, and not through this server.",
    "Have the device ask this server's /o/client/token for its token.",
);
const CROSS_SITE: ProbableCause = cause(
    "The login page on the second screen runs into the browser's protection against cross-site scripting.",
    "Serve the page and call the API from the same domain, or have the page's origin allowed.",
);
const HOSTS_ENTRY_MISSING: ProbableCause = cause(
    "The call is meant for the pre-qualification environment, but its entry in the hosts file is missing.",
    "Add the provider's spoofing entry for pre-qualification to the hosts file of the machine that calls.",
);
const HOSTS_ENTRY_LEFT: ProbableCause = cause(
    "The call is meant for another environment, but an entry for pre-qualification was left in the hosts file.",
    "Remove the spoofing entry from the hosts file of the machine that calls.",
);
const HOST_OF_OTHER_ENVIRONMENT: ProbableCause = cause(
    "The environment's url belongs to another environment of the provider than its software statement.",
    "Compare environments.NAME.url with the environment that the statement was made for; passbridge doctor walks it.",
);
const WRONG_URL: ProbableCause = cause(
    "The URL of the call is wrong: another path, or another method.",
    "Compare path and method with the provider's documents; environments.NAME.url is an origin without a path.",
);
const SAML_UNREADABLE: ProbableCause = cause(
    "The provider could not decrypt the operator's SAML assertion.",
    "Have the provider and the operator compare the certificate that the assertion is encrypted with.",
);
const UPSTREAM_REQUESTOR_UNKNOWN: ProbableCause = cause(
    "The provider does not know the requestor, or not together with this operator.",
    "Compare requestor_id and mvpd_id with what the provider has configured; names are case-sensitive.",
);
const UPSTREAM_DEVICE_UNREADABLE: ProbableCause = cause(
    "The provider cannot read the device's information or identifier.",
    "Look at it with DeviceInfoService.DecodeDeviceInfo; fill vendor, os_version and connection_port too.",
);
const UPSTREAM_CODE_UNKNOWN: ProbableCause = cause(
    "The provider does not know the code for this requestor in this environment.",
    "Compare the requestor and environment with those of the TV's request; codes of one do not exist in another.",
);
const ADDRESS_SHARED: ProbableCause = cause(
    "Many devices are sent to the provider under one address.",
    "Fill device_ip with each device's own address; behind proxies, list them in rest.trusted_proxies.",
);
const FORBIDDEN_CLIENT: ProbableCause = cause(
    "The provider does not let this client act for this requestor.",
    "Have the provider look at what the software statement is made for.",
);
const STATEMENT_REFUSED: ProbableCause = cause(
    "The software statement has been withdrawn, or belongs to another environment of the provider.",
    "Get a new one from the provider, put it into environments.NAME.software_statement_file, and reload.",
);
const CREDENTIALS_REPLACED: ProbableCause = cause(
    "Somebody else has registered with the same software statement.",
    "Give every installation a statement of its own.",
);
const UPSTREAM_DOWN: ProbableCause = cause(
    "The provider has a breakdown, or its front door answers in its place.",
    "Look at the provider's status page; passbridge doctor tells from where on it fails.",
);
const UPSTREAM_UNREACHABLE: ProbableCause = cause(
    "The provider cannot be reached from this server: name resolution, a firewall, or TLS.",
    "Run passbridge doctor on the server's machine: it tries one after the other.",
);
const PASSWORD_WRONG: ProbableCause = cause(
    "The viewer's user name and password do not match.",
    "Try the same ones at the operator's own site.",
);
const LOGIN_DISABLED: ProbableCause = cause(
    "The operator has disabled the login.",
    "Ask the operator whether the account may log in from other apps.",
);
const LOGIN_OF_OTHER_ENVIRONMENT: ProbableCause = cause(
    "The login is meant for another environment: production and staging have different ones.",
    "Check whether the login was made for production or staging, and use the environment that it is for.",
);
const TRIAL_ENDED: ProbableCause = cause(
    "The trial's time is over, or it has had all the resources that it may have.",
    "That is how a TempPass ends. To begin anew, reset it for this device or user; passbridge temp-pass does that.",
);
const OPERATOR_DENIES: ProbableCause = cause(
    "The viewer's subscription does not have the resource, or a rule such as parental controls denies it.",
    "Compare the resource with the subscription at the operator's own site; resource ids are case-sensitive.",
);
const OPERATOR_DEGRADED: ProbableCause = cause(
    "A degradation rule for this operator denies it, or has changed.",
    "Look at the degradation rules that the provider has for the requestor and the operator.",
);
const LOGIN_ENDED: ProbableCause = cause(
    "The login has expired, was ended, or belongs to another device, requestor or environment.",
    "Have the TV ask for a new code and the viewer log in with it.",
);
const NOBODY_LOGGED_IN: ProbableCause = cause(
    "Nobody has logged in on this device, or not with this operator; to the provider another device_id is another device.",
    "Have the TV ask for a code, and wait until WatchRegistrationCode says that it is released.",
);
const CONFIGURATION_AT_PROVIDER: ProbableCause = cause(
    "What the provider has configured for the requestor, the operator or the platform is incomplete or wrong.",
    "Have the provider look at it; the error's trace tells it which call that was.",
);
const FIELD_REFUSED: ProbableCause =
    cause("The value is not one that the provider takes there.", "Compare it with the provider's documents.");
const REDIRECT_URI_REFUSED: ProbableCause = cause(
    "The redirect URI is not one that the software statement allows.",
    "Set environments.NAME.redirect_uri to one that it was made for.",
);
const DEVICE_LOGGED_IN: ProbableCause = cause(
    "The viewer has logged in on this device before, and the login is still good.",
    "Go on with that login; log out first where another operator is wanted.",
);
const NAME_OF_OPERATOR: ProbableCause = cause(
    "The mvpd is a real operator's, not a TempPass's.",
    "Ask with the TempPass's own name at the provider.",
);

/// The probable causes of `error`, the likeliest first; none where the error itself says it all.
#[must_use]
pub(crate) fn probable_causes(error: &Error) -> Vec<ProbableCause> {
    match error {
        Error::CodeNotFound(clues) => code_not_found(clues),
        Error::LookupBudgetExhausted { viewer_named: true, .. } => vec![SEVERAL_WRONG],
        Error::LookupBudgetExhausted { viewer_named: false, .. } => vec![NOBODY_NAMED, SEVERAL_WRONG],
        Error::StoreUnavailable(_) => vec![DISK],
        Error::TempPassNotFound { .. } => vec![TEMP_PASS_ELSEWHERE, TEMP_PASS_NOT_CONFIGURED],
        Error::Throttled { of: Throttled::AbandonedCreates, .. } => vec![GIVEN_UP],
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
        Error::ProfileNotFound => vec![NOBODY_LOGGED_IN, LOGIN_ENDED],
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

/// The probable causes of what somebody sees, the likeliest first (reference, section 8).
#[must_use]
pub(crate) fn symptom_causes(symptom: &Symptom) -> Vec<ProbableCause> {
    match symptom {
        Symptom::NotAuthorized => {
            vec![
                NO_AUTHORIZATION,
                TIME_IN_SECONDS,
                WRONG_CREDENTIALS_HEADER,
                TOKEN_STALE,
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

/// What the upstream's code says of a denial, where it is one.
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
        AuthenticationProblem::TokenRefusedUpstream => vec![TOKEN_STALE, WRONG_HOST],
        AuthenticationProblem::TokenNotIssuedHere => vec![UNKNOWN_TOKEN, TOKEN_STALE],
        AuthenticationProblem::TokenInvalid => vec![TOKEN_STALE, WRONG_HOST],
        AuthenticationProblem::TokenExpired | AuthenticationProblem::TokenRevoked => vec![TOKEN_STALE],
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
        cause: format!("The code lives in the environment {environment}.").into(),
        remedy: "Ask in that environment.",
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
            "Send base64 of the device's JSON, which has a model and an osName at least, in X-Device-Info or as device_info."
        }
        "deviceid" => {
            "Send the device's own id; a device without one sends dummy, and the id of the answer from then on."
        }
        "ap-device-identifier" => "Send \"fingerprint \" and base64 of the device's id.",
        _ => {
            "Send it where the provider's documents have it: in the path, the query, a form or a header; names are case-sensitive."
        }
    };
    ProbableCause { cause: format!("{name} is missing, empty, or written in another way.").into(), remedy }
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
    fn what_the_request_shows_comes_first() {
        let impossible = LookupClues { impossible: true, ..LookupClues::default() };
        assert_eq!(probable_causes(&Error::CodeNotFound(impossible))[0], IMPOSSIBLE);

        let staging = EnvironmentName::parse("environment", "staging").expect("valid");
        let elsewhere = LookupClues { lives_in: vec![staging], ..LookupClues::default() };
        assert!(probable_causes(&Error::CodeNotFound(elsewhere))[0].cause.contains("staging"));

        let exhausted =
            |viewer_named| Error::LookupBudgetExhausted { retry_after: Default::default(), viewer_named };
        assert_eq!(probable_causes(&exhausted(false))[0], NOBODY_NAMED);
        assert_eq!(probable_causes(&exhausted(true)), [SEVERAL_WRONG]);
    }
}
