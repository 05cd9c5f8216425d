//! The REST face, tested as devices call it.

mod address;
mod bad_input;
mod both_faces;
mod compression;
mod cross_origin;
mod device_without_id;
mod documented;
mod format;
mod parameters;
mod raw_query;
mod registration;
mod reset;
mod revocation;
mod second_screen;
mod shipped_client;
mod signed_request;
mod throttle;
