//! `TempPassService`.

use futures_util::StreamExt;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{
    call::{origin_of, unary},
    convert::temp_pass as convert,
    status::error_of,
    stream::{EmptyStream, streaming},
};
use crate::{
    proto::v1::{
        AuthorizeTempPassRequest, AuthorizeTempPassResponse, BatchResetTempPassRequest,
        BatchResetTempPassResponse, GetTempPassRequest, GetTempPassResponse, ResetFlexibleTempPassRequest,
        ResetFlexibleTempPassResponse, ResetTempPassRequest, ResetTempPassResponse,
        temp_pass_service_server::TempPassService,
    },
    service::TempPassService as UseCases,
};

/// The tonic implementation of the service.
pub(super) struct TempPassHandler {
    service: UseCases,
}

impl TempPassHandler {
    pub(super) fn new(service: UseCases) -> Self {
        Self { service }
    }
}

#[async_trait]
impl TempPassService for TempPassHandler {
    async fn reset_temp_pass(
        &self,
        request: Request<ResetTempPassRequest>,
    ) -> Result<Response<ResetTempPassResponse>, Status> {
        let origin = origin_of(&request);
        let reset = async |caller, message| {
            let request = convert::reset(message, &self.service.policy().load())?;
            let reset_count = self.service.reset(&caller, &origin, request).await?;
            Ok(ResetTempPassResponse { reset_count })
        };
        unary(request, reset).await
    }

    async fn reset_flexible_temp_pass(
        &self,
        request: Request<ResetFlexibleTempPassRequest>,
    ) -> Result<Response<ResetFlexibleTempPassResponse>, Status> {
        let origin = origin_of(&request);
        let reset = async |caller, message| {
            let request = convert::reset_flexible(message, &self.service.policy().load())?;
            let reset_count = self.service.reset(&caller, &origin, request).await?;
            Ok(ResetFlexibleTempPassResponse { reset_count })
        };
        unary(request, reset).await
    }

    type BatchResetTempPassStream = EmptyStream<BatchResetTempPassResponse>;

    async fn batch_reset_temp_pass(
        &self,
        request: Request<Streaming<BatchResetTempPassRequest>>,
    ) -> Result<Response<Self::BatchResetTempPassStream>, Status> {
        let origin = origin_of(&request);
        let reset_each = async |caller, messages: Streaming<BatchResetTempPassRequest>| {
            let policy = self.service.policy().clone();
            let items = messages.map(move |message| match message {
                Ok(message) => Ok(convert::batch_item(message, &policy.load())),
                Err(status) => Err(error_of(&status)),
            });
            self.service.reset_each(caller, origin, items.boxed())
        };
        streaming(request, reset_each, convert::batch_answer).await
    }

    async fn authorize_temp_pass(
        &self,
        request: Request<AuthorizeTempPassRequest>,
    ) -> Result<Response<AuthorizeTempPassResponse>, Status> {
        let authorize = async |caller, message| {
            let request = convert::authorize(message, &self.service.policy().load())?;
            self.service.authorize(&caller, request).await.map(convert::authorized)
        };
        unary(request, authorize).await
    }

    async fn get_temp_pass(
        &self,
        request: Request<GetTempPassRequest>,
    ) -> Result<Response<GetTempPassResponse>, Status> {
        let get = async |caller, message| {
            let request = convert::get(message, &self.service.policy().load())?;
            let trial = self.service.get(&caller, request).await?;
            Ok(GetTempPassResponse { temp_pass: Some(convert::temp_pass(trial)) })
        };
        unary(request, get).await
    }
}
