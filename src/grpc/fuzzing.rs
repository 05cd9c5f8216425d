//! Fuzz targets for request messages.

use std::sync::LazyLock;

use prost::Message as _;

use super::convert::{device_info, registration, temp_pass};
use crate::{
    config::{Config, ValidConfig},
    domain::{error::Error, temp_pass::ResetTarget},
    fuzzing,
    proto::v1::{
        self, batch_reset_temp_pass_request::Item,
        reset_flexible_temp_pass_request::Target as FlexibleTarget, reset_temp_pass_request::Target,
    },
    service::policy::Policy,
};

pub(crate) const TARGETS: &[fuzzing::FuzzTarget] =
    &[("create_message", create_message), ("reset_message", reset_message)];

static POLICY: LazyLock<Policy> =
    LazyLock::new(|| Policy::new(&ValidConfig::read(Config::default()).expect("the default is valid")));

fn create_message(input: &[u8]) {
    if let Ok(message) = v1::CreateRegistrationCodeRequest::decode(input) {
        match registration::create(message, &POLICY) {
            Ok((request, _)) => request.device_info.iter().for_each(fuzzing::check_device_info),
            Err(error) => check_error(&error, input),
        }
    }
    if let Ok(message) = v1::EncodeDeviceInfoRequest::decode(input)
        && let Ok((info, _)) = device_info::encode(message)
    {
        fuzzing::check_device_info(&info);
    }
}

/// Only the explicit `all` field resets all trials.
fn reset_message(input: &[u8]) {
    let Ok(message) = v1::BatchResetTempPassRequest::decode(input) else { return };
    let says_all = match &message.item {
        Some(Item::TempPass(reset)) => reset.target == Some(Target::AllDevices(true)),
        Some(Item::FlexibleTempPass(reset)) => reset.target == Some(FlexibleTarget::AllKeys(true)),
        None => false,
    };
    match temp_pass::batch_item(message, &POLICY).request {
        Ok(request) => assert!(request.target != ResetTarget::All || says_all),
        Err(error) => check_error(&error, input),
    }
}

/// An error is not larger than the request, apart from fixed text.
fn check_error(error: &Error, input: &[u8]) {
    let Error::InvalidFields(violations) = error else { panic!("{error}") };
    assert!(violations.iter().all(|violation| !violation.description.is_empty()));
    assert!(error.to_string().len() <= 8_192 + 16 * input.len(), "{error}");
}
