//! The workload: each request is for one of the devices, from its own address.

use bytes::Bytes;

use super::scene::Scene;
use crate::{
    http_client,
    provider::{MVPD, Provider},
    support::{Result, device::Device, load::Workload, template::Template},
    workload::{ADDRESS, REQUESTOR, address},
};

/// A call of version 1's device flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A login check, answered from the cache.
    CheckLogin,
    /// An authorization of a new resource.
    Authorize,
    /// A media token for a new resource.
    MediaToken,
}

impl Call {
    /// The path and its parameters, with a mark in place of the resource.
    fn target(self, device_id: &str) -> String {
        let device = format!("requestor={REQUESTOR}&deviceId={device_id}");
        match self {
            Self::CheckLogin => format!("/api/v1/checkauthn.json?{device}"),
            Self::Authorize => format!("/api/v1/authorize.json?{device}&resource={ADDRESS}"),
            Self::MediaToken => format!("/api/v1/tokens/media.json?{device}&resource={ADDRESS}"),
        }
    }
}

/// Requests for random devices, each from its own address, because requests are paced by address.
pub struct Requests(Vec<Template>);

impl Requests {
    /// Requests of version 1 to passbridge.
    pub fn bridged(scene: &Scene, call: Call) -> Result<Self> {
        let device = Device::sample()?;
        let request = |id: &String| {
            format!(
                "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAuthorization: Bearer {}\r\n\
                 X-Forwarded-For: {ADDRESS}\r\n\r\n",
                call.target(id),
                scene.server.address,
                device.user_agent(),
                scene.token
            )
        };
        Ok(Self(scene.devices.iter().map(|id| Template::new(request(id), ADDRESS)).collect()))
    }

    /// Decisions of version 2, directly from the mock provider.
    pub fn direct(provider: &Provider, devices: &[String]) -> Result<Self> {
        let device = Device::sample()?;
        let body = format!(r#"{{"resources":["{ADDRESS}"]}}"#);
        let request = |id: &String| {
            format!(
                "POST /api/v2/{REQUESTOR}/decisions/authorize/{MVPD} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\n\
                 Accept: application/json\r\nAuthorization: Bearer {}\r\nX-Device-Info: {}\r\n\
                 AP-Device-Identifier: fingerprint {}\r\nX-Forwarded-For: {ADDRESS}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                provider.address,
                device.user_agent(),
                provider.token,
                device.x_device_info(),
                base64::Engine::encode(&base64::prelude::BASE64_STANDARD, id),
                body.len()
            )
        };
        Ok(Self(devices.iter().map(|id| Template::new(request(id), ADDRESS)).collect()))
    }

    /// The request for the device with this number.
    pub fn of_device(&self, index: usize) -> Bytes {
        self.0[index].with(address().as_bytes())
    }
}

impl Workload for Requests {
    type Client = http_client::Client;

    fn method(&self) -> &u16 {
        &200
    }

    fn request(&self) -> Option<Bytes> {
        Some(self.of_device(fastrand::usize(..self.0.len())))
    }

    fn request_size(&self) -> usize {
        self.0.first().map_or(0, Template::len)
    }
}
