//! A profile that a test describes.

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Profile, ProfileType};
use crate::{attribute, owner::Owner, state::Mock};

/// The properties of a profile that differ from the usual one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProfileSpec {
    r#type: ProfileType,
    issuer: Option<String>,
    not_before_ms: Option<i64>,
    /// The validity from now; zero or negative for an expired profile.
    ttl_ms: Option<i64>,
    /// The operator's name for the viewer.
    user: Option<String>,
    /// Added to the usual attributes, or replacing those of the same name; `null` omits one.
    attributes: Map<String, Value>,
}

impl ProfileSpec {
    /// The usual profile of this type.
    pub(crate) fn of_type(r#type: ProfileType) -> Self {
        Self { r#type, ..Self::default() }
    }

    /// The usual profile of a viewer with these attributes.
    pub(crate) fn of_viewer(user: String, attributes: Map<String, Value>) -> Self {
        Self { user: Some(user), attributes, ..Self::default() }
    }

    /// The profile with this operator.
    pub(crate) fn make(self, mock: &Mock, owner: &Owner, mvpd: &str, session: Option<Uuid>) -> Profile {
        let now = mock.clock.now();
        let user = self.user.unwrap_or_else(|| format!("the viewer at {}", owner.device));
        let mut attributes = attribute::of_viewer(mvpd, &user);
        let (left_out, added): (Map<_, _>, Map<_, _>) =
            self.attributes.into_iter().partition(|(_, value)| value.is_null());
        attributes.extend(attribute::of_test(added));
        attributes.retain(|name, _| !left_out.contains_key(name));
        Profile {
            kind: self.r#type,
            not_before: self.not_before_ms.unwrap_or(now),
            not_after: now.saturating_add(self.ttl_ms.unwrap_or(mock.settings.profile_ms)),
            issuer: self.issuer.unwrap_or_else(|| self.r#type.issuer(mvpd).to_owned()),
            attributes,
            session,
            is_invalidated: false,
        }
    }
}

impl ProfileType {
    /// The issuer of such profiles.
    fn issuer(self, mvpd: &str) -> &str {
        match self {
            Self::Regular | Self::PlatformSso | Self::ServiceTokenSso => mvpd,
            Self::Degraded | Self::Temporary => "Adobe",
            Self::AppleSso => "Apple",
        }
    }
}
