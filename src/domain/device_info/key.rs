//! The keys of device information: their names on each face, and their fields.
//!
//! To add a key, add a line to the table at the end of this file and a field to [`DeviceInfo`].

use super::DeviceInfo;

/// How messages name a field: in the spelling of the face that received the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldNaming {
    /// The keys of the JSON object, such as `osName`.
    Wire,
    /// The fields of the gRPC message, such as `os_name`.
    Field,
}

/// The kind of value that a key requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// Text.
    Text,
    /// A number or a version. Devices send these as JSON numbers or as text.
    Numeric,
    /// True or false.
    Flag,
}

macro_rules! keys {
    ($($variant:ident, $field:ident, $wire:literal, $kind:ident;)*) => {
        /// A known key of device information (reference, section 4).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Key {
            $(#[doc = concat!("`", $wire, "` on the wire.")] $variant,)*
            /// `connectionSecure` on the wire; the only one that is not text.
            ConnectionSecure,
        }

        impl Key {
            /// All keys, in the order of the wire form.
            pub const ALL: &[Self] = &[$(Self::$variant,)* Self::ConnectionSecure];

            /// Returns the key's name in the JSON object.
            #[must_use]
            pub const fn wire_name(self) -> &'static str {
                match self {
                    $(Self::$variant => $wire,)*
                    Self::ConnectionSecure => "connectionSecure",
                }
            }

            /// Returns the key's field in the gRPC message.
            #[must_use]
            pub const fn field_name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($field),)*
                    Self::ConnectionSecure => "connection_secure",
                }
            }

            /// Returns the key with this name in the JSON object. Names are case-sensitive.
            #[must_use]
            pub fn from_wire_name(name: &str) -> Option<Self> {
                match name {
                    $($wire => Some(Self::$variant),)*
                    "connectionSecure" => Some(Self::ConnectionSecure),
                    _ => None,
                }
            }

            pub(super) const fn kind(self) -> ValueKind {
                match self {
                    $(Self::$variant => ValueKind::$kind,)*
                    Self::ConnectionSecure => ValueKind::Flag,
                }
            }
        }

        impl DeviceInfo {
            /// Returns the text of `key`; `None` for `connectionSecure`, which is not text.
            #[must_use]
            pub fn text(&self, key: Key) -> Option<&str> {
                match key {
                    $(Key::$variant => self.$field.as_deref(),)*
                    Key::ConnectionSecure => None,
                }
            }

            pub(super) fn slot(&mut self, key: Key) -> Option<&mut Option<String>> {
                match key {
                    $(Key::$variant => Some(&mut self.$field),)*
                    Key::ConnectionSecure => None,
                }
            }
        }
    };
}

impl Key {
    /// Returns the name of the key in this naming.
    #[must_use]
    pub const fn name(self, naming: FieldNaming) -> &'static str {
        match naming {
            FieldNaming::Wire => self.wire_name(),
            FieldNaming::Field => self.field_name(),
        }
    }

    /// Returns the key of an alias that the documents of some platforms use (reference, section 4: `type` on iOS).
    #[must_use]
    pub fn from_alias(name: &str) -> Option<Self> {
        (name == "type").then_some(Self::PrimaryHardwareType)
    }

    /// Whether the key is required.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Model | Self::OsName)
    }

    /// Returns the key's bit in a set of keys.
    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

keys! {
    PrimaryHardwareType, primary_hardware_type, "primaryHardwareType", Text;
    Model, model, "model", Text;
    Version, version, "version", Numeric;
    Manufacturer, manufacturer, "manufacturer", Text;
    Vendor, vendor, "vendor", Text;
    OsName, os_name, "osName", Text;
    OsFamily, os_family, "osFamily", Text;
    OsVendor, os_vendor, "osVendor", Text;
    OsVersion, os_version, "osVersion", Numeric;
    BrowserName, browser_name, "browserName", Text;
    BrowserVendor, browser_vendor, "browserVendor", Text;
    BrowserVersion, browser_version, "browserVersion", Numeric;
    UserAgent, user_agent, "userAgent", Text;
    DisplayWidth, display_width, "displayWidth", Numeric;
    DisplayHeight, display_height, "displayHeight", Numeric;
    DisplayPpi, display_ppi, "displayPpi", Numeric;
    DiagonalScreenSize, diagonal_screen_size, "diagonalScreenSize", Numeric;
    ConnectionIp, connection_ip, "connectionIp", Text;
    ConnectionPort, connection_port, "connectionPort", Numeric;
    ConnectionType, connection_type, "connectionType", Text;
    ApplicationId, application_id, "applicationId", Text;
}
