//! The messages of `TempPassService`.

use super::{address, device_info, place, required_device_id, timestamp, user_agent};
use crate::{
    domain::{
        backend::UpstreamFacts,
        error::{Result, Violation, Violations},
        id::MvpdId,
        port::TrialVerdict,
        temp_pass::{
            APPLICATION_MAX, Denial, GenericKey, MediaToken, ResetTarget, ResourceId, TrialApplication,
            TrialIdentity, TrialState, TrialView, UserIdentifier, is_all,
        },
    },
    proto::v1::{
        self, authorize_temp_pass_request as authorize_message, batch_reset_temp_pass_request::Item,
        get_temp_pass_request as get_message, reset_flexible_temp_pass_request::Target as FlexibleTarget,
        reset_temp_pass_request::Target, temp_pass::State,
    },
    service::{
        policy::Policy,
        temp_pass::{
            AuthorizeTempPass, BatchItem, BatchItemResult, GetTempPass, ResetBy, ResetTempPass, TempPassPlace,
        },
    },
};

/// The maximum length of an `item_id`, in bytes.
const ITEM_ID_MAX: usize = 256;

pub(in crate::grpc) fn reset(message: v1::ResetTempPassRequest, policy: &Policy) -> Result<ResetTempPass> {
    let mut violations = Violations::default();
    let v1::ResetTempPassRequest { requestor_id, mvpd_id, environment, target, app_id, device_user } =
        message;
    let place = temp_pass_place(&mut violations, policy, &environment, &requestor_id, &mvpd_id);
    let target = violations.take(device_target(target));
    let application = application(&mut violations, app_id, device_user);
    match (place, target) {
        (Some(place), Some(target)) if violations.is_empty() => {
            Ok(ResetTempPass { place, target, application, by: ResetBy::Device })
        }
        _ => Err(violations.into_error()),
    }
}

pub(in crate::grpc) fn reset_flexible(
    message: v1::ResetFlexibleTempPassRequest,
    policy: &Policy,
) -> Result<ResetTempPass> {
    let mut violations = Violations::default();
    let v1::ResetFlexibleTempPassRequest { requestor_id, mvpd_id, environment, target, hash_algorithm } =
        message;
    let place = temp_pass_place(&mut violations, policy, &environment, &requestor_id, &mvpd_id);
    let target = match target {
        Some(FlexibleTarget::GenericKey(text)) => {
            no_algorithm(&mut violations, hash_algorithm);
            key_target(&mut violations, &text)
        }
        Some(FlexibleTarget::UserIdentifier(text)) => {
            hashed(&mut violations, &text, hash_algorithm).map(ResetTarget::Key)
        }
        Some(FlexibleTarget::AllKeys(true)) => {
            no_algorithm(&mut violations, hash_algorithm);
            Some(ResetTarget::All)
        }
        Some(FlexibleTarget::AllKeys(false)) => {
            violations.add(
                "all_keys",
                "must be true; to reset one trial, set generic_key or user_identifier instead",
            );
            None
        }
        None => {
            violations.add(
                "target",
                "is required: generic_key, user_identifier, or all_keys (a request without a target resets nothing)",
            );
            None
        }
    };
    match (place, target) {
        (Some(place), Some(target)) if violations.is_empty() => {
            Ok(ResetTempPass { place, target, application: TrialApplication::default(), by: ResetBy::Key })
        }
        _ => Err(violations.into_error()),
    }
}

pub(in crate::grpc) fn batch_item(message: v1::BatchResetTempPassRequest, policy: &Policy) -> BatchItem {
    let v1::BatchResetTempPassRequest { item_id: id, item } = message;
    let request = match item {
        _ if id.len() > ITEM_ID_MAX => Err(Violation::too_long("item_id", &id, ITEM_ID_MAX).into()),
        Some(Item::TempPass(message)) => reset(message, policy),
        Some(Item::FlexibleTempPass(message)) => reset_flexible(message, policy),
        None => Err(Violation::new("item", "is required: temp_pass, or flexible_temp_pass").into()),
    };
    BatchItem { id, request }
}

pub(in crate::grpc) fn batch_answer(answer: BatchItemResult) -> v1::BatchResetTempPassResponse {
    let (status, reset_count) = match answer.outcome {
        Ok(reset_count) => (tonic_types::pb::Status::default(), reset_count),
        Err(error) => (crate::grpc::status::rpc_status(&error), None),
    };
    v1::BatchResetTempPassResponse { item_id: answer.id, status: Some(status), reset_count }
}

