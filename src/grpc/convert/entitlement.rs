//! The messages of `EntitlementService`.

use super::{address, device_info, place, required_device_id, temp_pass::media_token, timestamp, user_agent};
use crate::{
    domain::{
        code::check_typed,
        entitlement::{
            DOMAIN_NAME_MAX, DeviceHints, LoginStart, Mvpd, PlatformSso, Profile, ProfileKind,
            REDIRECT_URL_MAX, Refusal, RefusalReason, Resource, ResourceDecision,
        },
        error::{Error, Result, Violations},
        id::MvpdId,
    },
    proto::v1::{self, start_login_response},
    service::{
        entitlement::{
            AuthorizeResource, DeviceContext, LoggedOut, Login, Preauthorize, Preauthorized,
            ResourceAuthorization, StartLogin, UserMetadata,
        },
        policy::{Place, Policy},
        registration::Lookup,
    },
};

/// Parses the device fields that most requests have.
macro_rules! device {
    ($violations:expr, $policy:expr, $message:expr, $kinds:ident) => {{
        let (violations, message) = ($violations, &mut $message);
        let info = message.device.take().map(|device| match device {
            v1::$kinds::Device::DeviceInfo(message) => device_info::typed(message),
            v1::$kinds::Device::XDeviceInfo(text) => device_info::wire(&text),
        });
        let info = info.and_then(|checked| violations.take_all(checked)).map(|(info, _)| info);
        let place = place(violations, $policy, &message.environment, &message.requestor_id);
        let id = violations.take(required_device_id(&message.device_id));
        let user_agent = user_agent(violations, std::mem::take(&mut message.user_agent));
        let ip = address(violations, "device_ip", &message.device_ip);
        place.zip(id).map(|(place, id)| DeviceContext {
            place,
            id,
            may_be_scoped: false,
            info,
            user_agent,
            device_type: String::new(),
            ip,
            temp_pass_identity: None,
            hints: DeviceHints::default(),
        })
    }};
}

/// Parses the device fields and the optional MVPD of a login.
macro_rules! login {
    ($violations:expr, $policy:expr, $message:expr, $kinds:ident) => {{
        let mvpd = mvpd_id($violations, &$message.mvpd_id);
        device!($violations, $policy, $message, $kinds).map(|device| Login { device, mvpd })
    }};
}

pub(in crate::grpc) fn list(message: &v1::ListMvpdsRequest, policy: &Policy) -> Result<Place> {
    let mut violations = Violations::default();
    let place = place(&mut violations, policy, &message.environment, &message.requestor_id);
    whole(violations, place)
}

pub(in crate::grpc) fn start_login(message: v1::StartLoginRequest, policy: &Policy) -> Result<StartLogin> {
    let mut violations = Violations::default();
    let v1::StartLoginRequest {
        requestor_id,
        environment,
        code: typed,
        mvpd_id: mvpd,
        domain_name,
        redirect_url,
        viewer_ip,
    } = message;
    let place = place(&mut violations, policy, &environment, &requestor_id);
    violations.take(check_typed("code", &typed));
    let mvpd = mvpd_id(&mut violations, &mvpd);
    violations.check_length("domain_name", &domain_name, DOMAIN_NAME_MAX);
    violations.check_length("redirect_url", &redirect_url, REDIRECT_URL_MAX);
    let viewer = address(&mut violations, "viewer_ip", &viewer_ip);
    let lookup = place.map(|place| Lookup { place, typed, viewer });
    whole(
        violations,
        lookup.map(|lookup| StartLogin { lookup, mvpd, domain_name, redirect_url, temp_pass_identity: None }),
    )
}

pub(in crate::grpc) fn started(start: LoginStart) -> Result<v1::StartLoginResponse> {
    let login = match start {
        LoginStart::Login { url } => start_login_response::Login::LoginUrl(url),
        LoginStart::AlreadyAuthenticated { mvpd } => {
            let mvpd_id = name(mvpd);
            start_login_response::Login::AlreadyAuthenticated(v1::AlreadyAuthenticated { mvpd_id })
        }
        LoginStart::Incomplete { .. } => {
            return Err(Error::Internal("an incomplete login has no response over gRPC".to_owned()));
        }
    };
    Ok(v1::StartLoginResponse { login: Some(login) })
}

