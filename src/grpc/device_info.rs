//! `DeviceInfoService`.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};

use super::{call::unary, convert::device_info as convert};
use crate::{
    domain::device_info::Normalizer,
    proto::v1::{
        DecodeDeviceInfoRequest, DecodeDeviceInfoResponse, EncodeDeviceInfoRequest, EncodeDeviceInfoResponse,
        HashIdentifierRequest, HashIdentifierResponse, NormalizeDeviceInfoRequest,
        NormalizeDeviceInfoResponse, device_info_service_server::DeviceInfoService,
    },
};

/// The tonic implementation of the service.
pub(super) struct DeviceInfoHandler {
    normalizer: Arc<Normalizer>,
}

impl DeviceInfoHandler {
    pub(super) fn new(normalizer: Arc<Normalizer>) -> Self {
        Self { normalizer }
    }
}

#[async_trait]
impl DeviceInfoService for DeviceInfoHandler {
    async fn normalize_device_info(
        &self,
        request: Request<NormalizeDeviceInfoRequest>,
    ) -> Result<Response<NormalizeDeviceInfoResponse>, Status> {
        let normalize = async |_, message| {
            let request = convert::normalize(message)?;
            let normalized = self.normalizer.normalize(Some(&request.device_info), &request.connection());
            Ok(NormalizeDeviceInfoResponse {
                encoded: normalized.encode(),
                normalized: Some(convert::normalized(normalized)),
                warnings: convert::warnings(request.warnings),
            })
        };
        unary(request, normalize).await
    }

    async fn encode_device_info(
        &self,
        request: Request<EncodeDeviceInfoRequest>,
    ) -> Result<Response<EncodeDeviceInfoResponse>, Status> {
        let encode = async |_, message| {
            let (device_info, warnings) = convert::encode(message)?;
            Ok(EncodeDeviceInfoResponse {
                x_device_info: device_info.encode(),
                warnings: convert::warnings(warnings),
            })
        };
        unary(request, encode).await
    }

    async fn decode_device_info(
        &self,
        request: Request<DecodeDeviceInfoRequest>,
    ) -> Result<Response<DecodeDeviceInfoResponse>, Status> {
        let decode = async |_, message| {
            let (device_info, warnings) = convert::decode(&message)?;
            Ok(DecodeDeviceInfoResponse {
                device_info: Some(convert::device_info(device_info)),
                warnings: convert::warnings(warnings),
            })
        };
        unary(request, decode).await
    }

    async fn hash_identifier(
        &self,
        request: Request<HashIdentifierRequest>,
    ) -> Result<Response<HashIdentifierResponse>, Status> {
        let hash = async |_, message: HashIdentifierRequest| {
            let algorithm = convert::hash(&message)?;
            Ok(HashIdentifierResponse { digest: algorithm.hex_digest(message.value.as_bytes()) })
        };
        unary(request, hash).await
    }
}
