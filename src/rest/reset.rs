//! `/reset-tempass/v3/reset` and `/reset-tempass/v3/reset/generic` (reference, section 3; the spelling of the path is the
//! provider's). A mistake in a request could reset every trial, so everything undocumented is rejected.

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;

use super::{
    RestFace,
    call::{CallerRequirement, RestCall, respond},
    identity::record_nonce,
    parameters::Parameters,
};
use crate::{
    domain::{
        error::Violations,
        id::{DeviceId, MvpdId},
        temp_pass::{ALL, APPLICATION_MAX, GenericKey, ResetTarget, TrialApplication, is_all},
    },
    service::{
        audit::AuditOrigin,
        temp_pass::{ResetBy, ResetTempPass, TempPassPlace},
    },
};

/// `DELETE /reset-tempass/v3/reset`
pub(super) async fn reset(State(face): State<RestFace>, request: Request) -> Response {
    respond(
        &face,
        request,
        CallerRequirement::Known,
        async |call, identity, parameters, mut violations, _| {
            let known =
                ["requestor_id", "mvpd_id", "device_id", "appId", "deviceUser", "environment", "format"];
            parameters.check_names(&known, &mut violations);
            parameters.check_body(&mut violations);
            let place = place(&face, call, parameters, &mut violations);
            let target = target(parameters, "device_id", &mut violations, |text, violations| {
                violations.take(DeviceId::parse("device_id", text)).map(ResetTarget::Device)
            });
            let application = application(parameters, &mut violations);
            if target == Some(ResetTarget::All) && !application.is_empty() {
                violations
                    .add("device_id", "is required with appId or deviceUser, because all means every trial");
            }
            let request = match (place, target) {
                (Some(place), Some(target)) if violations.is_empty() => {
                    ResetTempPass { place, target, application, by: ResetBy::Device }
                }
                _ => return Err(violations.into_error().into()),
            };
            record_nonce(&face, identity, call.addresses.client).await?;
            face.temp_pass
                .reset(&identity.caller, &AuditOrigin::new("rest", call.headers()), request)
                .await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        },
    )
    .await
}

/// `DELETE /reset-tempass/v3/reset/generic`
pub(super) async fn reset_generic(State(face): State<RestFace>, request: Request) -> Response {
    respond(
        &face,
        request,
        CallerRequirement::Known,
        async |call, identity, parameters, mut violations, _| {
            parameters
                .check_names(&["requestor_id", "mvpd_id", "key", "environment", "format"], &mut violations);
            parameters.check_body(&mut violations);
            let place = place(&face, call, parameters, &mut violations);
            let target = target(parameters, "key", &mut violations, |text, violations| {
                violations.take(GenericKey::parse("key", text)).map(ResetTarget::Key)
            });
            let request = match (place, target) {
                (Some(place), Some(target)) if violations.is_empty() => ResetTempPass {
                    place,
                    target,
                    application: TrialApplication::default(),
                    by: ResetBy::Key,
                },
                _ => return Err(violations.into_error().into()),
            };
            record_nonce(&face, identity, call.addresses.client).await?;
            face.temp_pass
                .reset(&identity.caller, &AuditOrigin::new("rest", call.headers()), request)
                .await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        },
    )
    .await
}

/// Returns the target: all trials if the parameter is absent or the word `all`, as documented. Anything similar is
/// rejected: an empty value is probably an unset variable.
pub(super) fn target(
    parameters: &Parameters<'_>,
    name: &str,
    violations: &mut Violations,
    parse: impl FnOnce(&str, &mut Violations) -> Option<ResetTarget>,
) -> Option<ResetTarget> {
    let count_before = violations.count();
    match parameters.get(name, violations) {
        None if violations.count() > count_before => None,
        None | Some(ALL) => Some(ResetTarget::All),
        Some(text) if text.trim().is_empty() || is_all(text) => {
            violations.add(name, "must be an id; to reset every trial, omit it, or write all in lower case");
            None
        }
        Some(text) => parse(text, violations),
    }
}

fn place(
    face: &RestFace,
    call: &RestCall,
    parameters: &Parameters<'_>,
    violations: &mut Violations,
) -> Option<TempPassPlace> {
    let mut required = |name| {
        let count_before = violations.count();
        let text = parameters.filled(name, violations);
        if text.is_none() && violations.count() == count_before {
            violations.add("", format!("Required '{name}' is not present"));
        }
        text
    };
    let (requestor, mvpd) = (required("requestor_id"), required("mvpd_id"));
    let environment = call.environment.as_str();
    if parameters.get("environment", violations).is_some_and(|text| text != environment) {
        let text =
            format!("must be {environment}, the environment of this host; for another one, call its host");
        violations.add("environment", text);
    }
    let mvpd = mvpd.and_then(|text| violations.take(MvpdId::parse("mvpd_id", text)));
    let place = face.policy.load().place(("environment", environment), ("requestor_id", requestor?));
    Some(TempPassPlace { place: violations.take_all(place)?, mvpd: mvpd? })
}

pub(super) fn application(parameters: &Parameters<'_>, violations: &mut Violations) -> TrialApplication {
    let mut text = |name| {
        let text = parameters.get(name, violations);
        if text == Some("") {
            violations.add(name, "must not be empty; omit it to reset any");
        }
        let text = text.unwrap_or_default().to_owned();
        violations.check_text(name, &text, APPLICATION_MAX);
        text
    };
    TrialApplication { app_id: text("appId"), device_user: text("deviceUser") }
}