pub(in crate::grpc) fn get_profile(mut message: v1::GetProfileRequest, policy: &Policy) -> Result<Login> {
    let mut violations = Violations::default();
    let login = login!(&mut violations, policy, message, get_profile_request);
    whole(violations, login)
}

pub(in crate::grpc) fn get_user_metadata(
    mut message: v1::GetUserMetadataRequest,
    policy: &Policy,
) -> Result<Login> {
    let mut violations = Violations::default();
    let login = login!(&mut violations, policy, message, get_user_metadata_request);
    whole(violations, login)
}

pub(in crate::grpc) fn authorize(
    mut message: v1::AuthorizeRequest,
    policy: &Policy,
) -> Result<AuthorizeResource> {
    let mut violations = Violations::default();
    let login = login!(&mut violations, policy, message, authorize_request);
    let resource = violations.take(Resource::parse("resource_id", &message.resource_id));
    whole(
        violations,
        login.zip(resource).map(|(login, resource)| AuthorizeResource {
            login,
            resource,
            keeps_token: false,
        }),
    )
}

pub(in crate::grpc) fn preauthorize(
    mut message: v1::PreauthorizeRequest,
    policy: &Policy,
) -> Result<Preauthorize> {
    let mut violations = Violations::default();
    let login = login!(&mut violations, policy, message, preauthorize_request);
    let count = message.resource_ids.len();
    if !(1..=Resource::COUNT_MAX).contains(&count) {
        let text = format!("must have 1 to {} resources, but has {count}", Resource::COUNT_MAX);
        violations.add("resource_ids", text);
    }
    let named = message.resource_ids.iter().take(Resource::COUNT_MAX).enumerate();
    let resources = named.filter_map(|(index, text)| {
        violations.take(Resource::parse(&format!("resource_ids[{index}]"), text))
    });
    let resources = resources.collect();
    whole(violations, login.map(|login| Preauthorize { login, resources }))
}

pub(in crate::grpc) fn logout(mut message: v1::LogoutRequest, policy: &Policy) -> Result<DeviceContext> {
    let mut violations = Violations::default();
    let device = device!(&mut violations, policy, message, logout_request);
    whole(violations, device)
}

pub(in crate::grpc) fn mvpd(mvpd: &Mvpd) -> v1::Mvpd {
    v1::Mvpd {
        id: mvpd.id.as_str().to_owned(),
        display_name: mvpd.display_name.clone(),
        logo_url: mvpd.logo_url.clone(),
        temp_pass: mvpd.is_temp_pass,
        proxy: mvpd.is_proxy,
        auth_per_aggregator: mvpd.auth_per_aggregator,
        passive_authn_enabled: mvpd.passive_authn_enabled,
        auth_per_browser_session: mvpd.auth_per_browser_session,
        platform_sso: Some(&mvpd.platform_sso)
            .filter(|platform| **platform != PlatformSso::default())
            .map(platform_sso),
    }
}

fn platform_sso(platform: &PlatformSso) -> v1::PlatformSso {
    v1::PlatformSso {
        enabled: platform.is_enabled.unwrap_or_default(),
        boarding_status: platform.boarding_status.clone().unwrap_or_default(),
        in_platform_picker: platform.in_picker.unwrap_or_default(),
        platform_mapping_id: platform.mapping_id.clone().unwrap_or_default(),
        enforce_permissions: platform.enforces_permissions.unwrap_or_default(),
    }
}

pub(in crate::grpc) fn profile(profile: Profile) -> v1::Profile {
    v1::Profile {
        mvpd_id: profile.mvpd.as_str().to_owned(),
        user_id: profile.user_id.unwrap_or_default(),
        r#type: match profile.kind {
            ProfileKind::Regular => v1::ProfileType::Regular,
            ProfileKind::Degraded => v1::ProfileType::Degraded,
            ProfileKind::Temporary => v1::ProfileType::Temporary,
            ProfileKind::AppleSso => v1::ProfileType::AppleSso,
            ProfileKind::PlatformSso => v1::ProfileType::PlatformSso,
            ProfileKind::ServiceTokenSso => v1::ProfileType::ServiceTokenSso,
            ProfileKind::Other(_) => v1::ProfileType::Unspecified,
        }
        .into(),
        issue_time: profile.issue_time.map(timestamp),
        expire_time: profile.expire_time.map(timestamp),
        issuer: profile.issuer.unwrap_or_default(),
    }
}

