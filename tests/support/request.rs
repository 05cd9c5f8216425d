//! Valid requests. A test changes the field under test.

use passbridge::proto::v1::{
    CreateRegistrationCodeRequest, DeleteRegistrationCodeRequest, DeviceInfo, GetRegistrationCodeRequest,
    WatchRegistrationCodeRequest, create_registration_code_request::Device,
};

/// The default requestor.
pub const REQUESTOR: &str = "REF";

/// A create request with the required fields only.
pub fn create() -> CreateRegistrationCodeRequest {
    CreateRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        device: Some(Device::DeviceInfo(roku())),
        ..CreateRegistrationCodeRequest::default()
    }
}

/// A create request with this TTL in seconds.
pub fn create_for(seconds: i64) -> CreateRegistrationCodeRequest {
    CreateRegistrationCodeRequest { ttl: Some(prost_types::Duration { seconds, nanos: 0 }), ..create() }
}

pub fn get(code: &str) -> GetRegistrationCodeRequest {
    GetRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: code.to_owned(),
        ..GetRegistrationCodeRequest::default()
    }
}

pub fn watch(code: &str) -> WatchRegistrationCodeRequest {
    WatchRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: code.to_owned(),
        ..WatchRegistrationCodeRequest::default()
    }
}

pub fn delete(code: &str) -> DeleteRegistrationCodeRequest {
    DeleteRegistrationCodeRequest {
        requestor_id: REQUESTOR.to_owned(),
        code: code.to_owned(),
        ..DeleteRegistrationCodeRequest::default()
    }
}

/// Device information with the required fields only.
pub fn roku() -> DeviceInfo {
    DeviceInfo {
        model: Some("Roku".to_owned()),
        os_name: Some("Roku OS".to_owned()),
        ..DeviceInfo::default()
    }
}
