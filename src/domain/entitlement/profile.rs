//! Profiles: the logins of a device.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::{clock::Timestamp, id::MvpdId};

/// A login of a device with an operator. Personal data, so it shows itself to no log.
#[derive(Clone, PartialEq)]
pub struct Profile {
    /// The operator.
    pub mvpd: MvpdId,
    /// What the login came of.
    pub kind: ProfileKind,
    /// Who vouches for it, such as the operator; absent where that is not said.
    pub issuer: Option<String>,
    /// The viewer as apps may know them; absent where that is not said.
    pub user_id: Option<String>,
    /// Since when it is good.
    pub issue_time: Option<Timestamp>,
    /// Until when it is good.
    pub expire_time: Option<Timestamp>,
    /// What the operator tells of the viewer, by name.
    pub attributes: BTreeMap<String, Attribute>,
}

/// What an operator tells of a viewer.
#[derive(Clone, PartialEq)]
pub struct Attribute {
    /// Any JSON; where it is encrypted, base64 of what only the programmer's certificate opens.
    pub value: Value,
    /// Whether it is encrypted.
    pub is_encrypted: bool,
}

/// What a login came of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileKind {
    /// The viewer's login with the operator.
    Regular,
    /// The operator cannot be asked, and everybody counts as logged in.
    Degraded,
    /// A TempPass.
    Temporary,
    /// Single sign-on of Apple's platforms.
    AppleSso,
    /// Single sign-on of another platform.
    PlatformSso,
    /// Single sign-on by a token of the programmer's own.
    ServiceTokenSso,
    /// Something that came after this version, by the upstream's name; empty where it says nothing.
    Other(String),
}

impl ProfileKind {
    /// The upstream's name of it.
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
    /// Whether its time is over.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expire_time.is_some_and(|end| end <= now)
    }

    /// A digest of what the operator tells of the viewer.
    #[must_use]
    pub fn attributes_digest(&self) -> [u8; 16] {
        let mut hasher = Sha256::new();
        for (name, attribute) in &self.attributes {
            // Another order of an object's keys counts as a change, which does no harm.
            let text = serde_json::json!([name, attribute.is_encrypted, attribute.value]).to_string();
            hasher.update(text.as_bytes());
        }
        let digest = hasher.finalize();
        std::array::from_fn(|index| digest[index])
    }

    /// What the operator tells of the viewer under this name.
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