pub(in crate::grpc) fn user_metadata(metadata: UserMetadata) -> v1::GetUserMetadataResponse {
    let encrypted = metadata.attributes.iter().filter(|(_, attribute)| attribute.is_encrypted);
    let encrypted_attributes = encrypted.map(|(name, _)| name.clone()).collect();
    let attributes = metadata.attributes.into_iter().map(|(name, attribute)| (name, attribute.value));
    v1::GetUserMetadataResponse {
        attributes: Some(device_info::structure(attributes.collect())),
        encrypted_attributes,
        update_time: metadata.update_time.map(timestamp),
        mvpd_id: metadata.mvpd.as_str().to_owned(),
    }
}

pub(in crate::grpc) fn authorized(authorized: ResourceAuthorization) -> v1::AuthorizeResponse {
    let ResourceAuthorization { decision, mvpd, .. } = authorized;
    let expire_time = decision.expire_time.map(timestamp);
    let token = decision.media_token.clone().map(media_token);
    let shown = resource_decision(decision);
    v1::AuthorizeResponse {
        decision: shown.decision,
        denial_reason: shown.denial_reason,
        expire_time,
        media_token: token,
        mvpd_id: name(mvpd),
        denial_message: shown.denial_message,
        upstream_code: shown.upstream_code,
        source: shown.source,
    }
}

pub(in crate::grpc) fn preauthorized(preauthorized: Preauthorized) -> v1::PreauthorizeResponse {
    let Preauthorized { decisions, mvpd, .. } = preauthorized;
    v1::PreauthorizeResponse {
        decisions: decisions.into_iter().map(resource_decision).collect(),
        mvpd_id: name(mvpd),
    }
}

fn resource_decision(decision: ResourceDecision) -> v1::ResourceDecision {
    let reason = decision.refusal.as_ref().map(|refusal| denial_reason(refusal.reason));
    let (answer, denial_message) = match decision.refusal {
        Some(Refusal { answer, message, .. }) => (answer.code.unwrap_or_default(), message),
        None => Default::default(),
    };
    v1::ResourceDecision {
        resource_id: decision.resource,
        decision: if reason.is_some() { v1::Decision::Deny } else { v1::Decision::Permit }.into(),
        denial_reason: reason.unwrap_or(v1::DenialReason::Unspecified).into(),
        denial_message,
        upstream_code: answer,
        source: decision.source.unwrap_or_default(),
    }
}

fn denial_reason(reason: RefusalReason) -> v1::DenialReason {
    match reason {
        RefusalReason::TrialExpired => v1::DenialReason::Expired,
        RefusalReason::TrialExhausted => v1::DenialReason::ResourcesExhausted,
        RefusalReason::Operator => v1::DenialReason::Mvpd,
        RefusalReason::ParentalControls => v1::DenialReason::ParentalControls,
        RefusalReason::HomeBased => v1::DenialReason::HomeBased,
        RefusalReason::Degradation => v1::DenialReason::Degradation,
        RefusalReason::NotLoggedIn => v1::DenialReason::NotLoggedIn,
        RefusalReason::LoginExpired => v1::DenialReason::LoginExpired,
        RefusalReason::LoginInvalidated => v1::DenialReason::LoginInvalidated,
        RefusalReason::ViewerUnknown => v1::DenialReason::ViewerUnknown,
        RefusalReason::Undecided => v1::DenialReason::Undecided,
        RefusalReason::Configuration => v1::DenialReason::Configuration,
        RefusalReason::Other => v1::DenialReason::Other,
    }
}

pub(in crate::grpc) fn logged_out(logged_out: LoggedOut) -> v1::LogoutResponse {
    let mvpd_ids = logged_out.actions.iter().map(|action| action.mvpd.as_str().to_owned()).collect();
    let logout_url = logged_out.actions.into_iter().find_map(|action| action.url);
    v1::LogoutResponse { logout_url, mvpd_ids }
}

fn mvpd_id(violations: &mut Violations, text: &str) -> Option<MvpdId> {
    if text.is_empty() { None } else { violations.take(MvpdId::parse("mvpd_id", text)) }
}

fn name(mvpd: Option<MvpdId>) -> String {
    mvpd.map(|mvpd| mvpd.as_str().to_owned()).unwrap_or_default()
}

/// The parsed request, if there are no violations.
fn whole<T>(violations: Violations, made: Option<T>) -> Result<T> {
    made.filter(|_| violations.is_empty()).ok_or_else(|| violations.into_error())
}
