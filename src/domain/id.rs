//! Identifiers that callers bring. Each exists only if it is well formed.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::error::Violation;

/// The longest requestor, mvpd or environment, in characters.
pub const NAME_MAX: usize = 128;

/// The longest device id, in bytes of UTF-8: some platforms' tokens have 900 and more.
pub const DEVICE_ID_MAX: usize = 2048;

/// What the REST documents let a device without an id send instead of one; never a device id.
pub const DUMMY_DEVICE_ID: &str = "dummy";

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 128 of letters, digits, `.`, `_` and `-`. Cheap to clone.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Takes `text` from the request's `field`.
            ///
            /// # Errors
            /// Where it is empty, too long or has other characters.
            pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
                check_name(field, text).map(|()| Self(text.into()))
            }

            /// The identifier's text.
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
    /// The channel that makes a request: v1's requestor id, v2's service provider.
    RequestorId
}
name! {
    /// The pay-TV operator that logs the viewer in, or a TempPass, which stands in for one.
    MvpdId
}
name! {
    /// A configured environment. Codes of one do not exist in another.
    EnvironmentName
}

/// An environment and a requestor that is valid in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A configured environment.
    pub environment: EnvironmentName,
    /// A requestor that may be asked for there.
    pub requestor: RequestorId,
}

fn check_name(field: &str, text: &str) -> Result<(), Violation> {
    if text.is_empty() {
        return Err(Violation::new(field, "is required: 1 to 128 of letters, digits, '.', '_', '-'"));
    }
    if text.len() > NAME_MAX {
        return Err(Violation::new(
            field,
            format!("has {} bytes; at most {NAME_MAX} are allowed", text.len()),
        ));
    }
    // In the path of a URL they would lead somewhere else.
    if matches!(text, "." | "..") {
        return Err(Violation::new(field, "is no name: it consists of dots"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match text.chars().find(|character| !(character.is_ascii() && allowed(*character as u8))) {
        None => Ok(()),
        Some(other) => Err(Violation::new(
            field,
            format!("holds {other:?}; only letters, digits, '.', '_' and '-' are allowed"),
        )),
    }
}

/// What a device is known by: 1 to 2048 bytes of UTF-8. Personal data, so it shows itself to no log.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DeviceId(Box<str>);

impl DeviceId {
    /// Takes `text` from the request's `field`.
    ///
    /// # Errors
    /// Where it is empty, has more than 2048 bytes, or is the word `dummy`, by which the REST documents mean
    /// that there is none.
    pub fn parse(field: &str, text: &str) -> Result<Self, Violation> {
        match text {
            "" => Err(Violation::new(field, "is empty; leave the field out where the device has no id")),
            DUMMY_DEVICE_ID => Err(Violation::new(
                field,
                "is the placeholder \"dummy\"; leave the field out and store the id from the answer on the device",
            )),
            _ if text.len() > DEVICE_ID_MAX => Err(Violation::new(
                field,
                format!("has {} bytes; at most {DEVICE_ID_MAX} are allowed", text.len()),
            )),
            _ => Ok(Self(text.into())),
        }
    }

    /// The id that passbridge gives a device which has none.
    #[must_use]
    pub fn assigned(id: uuid::Uuid) -> Self {
        Self(id.to_string().into())
    }

    /// The id of one app, or of one user, on this device, where a client of version 1 names them: another app's login is none
    /// of its own then (reference of the device flow, section 1.0). Whoever knows the parts can write it: `ID|APP|USER`.
    #[must_use]
    pub fn scoped(self, app_id: &str, device_user: &str) -> Self {
        match (app_id, device_user) {
            ("", "") => self,
            (app_id, "") => Self(format!("{}|{app_id}", self.0).into()),
            (app_id, device_user) => Self(format!("{}|{app_id}|{device_user}", self.0).into()),
        }
    }

    /// The id's text.
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
