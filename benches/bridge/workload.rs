//! The workload: a create of a code for the sample device, directly and through passbridge.

use bytes::Bytes;
use passbridge::proto::v1::{
    CreateRegistrationCodeRequest, create_registration_code_request::Device as DeviceOneof,
};
use prost::Message;

use crate::{
    grpc_client::{self, PREFIX},
    http_client,
    provider::Provider,
    support::{
        Result,
        device::{DEVICE_ID, Device},
        load::Workload,
        template::Template,
    },
};

pub const REQUESTOR: &str = "REF";

/// A placeholder for the address of each call, because passbridge paces the requests of each device.
pub const ADDRESS: &str = "100.100.100.100";

/// An address of the same length as [`ADDRESS`].
pub fn address() -> String {
    let part = || fastrand::u8(100..=255);
    format!("{}.{}.{}.{}", part(), part(), part(), part())
}

/// A version of the provider's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `/reggie/v1`.
    V1,
    /// `/api/v2`.
    V2,
}

/// The direct call.
pub struct Direct {
    template: Template,
    status: u16,
}

impl Direct {
    /// A call with a token of the provider.
    pub fn new(api: Api, provider: &Provider) -> Result<Self> {
        let device = Device::sample()?;
        let Provider { address, token, .. } = provider;
        let headers = format!(
            "Host: {address}\r\nUser-Agent: {}\r\nAccept: application/json\r\nAuthorization: Bearer {token}\r\n\
             X-Device-Info: {}\r\nX-Forwarded-For: {ADDRESS}\r\n",
            device.user_agent(),
            device.x_device_info()
        );
        let (request, status) = match api {
            Api::V1 => {
                let path = format!("/reggie/v1/{REQUESTOR}/regcode?deviceId={DEVICE_ID}");
                (format!("POST {path} HTTP/1.1\r\n{headers}Content-Length: 0\r\n\r\n"), 201)
            }
            Api::V2 => {
                let path = format!("/api/v2/{REQUESTOR}/sessions");
                let more = "AP-Device-Identifier: fingerprint YzI4dFpHVjJhV1F0TURBeg==\r\n\
                            Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n";
                (format!("POST {path} HTTP/1.1\r\n{headers}{more}"), 200)
            }
        };
        Ok(Self { template: Template::new(request, ADDRESS), status })
    }
}

impl Workload for Direct {
    type Client = http_client::Client;

    fn method(&self) -> &u16 {
        &self.status
    }

    fn request(&self) -> Option<Bytes> {
        Some(self.template.with(address().as_bytes()))
    }

    fn request_size(&self) -> usize {
        self.template.len()
    }
}

/// The call through passbridge.
pub struct Bridged {
    template: Template,
}

impl Bridged {
    /// For devices with different addresses, because creates of one device are serialized.
    pub fn new() -> Result<Self> {
        let device = Device::sample()?;
        let request = CreateRegistrationCodeRequest {
            requestor_id: REQUESTOR.to_owned(),
            device_id: Some(ADDRESS.to_owned()),
            device: Some(DeviceOneof::XDeviceInfo(device.x_device_info())),
            user_agent: device.user_agent().to_owned(),
            device_ip: ADDRESS.to_owned(),
            ..CreateRegistrationCodeRequest::default()
        };
        let mut framed = vec![0; PREFIX];
        framed[1..].copy_from_slice(&u32::try_from(request.encoded_len())?.to_be_bytes());
        request.encode(&mut framed)?;
        Ok(Self { template: Template::new(framed, ADDRESS) })
    }
}

impl Workload for Bridged {
    type Client = grpc_client::Client;

    fn method(&self) -> &str {
        "/passbridge.v1.RegistrationCodeService/CreateRegistrationCode"
    }

    fn request(&self) -> Option<Bytes> {
        Some(self.template.with(address().as_bytes()))
    }

    fn request_size(&self) -> usize {
        self.template.len() - PREFIX
    }
}
