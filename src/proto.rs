//! The contract in Rust, generated from `proto/` by `build.rs`.
//!
//! Everything here is the shape of messages on the wire: any string, any number, anything absent. What a
//! value means and whether it is valid is the domain's to say; the module `grpc` converts between the two.

mod codec;

use std::fmt;

pub use codec::Codec;

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

/// The value is the identifier of a person, which must not reach a log through a stray `{:?}`.
impl fmt::Debug for v1::HashIdentifierRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashIdentifierRequest")
            .field("value", &"(withheld)")
            .field("algorithm", &self.algorithm())
            .finish()
    }
}
