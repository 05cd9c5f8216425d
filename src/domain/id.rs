//! Identifiers that callers send. A value exists only if it is well formed.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::error::Violation;

/// The maximum length of a requestor, mvpd or environment, in characters.
pub const NAME_MAX: usize = 128;

/// The maximum length of a device id, in bytes of UTF-8. Some platforms' tokens have 900 bytes and more.
pub const DEVICE_ID_MAX: usize = 2048;

/// The placeholder that the REST documents define for a device without an id. Never a device id.
pub const DUMMY_DEVICE_ID: &str = "dummy";

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 128 letters, digits, `.`, `_` or `-`. Cheap to clone.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Parses `text` from `field` of a request.
            ///
            /// # Errors
            /// The text is empty, is too long, or has other characters.
            pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
                check_name(field, text).map(|()| Self(text.into()))
            }

            /// Returns the identifier's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, formatter)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The channel of a request: requestor id in v1, service provider in v2.
    RequestorId
}
name! {
    /// The pay-TV operator that the viewer logs in with, or a TempPass, which replaces one.
    MvpdId
}
name! {
    /// A configured environment. Environments do not share codes.
    EnvironmentName
}

/// A place: an environment, and a requestor that is valid in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A configured environment.
    pub environment: EnvironmentName,
    /// A requestor that is valid in the environment.
    pub requestor: RequestorId,
}

fn check_name(field: &str, text: &str) -> Result<(), Violation> {
    if text.is_empty() {
        return Err(Violation::new(field, "is required: 1 to 128 letters, digits, '.', '_' or '-'"));
    }
    if text.len() > NAME_MAX {
        return Err(Violation::too_long(field, text, NAME_MAX));
    }
    // As a segment of a URL's path they would change the path.
    if matches!(text, "." | "..") {
        return Err(Violation::new(field, "must not be \".\" or \"..\""));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match text.chars().find(|character| !(character.is_ascii() && allowed(*character as u8))) {
        None => Ok(()),
        Some(other) => Err(Violation::new(
            field,
            format!("must contain only letters, digits, '.', '_' and '-', but contains {other:?}"),
        )),
    }
}

/// The identifier of a device: 1 to 2048 bytes of UTF-8. Personal data, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DeviceId(Box<str>);

impl DeviceId {
    /// Parses `text` from `field` of a request.
    ///
    /// # Errors
    /// The text is empty, has more than 2048 bytes, or is `dummy`, the REST documents' placeholder for a device without an
    /// id.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        match text {
            "" => {
                Err(Violation::new(field, "must not be empty; leave the field out if the device has no id"))
            }
            DUMMY_DEVICE_ID => Err(Violation::new(
                field,
                "must not be the placeholder \"dummy\"; leave the field out, and store the id from the response on the device",
            )),
            _ if text.len() > DEVICE_ID_MAX => Err(Violation::too_long(field, text, DEVICE_ID_MAX)),
            _ => Ok(Self(text.into())),
        }
    }

    /// Returns the id that passbridge assigns to a device without one.
    #[must_use]
    pub fn assigned(id: uuid::Uuid) -> Self {
        Self(id.to_string().into())
    }

    /// Returns the id of an application, or of a user, on this device, for v1 clients that name them. Each then has its own
    /// login (reference of the device flow, section 1.0). The format is `ID|APP|USER`, so that it can be built from its parts.
    #[must_use]
    pub fn scoped(self, app_id: &str, device_user: &str) -> Self {
        match (app_id, device_user) {
            ("", "") => self,
            (app_id, "") => Self(format!("{}|{app_id}", self.0).into()),
            (app_id, device_user) => Self(format!("{}|{app_id}|{device_user}", self.0).into()),
        }
    }

    /// Returns the id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DeviceId(…)")
    }
}
