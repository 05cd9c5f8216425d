//! The keys of device information: their names on either face, and where their values live.
//!
//! One more key is one more line of the table at the end of this file and one more field of [`DeviceInfo`].

use super::DeviceInfo;

/// How a message names a field: as the face through which the values came spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldNaming {
    /// The keys of the JSON object, such as `osName`.
    Wire,
    /// The fields of the gRPC message, such as `os_name`.
    Field,
}

/// What kind of value a key calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Words.
    Text,
    /// A number or a version: devices send these as JSON numbers as often as in quotes.
    Numeric,
    /// True or false.
    Flag,
}

macro_rules! keys {
    ($($variant:ident, $field:ident, $wire:literal, $kind:ident;)*) => {
        /// A key that device information is known to have (reference, section 4).
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Key {
            $(#[doc = concat!("`", $wire, "` on the wire.")] $variant,)*
            /// `connectionSecure` on the wire; the only one that is not text.
            ConnectionSecure,
        }

        impl Key {
            /// Every key, in the order in which the wire form is written.
            pub const ALL: &[Self] = &[$(Self::$variant,)* Self::ConnectionSecure];

            /// The key in the JSON object.
            #[must_use]
            pub const fn wire_name(self) -> &'static str {
                match self {
                    $(Self::$variant => $wire,)*
                    Self::ConnectionSecure => "connectionSecure",
                }
            }

            /// The field in the gRPC message.
            #[must_use]
            pub const fn field_name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($field),)*
                    Self::ConnectionSecure => "connection_secure",
                }
            }

            /// The key that the JSON object calls `name`; capitals matter.
            #[must_use]
            pub fn from_wire_name(name: &str) -> Option<Self> {
                match name {
                    $($wire => Some(Self::$variant),)*
                    "connectionSecure" => Some(Self::ConnectionSecure),
                    _ => None,
                }
            }

            pub(super) const fn kind(self) -> Kind {
                match self {
                    $(Self::$variant => Kind::$kind,)*
                    Self::ConnectionSecure => Kind::Flag,
                }
            }
        }

        impl DeviceInfo {
            /// The text under `key`; none for `connectionSecure`, which is not text.
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
    /// The name that `naming` has for this key.
    #[must_use]
    pub const fn name(self, naming: FieldNaming) -> &'static str {
        match naming {
            FieldNaming::Wire => self.wire_name(),
            FieldNaming::Field => self.field_name(),
        }
    }

    /// The key that some platforms' own recipes call `name` (reference, section 4: `type` on iOS).
    #[must_use]
    pub fn from_alias(name: &str) -> Option<Self> {
        (name == "type").then_some(Self::PrimaryHardwareType)
    }

    /// Whether device information without this key is refused.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Model | Self::OsName)
    }

    /// The key's place in a set of keys that is kept as bits.
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
