//! The use cases: policy that holds for every backend and every face. One use case a file.

pub mod audit;
pub mod authentication;
pub mod backends;
pub mod budget;
pub mod client_registration;
pub mod device_info;
pub mod master_key;
pub mod operator;
pub mod policy;
pub mod registration;
pub mod signed_request;
mod single_flight;
pub mod temp_pass;
pub mod throttle;

pub use client_registration::ClientRegistrationService;
pub use registration::RegistrationService;
pub use temp_pass::TempPassService;