pub(in crate::grpc) fn authorize(
    message: v1::AuthorizeTempPassRequest,
    policy: &Policy,
) -> Result<AuthorizeTempPass> {
    let mut violations = Violations::default();
    let subject = TrialRequest {
        place: (&message.environment, &message.requestor_id, &message.mvpd_id),
        device_id: &message.device_id,
        identity: match message.identity {
            Some(authorize_message::Identity::GenericKey(text)) => UserIdentity::Key(text),
            Some(authorize_message::Identity::UserIdentifier(text)) => UserIdentity::Identifier(text),
            None => UserIdentity::None,
        },
        hash_algorithm: message.hash_algorithm,
        device: message.device.map(|device| match device {
            authorize_message::Device::DeviceInfo(message) => device_info::typed(message),
            authorize_message::Device::XDeviceInfo(text) => device_info::wire(&text),
        }),
        user_agent: message.user_agent,
        device_ip: &message.device_ip,
        application: TrialApplication { app_id: message.app_id, device_user: message.device_user },
    };
    let subject = subject.check(policy, &mut violations);
    let resource = violations.take(ResourceId::parse("resource_id", &message.resource_id));
    match (subject, resource) {
        (Some((place, identity, facts, application)), Some(resource)) if violations.is_empty() => {
            Ok(AuthorizeTempPass { place, identity, facts, application, resource })
        }
        _ => Err(violations.into_error()),
    }
}

pub(in crate::grpc) fn get(message: v1::GetTempPassRequest, policy: &Policy) -> Result<GetTempPass> {
    let mut violations = Violations::default();
    let subject = TrialRequest {
        place: (&message.environment, &message.requestor_id, &message.mvpd_id),
        device_id: &message.device_id,
        identity: match message.identity {
            Some(get_message::Identity::GenericKey(text)) => UserIdentity::Key(text),
            Some(get_message::Identity::UserIdentifier(text)) => UserIdentity::Identifier(text),
            None => UserIdentity::None,
        },
        hash_algorithm: message.hash_algorithm,
        device: message.device.map(|device| match device {
            get_message::Device::DeviceInfo(message) => device_info::typed(message),
            get_message::Device::XDeviceInfo(text) => device_info::wire(&text),
        }),
        user_agent: message.user_agent,
        device_ip: &message.device_ip,
        application: TrialApplication { app_id: message.app_id, device_user: message.device_user },
    };
    match subject.check(policy, &mut violations) {
        Some((place, identity, facts, _)) if violations.is_empty() => {
            Ok(GetTempPass { place, identity, facts })
        }
        _ => Err(violations.into_error()),
    }
}

/// The common fields of Authorize and Get: the TempPass, the device and user of the trial, and facts about
/// the device.
struct TrialRequest<'a> {
    /// Environment, requestor and mvpd.
    place: (&'a str, &'a str, &'a str),
    device_id: &'a str,
    identity: UserIdentity,
    hash_algorithm: i32,
    device: Option<device_info::CheckedDeviceInfo>,
    user_agent: String,
    device_ip: &'a str,
    application: TrialApplication,
}

impl TrialRequest<'_> {
    fn check(
        self,
        policy: &Policy,
        violations: &mut Violations,
    ) -> Option<(TempPassPlace, TrialIdentity, UpstreamFacts, TrialApplication)> {
        let (environment, requestor_id, mvpd_id) = self.place;
        let place = temp_pass_place(violations, policy, environment, requestor_id, mvpd_id);
        let device_id = violations.take(required_device_id(self.device_id));
        let sends_identifier = place.as_ref().is_some_and(|place| policy.sends_identifiers(&place.place));
        let user_identifier = self.identity.identifier().filter(|_| sends_identifier);
        let generic_key = self.identity.generic_key(violations, self.hash_algorithm);
        // Fields that only an upstream uses are always checked.
        let device_info = self.device.and_then(|device| violations.take_all(device)).map(|(info, _)| info);
        let user_agent = user_agent(violations, self.user_agent);
        let ip = address(violations, "device_ip", self.device_ip);
        let facts = UpstreamFacts { device_info, user_agent, ip, user_identifier };
        let TrialApplication { app_id, device_user } = self.application;
        let application = application(violations, app_id, device_user);
        Some((place?, TrialIdentity { device_id: device_id?, generic_key }, facts, application))
    }
}

pub(in crate::grpc) fn authorized(verdict: TrialVerdict) -> v1::AuthorizeTempPassResponse {
    let (decision, denial_reason) = match verdict.denial {
        None => (v1::Decision::Permit, v1::DenialReason::Unspecified),
        Some(Denial::Expired) => (v1::Decision::Deny, v1::DenialReason::Expired),
        Some(Denial::Exhausted) => (v1::Decision::Deny, v1::DenialReason::ResourcesExhausted),
    };
    v1::AuthorizeTempPassResponse {
        decision: decision.into(),
        denial_reason: denial_reason.into(),
        temp_pass: Some(temp_pass(verdict.trial)),
        media_token: verdict.media_token.map(media_token),
    }
}

