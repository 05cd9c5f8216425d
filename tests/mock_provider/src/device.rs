//! The calling device.

use std::sync::LazyLock;

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use serde_json::Value;

use crate::{device_info::DeviceInfo, normalized::Normalized};

/// Base64 with or without padding, because clients omit it.
static LENIENT: LazyLock<GeneralPurpose> = LazyLock::new(|| {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&base64::alphabet::STANDARD, config)
});

/// Decodes base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text).ok()
}

/// A device: the information that it sent, and its connection.
#[derive(Debug)]
pub(crate) struct Device {
    /// The device information that it sent.
    pub info: DeviceInfo,
    pub user_agent: Option<String>,
    pub address: String,
    pub port: u16,
}

impl Device {
    /// Parses device information: base64 of a JSON object.
    pub(crate) fn parse(encoded: &str, user_agent: Option<&str>, address: &str, port: u16) -> Option<Self> {
        let info = DeviceInfo::parse(&decode(encoded)?)?;
        Some(Self { info, user_agent: user_agent.map(str::to_owned), address: address.to_owned(), port })
    }

    /// Base64 of the normalized form, as v1 shows it.
    pub(crate) fn encode(&self) -> String {
        BASE64_STANDARD.encode(serde_json::to_vec(&Normalized::of(self)).expect("keys are strings"))
    }

    /// The normalized form as v2 shows it: absent values are omitted, since its schema has no null.
    pub(crate) fn to_json(&self) -> Value {
        let mut device = serde_json::to_value(Normalized::of(self)).expect("keys are strings");
        without_nulls(&mut device);
        if !HARDWARE_TYPES.split(',').any(|known| device["type"] == known) {
            device["type"] = "Unknown".into();
        }
        let address = device["connection"]["ipAddress"].take();
        device["connection"]["ipAddress"] =
            serde_json::json!({ "hostAddress": address, "hostName": address });
        device
    }
}

/// The hardware types of v2, separated by commas.
const HARDWARE_TYPES: &str = "Camera,DataCollectionTerminal,Desktop,EmbeddedNetworkModule,eReader,GamesConsole,\
    GeolocationTracker,Glasses,MediaPlayer,MobilePhone,PaymentTerminal,PluginModem,SetTopBox,TV,Tablet,\
    WirelessHotspot,Wristwatch,VehicleMultimediaSystem,Projector,Unknown";

fn without_nulls(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
        members.values_mut().for_each(without_nulls);
    }
}
