//! A client that makes calls and classifies their outcomes.

use std::{net::SocketAddr, time::Duration};

use passbridge::proto::v1::{
    AuthorizeTempPassRequest, CreateRegistrationCodeRequest, Decision, DenialReason, GetTempPassRequest,
    RegistrationCode, ResetFlexibleTempPassRequest, ResetTempPassRequest, TempPass,
    authorize_temp_pass_request, get_temp_pass_request,
    registration_code_service_client::RegistrationCodeServiceClient, reset_flexible_temp_pass_request,
    reset_temp_pass_request, temp_pass::State, temp_pass_service_client::TempPassServiceClient,
};
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

use crate::{
    call::{Body, Operation, Outcome, Output, Trial},
    clock::Clock,
    support::request::{self, REQUESTOR},
    workload::temp_pass,
};

/// The timeout of calls, longer than any successful call takes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client with its own connection.
#[derive(Clone)]
pub struct Client {
    codes: RegistrationCodeServiceClient<Channel>,
    temp_passes: TempPassServiceClient<Channel>,
}

impl Client {
    /// Creates a client of this server.
    pub fn new(server: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{server}")).expect("a URI");
        let channel = endpoint.connect_timeout(TIMEOUT).timeout(TIMEOUT).connect_lazy();
        Self {
            codes: RegistrationCodeServiceClient::new(channel.clone()),
            temp_passes: TempPassServiceClient::new(channel),
        }
    }

    /// Whether the server responds.
    pub async fn is_served(&mut self) -> bool {
        self.get_trial(&temp_pass(0), "probe", "probe").await.is_ok()
    }

    pub async fn call(&mut self, operation: &Operation, clock: &Clock) -> Outcome {
        match self.send(operation, clock).await {
            Ok(out) => Outcome::Ok { out },
            Err(status) => outcome_of(operation, &status),
        }
    }

    async fn send(&mut self, operation: &Operation, clock: &Clock) -> Result<Output, Status> {
        match operation {
            Operation::CreateCode { request_id, body } => {
                let response =
                    self.codes.create_registration_code(create(request_id.as_deref(), *body)).await?;
                let code = response.into_inner().registration_code.expect("a code");
                let expire = code.expire_time.as_ref().map(|time| clock.at(time));
                Ok(Output { code: code.code, id: code.id, expire, ..Output::default() })
            }
            Operation::GetCode { code } => {
                let response = self.codes.get_registration_code(request::get(code)).await?;
                let RegistrationCode { id, .. } = response.into_inner().registration_code.expect("a code");
                Ok(Output { id, ..Output::default() })
            }
            Operation::DeleteCode { code } => {
                self.codes.delete_registration_code(request::delete(code)).await?;
                Ok(Output::default())
            }
            Operation::Authorize { .. } => self.authorize(operation).await,
            Operation::GetTrial { temp_pass, device, key } => self.get_trial(temp_pass, device, key).await,
            Operation::ResetDevice { .. } | Operation::ResetKey { .. } | Operation::ResetAll { .. } => {
                let count = self.reset(operation).await?;
                Ok(Output { count, ..Output::default() })
            }
        }
    }

