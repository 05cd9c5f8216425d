//! The use cases. They apply the policy, which holds for every backend and every face. One use case per file.

#![warn(clippy::large_futures)]

pub(crate) mod audit;
pub(crate) mod authentication;
pub mod backends;
pub mod budget;
pub(crate) mod client_registration;
pub(crate) mod device_info;
pub mod device_memory;
pub(crate) mod entitlement;
pub(crate) mod master_key;
pub(crate) mod operator;
pub mod policy;
pub mod quota;
pub mod registration;
pub(crate) mod signed_request;
mod single_flight;
pub(crate) mod store_copy;
pub(crate) mod temp_pass;
pub(crate) mod throttle;

pub use client_registration::ClientRegistrationService;
pub use entitlement::EntitlementService;
pub use registration::RegistrationService;
pub use temp_pass::TempPassService;
