//! Fingerprints of requests, which detect an idempotency key that is reused for another request.

use std::net::IpAddr;

use xxhash_rust::xxh3::xxh3_128;

use super::registration_code::RegistrationRequest;

/// A digest of a request as parsed: two spellings of the same request have the same fingerprint. Empty fields are left
/// out, so a field that a later version adds does not change existing fingerprints.
///
/// The hash is not cryptographic, because that would cost more than the rest of a stored response. A caller that
/// constructs a collision between its own requests only gets its own first response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// Returns the fingerprint of a request. The caller and the place are not included: they are part of the key under which
    /// the response is stored.
    #[must_use]
    pub fn of(request: &RegistrationRequest) -> Self {
        let mut fields = FingerprintInput(Vec::with_capacity(REQUEST_BYTES));
        fields.text("device_id", request.device_id.as_ref().map_or("", |id| id.as_str()));
        fields.bytes(
            "device_info",
            &request.device_info.as_ref().map(|info| info.to_json()).unwrap_or_default(),
        );
        fields.text("user_agent", &request.user_agent);
        match request.device_ip.map(|address| address.ip()) {
            Some(IpAddr::V4(address)) => fields.bytes("device_ip", &address.octets()),
            Some(IpAddr::V6(address)) => fields.bytes("device_ip", &address.octets()),
            None => {}
        }
        fields.number("device_port", request.device_port.map(u64::from));
        fields.text("mvpd_id", request.mvpd.as_ref().map_or("", |mvpd| mvpd.as_str()));
        fields.number("ttl", request.ttl.map(|ttl| ttl.as_duration().as_secs()));
        fields.text("domain_name", &request.domain_name);
        fields.text("redirect_url", &request.redirect_url);
        fields.text("legacy.device_type", &request.legacy.device_type);
        fields.text("legacy.device_user", &request.legacy.device_user);
        fields.text("legacy.app_id", &request.legacy.app_id);
        fields.text("legacy.app_version", &request.legacy.app_version);
        fields.text("legacy.registration_url", &request.legacy.registration_url);
        Self(xxh3_128(&fields.0))
    }

    /// Returns the digest.
    #[must_use]
    pub const fn into_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// The typical size of a request. Preallocating it avoids repeated copies.
const REQUEST_BYTES: usize = 1024;

struct FingerprintInput(Vec<u8>);

impl FingerprintInput {
    fn number(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.bytes(name, &number.to_be_bytes());
        }
    }

    fn text(&mut self, name: &str, value: &str) {
        self.bytes(name, value.as_bytes());
    }

    /// Includes the lengths, so that field boundaries are unambiguous.
    fn bytes(&mut self, name: &str, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        for part in [name.as_bytes(), value] {
            self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
            self.0.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        device_info::DeviceInfo,
        id::{DeviceId, EnvironmentName, MvpdId, Place, RequestorId},
        registration_code::Ttl,
    };

    fn request() -> RegistrationRequest {
        RegistrationRequest::new(Place {
            environment: EnvironmentName::parse("environment", "default").expect("valid"),
            requestor: RequestorId::parse("requestor", "REF").expect("valid"),
        })
    }

    #[test]
    fn every_field_changes_the_fingerprint() {
        type Change = fn(&mut RegistrationRequest);
        let changes: [Change; 14] = [
            |request| request.device_id = DeviceId::parse("device_id", "x").ok(),
            |request| {
                request.device_info = Some(DeviceInfo { model: Some("x".into()), ..DeviceInfo::default() })
            },
            |request| request.user_agent = "x".into(),
            |request| request.device_ip = "192.0.2.1".parse().ok(),
            |request| request.device_port = Some(1),
            |request| request.mvpd = MvpdId::parse("mvpd", "x").ok(),
            |request| request.ttl = Ttl::parse("ttl", 1, 0).ok(),
            |request| request.domain_name = "x".into(),
            |request| request.redirect_url = "x".into(),
            |request| request.legacy.device_type = "x".into(),
            |request| request.legacy.device_user = "x".into(),
            |request| request.legacy.app_id = "x".into(),
            |request| request.legacy.app_version = "x".into(),
            |request| request.legacy.registration_url = "x".into(),
        ];
        let mut fingerprints = vec![Fingerprint::of(&request())];
        for change in changes {
            let mut changed = request();
            change(&mut changed);
            fingerprints.push(Fingerprint::of(&changed));
        }
        for (index, one) in fingerprints.iter().enumerate() {
            assert!(!fingerprints[..index].contains(one), "change {index}");
        }
    }

    #[test]
    fn field_boundaries_change_the_fingerprint() {
        let split = |domain_name: &str, redirect_url: &str| {
            let (domain_name, redirect_url) = (domain_name.to_owned(), redirect_url.to_owned());
            Fingerprint::of(&RegistrationRequest { domain_name, redirect_url, ..request() })
        };
        assert_ne!(split("ab", "c"), split("a", "bc"));
    }
}
