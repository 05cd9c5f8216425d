//! The contract in Rust, generated from `proto/` by `build.rs`.
//!
//! Everything here is the shape of messages on the wire: any string, any number, anything absent. What a
//! value means and whether it is valid is the domain's to say; the module `grpc` converts between the two.

mod codec;

use std::{collections::BTreeSet, fmt};

use prost::Message as _;
use prost_types::FileDescriptorSet;

pub use codec::Codec;

/// Where the contract's own messages and services are.
const PACKAGE: &str = "passbridge.v1";

/// The package `passbridge.v1`.
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    missing_docs,
    reason = "generated: its shape is the generator's, so a lint could only be answered by changing that"
)]
pub mod v1 {
    tonic::include_proto!("passbridge.v1");
}

/// What reflection serves: an encoded `google.protobuf.FileDescriptorSet`.
///
/// It holds the package with its comments and all that it imports. The error details of `google.rpc` are in
/// it too, so that a client can print what a status carries.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/passbridge_descriptor.bin"));

/// The full names of the services of the contract, such as `passbridge.v1.DeviceInfoService`.
#[must_use]
pub fn services() -> BTreeSet<String> {
    // It is made by the build, and a test reads it: what cannot be read here has no services.
    let contract = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let files = contract.file.iter().filter(|file| file.package() == PACKAGE);
    files.flat_map(|file| &file.service).map(|service| format!("{PACKAGE}.{}", service.name())).collect()
}

/// Gives messages that hold what must not reach a log, and their oneofs, a `Debug` that shows nothing of it. `build.rs` says
/// which they are, by the names of their fields.
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
