//! `grpc.health.v1`: the server as a whole (the empty name) and each service.

use tonic::server::NamedService;
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
    server::HealthReporter,
};

use super::{device_info, registration_code};
use crate::proto::v1::{
    device_info_service_server::DeviceInfoServiceServer,
    registration_code_service_server::RegistrationCodeServiceServer,
};

/// What needs the store to work, by name; the empty name is the server.
const OVER_STORE: [&str; 2] = ["", RegistrationCodeServiceServer::<registration_code::Face>::NAME];
const WITHOUT_STORE: [&str; 1] = [DeviceInfoServiceServer::<device_info::Face>::NAME];

/// Where the server says how it is. Cheap to clone.
#[derive(Clone)]
pub struct HealthBoard {
    reporter: HealthReporter,
}

impl Default for HealthBoard {
    fn default() -> Self {
        Self { reporter: HealthReporter::new() }
    }
}

impl std::fmt::Debug for HealthBoard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HealthBoard").finish_non_exhaustive()
    }
}

impl HealthBoard {
    /// Says whether the store works. Device information needs none.
    pub async fn report_store(&self, works: bool) {
        let over_store = if works { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in OVER_STORE {
            self.reporter.set_service_status(name, over_store).await;
        }
        for name in WITHOUT_STORE {
            self.reporter.set_service_status(name, ServingStatus::Serving).await;
        }
    }

    /// Says whether the upstream of an environment is called, or being spared: `upstream/` and the environment's name.
    pub async fn report_upstream(&self, environment: &str, works: bool) {
        let status = if works { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status(format!("upstream/{environment}"), status).await;
    }

    /// Says that the server is about to end.
    pub async fn report_draining(&self) {
        for name in OVER_STORE.into_iter().chain(WITHOUT_STORE) {
            self.reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
    }

    pub(super) fn into_service(self) -> HealthServer<impl Health> {
        HealthServer::new(tonic_health::server::HealthService::from_health_reporter(self.reporter))
    }
}
