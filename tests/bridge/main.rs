//! The bridge: the real application over the mock provider, which runs on its own thread behind a real socket.

#![forbid(unsafe_code)]

mod abandoned;
mod behavior;
mod browser;
mod credentials;
mod device_clients;
mod device_flow;
mod device_info_text;
mod entitlement;
mod error;
mod fault;
mod long_device_id;
mod openapi;
mod over_v1;
mod profile_of_code;
mod replica;
mod resolved_code;
mod rest_face;
mod shadow;
mod support;
mod temp_pass;
mod upstream_calls;
mod v1_parameters;
