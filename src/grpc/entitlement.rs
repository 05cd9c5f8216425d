//! `EntitlementService`.

use tonic::{Request, Response, Status, async_trait};

use super::{call::unary, convert::entitlement as convert};
use crate::{
    proto::v1::{
        AuthorizeRequest, AuthorizeResponse, GetProfileRequest, GetProfileResponse, GetUserMetadataRequest,
        GetUserMetadataResponse, ListMvpdsRequest, ListMvpdsResponse, LogoutRequest, LogoutResponse,
        PreauthorizeRequest, PreauthorizeResponse, StartLoginRequest, StartLoginResponse,
        entitlement_service_server::EntitlementService,
    },
    service::EntitlementService as UseCases,
};

/// The tonic implementation of the service.
pub(super) struct EntitlementHandler {
    service: UseCases,
}

impl EntitlementHandler {
    pub(super) fn new(service: UseCases) -> Self {
        Self { service }
    }
}

#[async_trait]
impl EntitlementService for EntitlementHandler {
    async fn list_mvpds(
        &self,
        request: Request<ListMvpdsRequest>,
    ) -> Result<Response<ListMvpdsResponse>, Status> {
        let list = async |caller, message| {
            let place = convert::list(&message, &self.service.policy().load())?;
            let configuration = self.service.configuration(&caller, &place).await?;
            Ok(ListMvpdsResponse { mvpds: configuration.mvpds.iter().map(convert::mvpd).collect() })
        };
        unary(request, list).await
    }

    async fn start_login(
        &self,
        request: Request<StartLoginRequest>,
    ) -> Result<Response<StartLoginResponse>, Status> {
        let start = async |caller, message| {
            let request = convert::start_login(message, &self.service.policy().load())?;
            self.service.start_login(&caller, request).await.and_then(convert::started)
        };
        unary(request, start).await
    }

    async fn get_profile(
        &self,
        request: Request<GetProfileRequest>,
    ) -> Result<Response<GetProfileResponse>, Status> {
        let get = async |caller, message| {
            let login = convert::get_profile(message, &self.service.policy().load())?;
            let profile = self.service.get_profile(&caller, login).await?;
            Ok(GetProfileResponse { profile: Some(convert::profile(profile)) })
        };
        unary(request, get).await
    }

    async fn authorize(
        &self,
        request: Request<AuthorizeRequest>,
    ) -> Result<Response<AuthorizeResponse>, Status> {
        let authorize = async |caller, message| {
            let request = convert::authorize(message, &self.service.policy().load())?;
            Box::pin(self.service.authorize(&caller, request)).await.map(convert::authorized)
        };
        unary(request, authorize).await
    }

    async fn preauthorize(
        &self,
        request: Request<PreauthorizeRequest>,
    ) -> Result<Response<PreauthorizeResponse>, Status> {
        let preauthorize = async |caller, message| {
            let request = convert::preauthorize(message, &self.service.policy().load())?;
            Box::pin(self.service.preauthorize(&caller, request)).await.map(convert::preauthorized)
        };
        unary(request, preauthorize).await
    }

    async fn get_user_metadata(
        &self,
        request: Request<GetUserMetadataRequest>,
    ) -> Result<Response<GetUserMetadataResponse>, Status> {
        let get = async |caller, message| {
            let login = convert::get_user_metadata(message, &self.service.policy().load())?;
            self.service.user_metadata(&caller, login).await.map(convert::user_metadata)
        };
        unary(request, get).await
    }

    async fn logout(&self, request: Request<LogoutRequest>) -> Result<Response<LogoutResponse>, Status> {
        let log_out = async |caller, message| {
            let device = convert::logout(message, &self.service.policy().load())?;
            Box::pin(self.service.log_out(&caller, device)).await.map(convert::logged_out)
        };
        unary(request, log_out).await
    }
}
