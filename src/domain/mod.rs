//! The domain model: values, rules and ports, independent of transport, storage and runtime.
//!
//! A value of one of these types exists only if it is valid. Validation happens once, where the value is created, and
//! reports all violations of a request together.

#![warn(clippy::large_futures)]

pub(crate) mod address;
pub(crate) mod address_block;
pub(crate) mod authentication;
pub(crate) mod backend;
pub mod call;
pub mod caller;
pub mod clock;
pub mod code;
pub(crate) mod code_life;
pub(crate) mod credential;
pub mod device_info;
pub(crate) mod entitlement;
pub mod error;
pub mod fingerprint;
pub mod id;
pub mod known_device;
pub mod ledger_kind;
pub mod limit;
pub(crate) mod peer;
pub mod port;
pub(crate) mod probable_cause;
pub mod randomness;
pub mod registration_code;
pub(crate) mod schedule;
pub mod secret;
pub(crate) mod subject_alt_name;
pub(crate) mod symptom;
pub(crate) mod temp_pass;
pub(crate) mod upstream_code;
