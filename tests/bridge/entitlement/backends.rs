//! Backends without logins.

use passbridge::{config::BackendKind, proto::v1::entitlement_service_client::EntitlementServiceClient};
use tonic::Code;

use super::{authorize, get, list, logout, metadata, preauthorize, start};
use crate::support::{Bridge, status::refused};

#[tokio::test]
async fn v1_and_the_local_backend_have_no_logins() {
    for backend in [BackendKind::Local, BackendKind::V1] {
        let bridge = Bridge::over(backend).await;
        let mut client = EntitlementServiceClient::new(bridge.server.channel());
        let reason = "UNSUPPORTED_OPERATION";
        refused(client.list_mvpds(list()).await, Code::Unimplemented, reason);
        refused(client.start_login(start("BCDFGHJ", "Cablevision")).await, Code::Unimplemented, reason);
        refused(client.get_profile(get("")).await, Code::Unimplemented, reason);
        refused(client.authorize(authorize("", "news")).await, Code::Unimplemented, reason);
        refused(client.preauthorize(preauthorize("", &["news"])).await, Code::Unimplemented, reason);
        refused(client.get_user_metadata(metadata()).await, Code::Unimplemented, reason);
        let status = refused(client.logout(logout()).await, Code::Unimplemented, reason);
        assert!(status.message().contains("version 2"), "{status:?}");
    }
}
