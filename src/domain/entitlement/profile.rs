//! Profiles: the logins of a device.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::{clock::Timestamp, id::MvpdId};

/// A login of a device with an operator. Personal data, so `Debug` does not show it.
#[derive(Clone, PartialEq)]
pub struct Profile {
    /// The operator.
    pub mvpd: MvpdId,
    /// The kind of the login.
    pub kind: ProfileKind,
    /// The issuer of the login, such as the operator; absent if the upstream does not say.
    pub issuer: Option<String>,
    /// The viewer's id for applications; absent if the upstream does not say.
    pub user_id: Option<String>,
    /// When it became valid.
    pub issue_time: Option<Timestamp>,
    /// When it expires.
    pub expire_time: Option<Timestamp>,
    /// The viewer's attributes (user metadata), by name.
    pub attributes: BTreeMap<String, Attribute>,
}

/// An attribute of a viewer.
#[derive(Clone, PartialEq)]
pub struct Attribute {
    /// Any JSON value; if encrypted, base64 that only the programmer's private key can decrypt.
    pub value: Value,
    /// Whether the value is encrypted.
    pub is_encrypted: bool,
}

/// The kind of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileKind {
    /// The viewer's login with the operator.
    Regular,
    /// The operator is unavailable, and every device counts as logged in.
    Degraded,
    /// A TempPass.
    Temporary,
    /// Single sign-on on Apple's platforms.
    AppleSso,
    /// Single sign-on on another platform.
    PlatformSso,
    /// Single sign-on by a token of the programmer.
    ServiceTokenSso,
    /// A kind that this version does not know, by the upstream's name; empty if the upstream sends none.
    Other(String),
}

impl ProfileKind {
    /// Returns the upstream's name of the kind.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Regular => "regular",
            Self::Degraded => "degraded",
            Self::Temporary => "temporary",
            Self::AppleSso => "appleSSO",
            Self::PlatformSso => "platformSSO",
            Self::ServiceTokenSso => "serviceTokenSSO",
            Self::Other(name) => name,
        }
    }
}

impl Profile {
    /// Whether the login has expired.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expire_time.is_some_and(|end| end <= now)
    }

    /// Returns a digest of the viewer's attributes.
    #[must_use]
    pub fn attributes_digest(&self) -> [u8; 16] {
        let mut hasher = Sha256::new();
        for (name, attribute) in &self.attributes {
            // A different order of an object's keys counts as a change, which is harmless.
            let text = serde_json::json!([name, attribute.is_encrypted, attribute.value]).to_string();
            hasher.update(text.as_bytes());
        }
        let digest = hasher.finalize();
        std::array::from_fn(|index| digest[index])
    }

    /// Returns the value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name).map(|attribute| &attribute.value)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Profile(…)")
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Attribute(…)")
    }
}