    async fn authorize(&mut self, operation: &Operation) -> Result<Output, Status> {
        let Operation::Authorize { temp_pass, device, key, resource, app } = operation else {
            unreachable!("not an authorization: {operation:?}")
        };
        let identity = authorize_temp_pass_request::Identity::GenericKey(digest(key));
        let request = AuthorizeTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: temp_pass.clone(),
            device_id: device.clone(),
            identity: Some(identity),
            resource_id: resource.clone(),
            app_id: app.clone(),
            ..AuthorizeTempPassRequest::default()
        };
        let response = self.temp_passes.authorize_temp_pass(request).await?.into_inner();
        let denial = match (response.decision(), response.denial_reason()) {
            (Decision::Permit, DenialReason::Unspecified) => "",
            (Decision::Deny, DenialReason::ResourcesExhausted) => "exhausted",
            other => panic!("no trial expires in these tests: {other:?}"),
        };
        Ok(Output { denial, trial: response.temp_pass.map(trial), ..Output::default() })
    }

    async fn get_trial(&mut self, temp_pass: &str, device: &str, key: &str) -> Result<Output, Status> {
        let request = GetTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: temp_pass.to_owned(),
            device_id: device.to_owned(),
            identity: Some(get_temp_pass_request::Identity::GenericKey(digest(key))),
            ..GetTempPassRequest::default()
        };
        let response = self.temp_passes.get_temp_pass(request).await?.into_inner();
        Ok(Output { trial: response.temp_pass.map(trial), ..Output::default() })
    }

    async fn reset(&mut self, operation: &Operation) -> Result<Option<u64>, Status> {
        let (temp_pass, target, app_id) = match operation {
            Operation::ResetKey { temp_pass, key } => {
                let request = ResetFlexibleTempPassRequest {
                    requestor_id: REQUESTOR.to_owned(),
                    mvpd_id: temp_pass.clone(),
                    target: Some(reset_flexible_temp_pass_request::Target::GenericKey(digest(key))),
                    ..ResetFlexibleTempPassRequest::default()
                };
                let response = self.temp_passes.reset_flexible_temp_pass(request).await?;
                return Ok(response.into_inner().reset_count);
            }
            Operation::ResetDevice { temp_pass, device, app } => {
                (temp_pass, reset_temp_pass_request::Target::DeviceId(device.clone()), app.clone())
            }
            Operation::ResetAll { temp_pass } => {
                (temp_pass, reset_temp_pass_request::Target::AllDevices(true), String::new())
            }
            other => unreachable!("not a reset: {other:?}"),
        };
        let request = ResetTempPassRequest {
            requestor_id: REQUESTOR.to_owned(),
            mvpd_id: temp_pass.clone(),
            target: Some(target),
            app_id,
            ..ResetTempPassRequest::default()
        };
        Ok(self.temp_passes.reset_temp_pass(Request::new(request)).await?.into_inner().reset_count)
    }
}

/// The outcome of a failed call. Only errors about the call itself are refusals. Any other failure may have happened after the call
/// took effect.
fn outcome_of(operation: &Operation, status: &Status) -> Outcome {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    let is_refused = match operation {
        Operation::CreateCode { .. } => reason == "LIVE_CODES_EXHAUSTED" || reason == "REQUEST_ID_REUSED",
        Operation::GetCode { .. } | Operation::DeleteCode { .. } => reason == "REGISTRATION_CODE_NOT_FOUND",
        _ => false,
    };
    if is_refused {
        return Outcome::Refused { reason };
    }
    let means_fault =
        matches!(status.code(), Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Unknown);
    assert!(means_fault, "unexpected error of {operation:?}: {status:?}");
    Outcome::Unknown { reason: format!("{:?} {reason}: {}", status.code(), status.message()) }
}

fn create(request_id: Option<&str>, body: Body) -> CreateRegistrationCodeRequest {
    let request_id = request_id.unwrap_or_default().to_owned();
    CreateRegistrationCodeRequest { request_id, ..request::create_for(body.ttl()) }
}

/// The generic key of a name.
fn digest(name: &str) -> String {
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits:0>64}")
}

fn trial(shown: TempPass) -> Trial {
    let state = match shown.state() {
        State::NotStarted => "not_started",
        State::Active => "active",
        State::Exhausted => "exhausted",
        other @ (State::Expired | State::Unspecified) => panic!("no trial expires in these tests: {other:?}"),
    };
    let start = shown.start_time.map_or(0, |time| time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000);
    let remaining = shown.remaining_resources.expect("a promotional TempPass");
    Trial { state, start, remaining, used: shown.used_resources }
}

mod tests {
    use super::*;

    #[test]
    fn only_errors_about_the_call_itself_are_refusals() {
        let delete = Operation::DeleteCode { code: "CODE".to_owned() };
        let details = |reason: &str| {
            let mut details = tonic_types::ErrorDetails::new();
            details.set_error_info(reason, "passbridge", std::collections::HashMap::new());
            details
        };
        let not_found = details("REGISTRATION_CODE_NOT_FOUND");
        let refused = Status::with_error_details(Code::NotFound, "no such code", not_found);
        let reason = "REGISTRATION_CODE_NOT_FOUND".to_owned();
        assert_eq!(outcome_of(&delete, &refused), Outcome::Refused { reason });
        let unavailable =
            Status::with_error_details(Code::Unavailable, "unavailable", details("STORE_UNAVAILABLE"));
        for status in [
            unavailable,
            Status::unknown("broken pipe"),
            Status::cancelled(""),
            Status::deadline_exceeded(""),
        ] {
            assert!(matches!(outcome_of(&delete, &status), Outcome::Unknown { .. }), "{status:?}");
        }
    }
}
