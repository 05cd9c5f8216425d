//! The contract in Rust, generated from `proto/` by `build.rs`.
//!
//! These types have the shape of messages on the wire: any string, any number, any field absent. The domain
//! defines what a value means and whether it is valid; the module `grpc` converts between the two.

mod codec;

use std::{collections::BTreeSet, fmt};

use prost::Message as _;
use prost_types::FileDescriptorSet;

pub use codec::Codec;

/// The package of the contract's messages and services.
const PACKAGE: &str = "passbridge.v1";

/// The package `passbridge.v1`.
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    missing_docs,
    reason = "generated code, which only the generator can change"
)]
pub mod v1 {
    tonic::include_proto!("passbridge.v1");
}

/// The encoded `google.protobuf.FileDescriptorSet` that reflection serves.
///
/// It contains the package with its comments and all imports. It also contains the error details of
/// `google.rpc`, so that clients can decode the details of a status.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/passbridge_descriptor.bin"));

/// The full names of the services of the contract, such as `passbridge.v1.DeviceInfoService`.
#[must_use]
pub fn services() -> BTreeSet<String> {
    // The build creates it and a test decodes it, so decoding does not fail.
    let contract = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let files = contract.file.iter().filter(|file| file.package() == PACKAGE);
    files.flat_map(|file| &file.service).map(|service| format!("{PACKAGE}.{}", service.name())).collect()
}

/// The tags of `FileDescriptorProto.enum_type` and `EnumDescriptorProto.value`, which are the path of a value's comment.
const ENUM_TYPE: i32 = 5;
const ENUM_VALUE: i32 = 2;

/// Returns the comment of an error reason in the contract, as Markdown; empty if there is none.
#[must_use]
pub(crate) fn error_reason_comment(reason: v1::ErrorReason) -> String {
    let contract = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let comment = contract.file.iter().filter(|file| file.package() == PACKAGE).find_map(|file| {
        let path = file.enum_type.iter().enumerate().find_map(|(index, group)| {
            let value = group.value.iter().position(|value| value.name() == reason.as_str_name())?;
            Some([ENUM_TYPE, i32::try_from(index).ok()?, ENUM_VALUE, i32::try_from(value).ok()?])
        })?;
        let locations = &file.source_code_info.as_ref()?.location;
        locations.iter().find(|location| location.path == path)?.leading_comments.as_deref()
    });
    let lines = comment.unwrap_or_default().lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Implements `Debug`, without any field, for messages that contain values which must not be logged, and for
/// their oneofs. `build.rs` selects them by the names of their fields.
macro_rules! withhold {
    ($($message:path),* $(,)?) => {
        $(impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($message), "(withheld)"))
            }
        })*
    };
}
include!(concat!(env!("OUT_DIR"), "/withheld.rs"));
