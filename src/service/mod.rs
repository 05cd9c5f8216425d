//! The use cases: policy that holds for every backend and every face. One use case a file.

pub mod budget;
pub mod device_info;
pub mod policy;
pub mod registration;
mod single_flight;

pub use registration::RegistrationService;
