//! Requests that are valid as they stand; a test changes the one field that it is about.

use passbridge::proto::v1::{
    CreateRegistrationCodeRequest, DeleteRegistrationCodeRequest, DeviceInfo, GetRegistrationCodeRequest,
    WatchRegistrationCodeRequest, create_registration_code_request::Device,
};

/// The requestor of all requests that don't say otherwise.
pub const REQUESTOR: &str = "REF";

/// A create with nothing but what is required.
pub fn create() -> CreateRegistrationCodeRequest {
    CreateRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        device: Some(Device::DeviceInfo(roku())),
        ..CreateRegistrationCodeRequest::default()
    }
}

/// A create of a code that lives so many seconds.
pub fn create_for(seconds: i64) -> CreateRegistrationCodeRequest {
    CreateRegistrationCodeRequest { ttl: Some(prost_types::Duration { seconds, nanos: 0 }), ..create() }
}

/// A get.
pub fn get(code: &str) -> GetRegistrationCodeRequest {
    GetRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: code.to_owned(),
        ..GetRegistrationCodeRequest::default()
    }
}

/// A watch.
pub fn watch(code: &str) -> WatchRegistrationCodeRequest {
    WatchRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: code.to_owned(),
        ..WatchRegistrationCodeRequest::default()
    }
}

/// A delete.
pub fn delete(code: &str) -> DeleteRegistrationCodeRequest {
    DeleteRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: code.to_owned(),
        ..DeleteRegistrationCodeRequest::default()
    }
}

/// A device with nothing but what is required.
pub fn roku() -> DeviceInfo {
    DeviceInfo {
        model: Some("Roku".to_owned()),
        os_name: Some("Roku OS".to_owned()),
        ..DeviceInfo::default()
    }
}
