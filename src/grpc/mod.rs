//! The gRPC face: thin handlers that decode a request, call a use case and encode the result.

#![warn(clippy::large_futures)]

mod body;
mod call;
mod connection;
mod convert;
mod deadline;
mod device_info;
mod entitlement;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod health;
mod layer;
mod method;
mod registration_code;
pub(crate) mod status;
mod stream;
mod temp_pass;

use std::sync::Arc;

use tonic::{codec::CompressionEncoding, service::Routes};

use crate::{
    domain::device_info::Normalizer,
    proto::{
        FILE_DESCRIPTOR_SET,
        v1::{
            device_info_service_server::DeviceInfoServiceServer,
            entitlement_service_server::EntitlementServiceServer,
            registration_code_service_server::RegistrationCodeServiceServer,
            temp_pass_service_server::TempPassServiceServer,
        },
    },
    service::{EntitlementService, RegistrationService, TempPassService},
};

pub(crate) use health::HealthBoard;
pub(crate) use layer::FaceLayer;

/// The dependencies of the face.
pub(crate) struct GrpcDependencies {
    /// The use cases for registration codes.
    pub registration: RegistrationService,
    /// The use cases for TempPasses.
    pub temp_pass: TempPassService,
    /// The use cases for entitlements.
    pub entitlement: EntitlementService,
    /// Normalizes device information.
    pub normalizer: Arc<Normalizer>,
    /// The health status of the services.
    pub health: HealthBoard,
    /// The maximum size of a request message, in bytes.
    pub max_message_size: usize,
}

/// All services of the face: our own, health, and both versions of reflection.
///
/// # Errors
/// If the descriptor set cannot be decoded, which is a defect of the build.
pub(crate) fn routes(dependencies: GrpcDependencies) -> Result<Routes, tonic_reflection::server::Error> {
    let GrpcDependencies { registration, temp_pass, entitlement, normalizer, health, max_message_size } =
        dependencies;
    let registration_code =
        RegistrationCodeServiceServer::new(registration_code::RegistrationCodeHandler::new(registration))
            .max_decoding_message_size(max_message_size)
            .accept_compressed(CompressionEncoding::Gzip);
    let device_info = DeviceInfoServiceServer::new(device_info::DeviceInfoHandler::new(normalizer))
        .max_decoding_message_size(max_message_size)
        .accept_compressed(CompressionEncoding::Gzip);
    let temp_pass = TempPassServiceServer::new(temp_pass::TempPassHandler::new(temp_pass))
        .max_decoding_message_size(max_message_size)
        .accept_compressed(CompressionEncoding::Gzip);
    let entitlement = EntitlementServiceServer::new(entitlement::EntitlementHandler::new(entitlement))
        .max_decoding_message_size(max_message_size)
        .accept_compressed(CompressionEncoding::Gzip);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
    };
    Ok(Routes::new(registration_code)
        .add_service(device_info)
        .add_service(temp_pass)
        .add_service(entitlement)
        .add_service(health.into_service())
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .prepare())
}