pub(super) fn media_token(token: MediaToken) -> v1::MediaToken {
    v1::MediaToken {
        value: token.value,
        start_time: token.start_time.map(timestamp),
        expire_time: token.expire_time.map(timestamp),
    }
}

pub(in crate::grpc) fn temp_pass(trial: TrialView) -> v1::TempPass {
    v1::TempPass {
        state: match trial.state {
            TrialState::NotStarted => State::NotStarted,
            TrialState::Active => State::Active,
            TrialState::Expired => State::Expired,
            TrialState::Exhausted => State::Exhausted,
        }
        .into(),
        start_time: trial.start_time.map(timestamp),
        expire_time: trial.expire_time.map(timestamp),
        remaining_resources: trial.remaining_resources,
        used_resources: trial.used_resources.iter().map(|resource| resource.as_str().to_owned()).collect(),
    }
}

/// The user of a promotional trial, as a request identifies it.
enum UserIdentity {
    None,
    Key(String),
    Identifier(String),
}

impl UserIdentity {
    fn identifier(&self) -> Option<UserIdentifier> {
        match self {
            Self::Identifier(text) => Some(UserIdentifier::new(text)),
            Self::None | Self::Key(_) => None,
        }
    }

    fn generic_key(self, violations: &mut Violations, algorithm: i32) -> Option<GenericKey> {
        match self {
            Self::None => {
                no_algorithm(violations, algorithm);
                None
            }
            Self::Key(text) => {
                no_algorithm(violations, algorithm);
                violations.take(GenericKey::parse("generic_key", &text))
            }
            Self::Identifier(text) => hashed(violations, &text, algorithm),
        }
    }
}

/// The generic key of an identifier. The identifier itself is not passed on.
fn hashed(violations: &mut Violations, identifier: &str, algorithm: i32) -> Option<GenericKey> {
    device_info::check_identifier(violations, "user_identifier", identifier);
    if is_all(identifier) {
        violations.add(
            "user_identifier",
            "must be the identifier of a user, but is the word all; set all_keys to reset every trial",
        );
    }
    let algorithm = violations.take(device_info::hash_algorithm("hash_algorithm", algorithm))?;
    let digest = algorithm.hex_digest(identifier.as_bytes());
    violations.take(GenericKey::parse("user_identifier", &digest))
}

fn no_algorithm(violations: &mut Violations, algorithm: i32) {
    if algorithm != 0 {
        violations.add("hash_algorithm", "must not be set without a user_identifier");
    }
}

fn key_target(violations: &mut Violations, text: &str) -> Option<ResetTarget> {
    if is_all(text) {
        violations
            .add("generic_key", "must be a key, but is the word all; set all_keys to reset every trial");
        return None;
    }
    violations.take(GenericKey::parse("generic_key", text)).map(ResetTarget::Key)
}

fn device_target(target: Option<Target>) -> std::result::Result<ResetTarget, Violation> {
    match target {
        Some(Target::DeviceId(text)) if is_all(&text) => Err(Violation::new(
            "device_id",
            "must be the identifier of a device, but is the word all; set all_devices to reset every trial",
        )),
        Some(Target::DeviceId(text)) => required_device_id(&text).map(ResetTarget::Device),
        Some(Target::AllDevices(true)) => Ok(ResetTarget::All),
        Some(Target::AllDevices(false)) => {
            Err(Violation::new("all_devices", "must be true; to reset one trial, set device_id instead"))
        }
        None => Err(Violation::new(
            "target",
            "is required: device_id, or all_devices (a request without a target resets nothing)",
        )),
    }
}

fn temp_pass_place(
    violations: &mut Violations,
    policy: &Policy,
    environment: &str,
    requestor_id: &str,
    mvpd_id: &str,
) -> Option<TempPassPlace> {
    let place = place(violations, policy, environment, requestor_id);
    let mvpd = violations.take(MvpdId::parse("mvpd_id", mvpd_id));
    Some(TempPassPlace { place: place?, mvpd: mvpd? })
}

fn application(violations: &mut Violations, app_id: String, device_user: String) -> TrialApplication {
    violations.check_text("app_id", &app_id, APPLICATION_MAX);
    violations.check_text("device_user", &device_user, APPLICATION_MAX);
    TrialApplication { app_id, device_user }
}
