//! `RegistrationCodeService`.

use tonic::{Request, Response, Status, async_trait};

use super::{
    call::unary,
    convert::registration as convert,
    stream::{EmptyStream, streaming},
};
use crate::{
    proto::v1::{
        CreateRegistrationCodeRequest, CreateRegistrationCodeResponse, DeleteRegistrationCodeRequest,
        DeleteRegistrationCodeResponse, GetRegistrationCodeRequest, GetRegistrationCodeResponse,
        WatchRegistrationCodeRequest, WatchRegistrationCodeResponse,
        registration_code_service_server::RegistrationCodeService,
    },
    service::RegistrationService,
};

/// The tonic implementation of the service.
pub(super) struct RegistrationCodeHandler {
    service: RegistrationService,
}

impl RegistrationCodeHandler {
    pub(super) fn new(service: RegistrationService) -> Self {
        Self { service }
    }
}

#[async_trait]
impl RegistrationCodeService for RegistrationCodeHandler {
    async fn create_registration_code(
        &self,
        request: Request<CreateRegistrationCodeRequest>,
    ) -> Result<Response<CreateRegistrationCodeResponse>, Status> {
        let create = async |caller, message| {
            let (request, repeat) = convert::create(message, &self.service.policy().load())?;
            self.service.create(&caller, request, repeat).await.map(convert::created)
        };
        unary(request, create).await
    }

    async fn get_registration_code(
        &self,
        request: Request<GetRegistrationCodeRequest>,
    ) -> Result<Response<GetRegistrationCodeResponse>, Status> {
        let get = async |caller, message| {
            let lookup = convert::get(&message, &self.service.policy().load())?;
            let view = self.service.get(&caller, &lookup).await?;
            Ok(GetRegistrationCodeResponse { registration_code: Some(convert::registration_code(view)) })
        };
        unary(request, get).await
    }

    async fn delete_registration_code(
        &self,
        request: Request<DeleteRegistrationCodeRequest>,
    ) -> Result<Response<DeleteRegistrationCodeResponse>, Status> {
        let delete = async |caller, message| {
            let lookup = convert::delete(&message, &self.service.policy().load())?;
            let upstream_deleted = self.service.delete(&caller, &lookup).await?;
            Ok(DeleteRegistrationCodeResponse { upstream_deleted })
        };
        unary(request, delete).await
    }

    type WatchRegistrationCodeStream = EmptyStream<WatchRegistrationCodeResponse>;

    async fn watch_registration_code(
        &self,
        request: Request<WatchRegistrationCodeRequest>,
    ) -> Result<Response<Self::WatchRegistrationCodeStream>, Status> {
        let watch = async |caller, message| {
            let request = convert::watch(&message, &self.service.policy().load())?;
            self.service.watch(&caller, request).await
        };
        streaming(request, watch, convert::watch_event).await
    }
}
