//! What passbridge is about, with no transport, storage or runtime in it.
//!
//! A value of one of these types exists only if it is valid: validation happens once, where a value is
//! made, and reports every violation of a request together.

pub mod address;
pub mod address_block;
pub mod authentication;
pub mod backend;
pub mod call;
pub mod caller;
pub mod clock;
pub mod code;
pub mod code_life;
pub mod device_info;
pub mod error;
pub mod fingerprint;
pub mod id;
pub mod leaky_bucket;
pub mod peer;
pub mod port;
pub mod probable_cause;
pub mod randomness;
pub mod registration;
pub mod schedule;
pub mod secret;
pub mod symptom;
pub mod temp_pass;
pub mod upstream_code;
