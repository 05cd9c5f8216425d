//! Version 1 of the provider's REST API (reference, sections 2 and 3).

mod record;

use async_trait::async_trait;
use http::{
    Method,
    header::{ACCEPT, USER_AGENT},
};
use serde_json::Value;

use record::ProviderRecord;

use super::{
    Upstream,
    call::{ProviderCall, ProviderOrigin, ProviderResponse, TokenScope, X_DEVICE_INFO},
    device,
};
use crate::{
    backend::unused_field_warnings,
    domain::{
        address::Address,
        backend::{
            Backend, CodeBackend, CodePresence, Deletion, Issuance, IssuedCode, IssuerRecord, ResetBackend,
            ResponseRecorder, UpstreamCodeStatus,
        },
        call::CallContext,
        device_info::{Normalizer, ObservedConnection, Warning},
        error::Result,
        id::{DUMMY_DEVICE_ID, DeviceId},
        port::Codes,
        registration_code::{
            CodeKey, LegacyParameters, RegistrationCode, RegistrationRequest, Shadow, ShadowStanding,
            UpstreamApi,
        },
    },
};

/// The maximum size of parameters in a query, in bytes. Larger ones are sent as a form, which the documents allow too.
/// Many servers accept 8 KiB of request line and headers together, and a device id alone may have 2048 bytes, which
/// percent-encoding triples.
const QUERY_MAX: usize = 1_024;

/// The backend that uses version 1.
pub(super) struct V1Backend(Upstream);

impl V1Backend {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self(upstream)
    }

    /// Creates a code for a device with this id.
    async fn create(
        &self,
        context: &CallContext,
        request: &RegistrationRequest,
        device_id: &str,
    ) -> Result<RegistrationCode> {
        let upstream = &self.0.inner;
        let path = format!("/reggie/v1/{}/regcode", request.place.requestor);
        let scope = TokenScope::of(ProviderOrigin::Api, &request.place.requestor);
        let ttl = request.ttl.map(|ttl| ttl.as_duration().as_secs().to_string()).unwrap_or_default();
        let parameters = create_parameters(request, device_id, &ttl);
        let call = with_device(ProviderCall::new(Method::POST, path), request, &upstream.parts.normalizer);
        let call = with_parameters(call, &parameters);
        let call = ProviderCall { scope, ..call.on_behalf_of(request.device_ip) };
        let answer = upstream.session.send(context, call).await?;
        if !answer.status.is_success() {
            return Err(upstream.session.refusal(&answer, request.device_ip).await);
        }
        let connection = ObservedConnection::new(&request.user_agent, request.device_ip, request.device_port);
        let normalize = || upstream.parts.normalizer.normalize(request.device_info.as_ref(), &connection);
        let record = ProviderRecord::read(&answer, upstream.parts.clock.now())?;
        Ok(RegistrationCode {
            id: record.id,
            code: record.code,
            requestor: request.place.requestor.clone(),
            environment: request.place.environment.clone(),
            mvpd: record.mvpd.or_else(|| request.mvpd.clone()),
            create_time: record.create_time,
            expire_time: record.expire_time,
            device_id_assigned: request.device_id.is_none(),
            device_id: request.device_id.clone().unwrap_or_else(|| DeviceId::assigned(record.id)),
            device_info: record.device_info.unwrap_or_else(normalize),
            authorization_type: record.authorization_type,
            source_application: record.source_application.or_else(|| request.source_application.clone()),
            legacy: request.legacy.clone(),
            shadow: shadow(request.device_ip, record.device_info_text),
        })
    }

    /// Makes the two documented calls of a device without an id (reference, section 2). The first code is deleted unused.
    async fn create_without_id(
        &self,
        context: &CallContext,
        mut request: Box<RegistrationRequest>,
    ) -> Result<RegistrationCode> {
        let first = self.create(context, &request, DUMMY_DEVICE_ID).await?;
        request.device_id = Some(DeviceId::assigned(first.id));
        let registration = self.create(context, &request, &first.id.to_string()).await;
        let (upstream, context) = (self.0.clone(), CallContext { deadline: None, ..context.clone() });
        let parts = &self.0.inner.parts;
        parts.tasks.spawn(async move {
            let deleted =
                V1Backend(upstream).delete_at(&context, &first.key(), first.upstream_address()).await;
            if let Err(error) = deleted {
                tracing::debug!(%error, "cannot delete the first code of a device without an id, it lives until it expires");
            }
        });
        Ok(RegistrationCode { device_id_assigned: true, ..registration? })
    }

    async fn ask(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<Address>,
    ) -> Result<Option<ProviderRecord>> {
        let call = call_about(Method::GET, key, address);
        match self.0.inner.session.ask(context, call).await? {
            Some(answer) => ProviderRecord::read(&answer, self.0.inner.parts.clock.now()).map(Some),
            None => Ok(None),
        }
    }

    async fn delete_at(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<Address>,
    ) -> Result<Option<ProviderResponse>> {
        let call = call_about(Method::DELETE, key, address);
        self.0.inner.session.ask(context, call).await
    }

    fn found(key: &CodeKey, record: ProviderRecord, address: Option<Address>) -> RegistrationCode {
        RegistrationCode {
            id: record.id,
            code: key.code.clone(),
            requestor: key.requestor.clone(),
            environment: key.environment.clone(),
            mvpd: record.mvpd,
            create_time: record.create_time,
            expire_time: record.expire_time,
            device_id_assigned: false,
            device_id: record.device_id.unwrap_or_else(|| DeviceId::assigned(record.id)),
            device_info: record.device_info.unwrap_or_else(|| device::normalized(&Value::Null)),
            authorization_type: record.authorization_type,
            source_application: record.source_application,
            legacy: record.legacy,
            shadow: shadow(address, record.device_info_text),
        }
    }
}

impl Backend for V1Backend {
    fn codes(&self) -> &dyn CodeBackend {
        self
    }

    fn resets(&self) -> &dyn ResetBackend {
        &self.0
    }
}

#[async_trait]
impl CodeBackend for V1Backend {
    async fn issue(
        &self,
        context: &CallContext,
        mut request: Box<RegistrationRequest>,
        _: Option<&dyn ResponseRecorder>,
    ) -> Result<Issuance> {
        let mut warnings: Vec<Warning> = std::mem::take(&mut request.warnings);
        warnings.extend(unused_field_warnings(&request, "version 1 of the upstream does not use it"));
        let registration = match &request.device_id {
            Some(device_id) => self.create(context, &request, device_id.as_str()).await?,
            // The device makes the second call itself.
            None if request.asks_for_id => self.create(context, &request, DUMMY_DEVICE_ID).await?,
            None => self.create_without_id(context, request).await?,
        };
        self.0.inner.parts.codes.add(&registration).await?;
        let registration = Box::new(registration);
        Ok(Issuance::Issued(IssuedCode { registration, warnings, is_kept: false }))
    }

    async fn read(&self, context: &CallContext, record: RegistrationCode) -> Result<CodePresence> {
        let (key, address) = (record.key(), record.upstream_address());
        // A single not-found response may be a fault, so it creates no tombstone.
        let Some(current) = self.ask(context, &key, address).await? else { return Ok(CodePresence::Gone) };
        if current.id == record.id {
            let mvpd = current.mvpd.or(record.mvpd);
            return Ok(CodePresence::Live(Box::new(RegistrationCode { mvpd, ..record })));
        }
        // The provider has reissued the code to another device.
        let registration = Self::found(&key, current, None);
        self.0.inner.parts.codes.adopt(&registration).await?;
        Ok(CodePresence::Live(Box::new(registration)))
    }

    async fn find(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<Address>,
    ) -> Result<IssuerRecord> {
        Ok(match self.ask(context, key, address).await? {
            Some(record) => IssuerRecord::Whole(Box::new(Self::found(key, record, address))),
            None => IssuerRecord::Nothing,
        })
    }

    async fn delete(&self, context: &CallContext, record: &RegistrationCode) -> Result<Deletion> {
        let key = record.key();
        if self.delete_at(context, &key, record.upstream_address()).await?.is_none() {
            return Ok(Deletion::NotFound);
        }
        let released = self.0.inner.parts.codes.release(&key, record.id).await?;
        Ok(if released { Deletion::Released { upstream_deleted: Some(true) } } else { Deletion::NotFound })
    }

    async fn delete_unknown(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<Address>,
    ) -> Result<Deletion> {
        Ok(match self.delete_at(context, key, address).await? {
            Some(_) => Deletion::Released { upstream_deleted: Some(true) },
            None => Deletion::NotFound,
        })
    }

    async fn poll(&self, record: &RegistrationCode) -> Option<Result<UpstreamCodeStatus>> {
        let _permit = self.0.inner.polls.acquire().await;
        let result = self.ask(&CallContext::default(), &record.key(), record.upstream_address()).await;
        Some(result.map(|current| match current {
            Some(current) if current.id == record.id => UpstreamCodeStatus::Pending,
            Some(_) => UpstreamCodeStatus::LoggedIn,
            None => UpstreamCodeStatus::Missing,
        }))
    }
}

fn shadow(device_ip: Option<Address>, device_info: Option<String>) -> Option<Shadow> {
    Some(Shadow { api: UpstreamApi::V1, device_ip, device_info, standing: ShadowStanding::Issued })
}

fn call_about(method: Method, key: &CodeKey, address: Option<Address>) -> ProviderCall {
    let path = format!("/reggie/v1/{}/regcode/{}", key.requestor, key.code.as_str());
    let call = ProviderCall::new(method, path).header(ACCEPT, "application/json").on_behalf_of(address);
    ProviderCall { scope: TokenScope::of(ProviderOrigin::Api, &key.requestor), ..call }
}

fn with_device(call: ProviderCall, request: &RegistrationRequest, normalizer: &Normalizer) -> ProviderCall {
    call.header(ACCEPT, "application/json")
        .header(USER_AGENT, &request.user_agent)
        .header(X_DEVICE_INFO, &device::wire_form(request, normalizer))
}

fn create_parameters<'a>(
    request: &'a RegistrationRequest,
    device_id: &'a str,
    ttl: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let LegacyParameters { device_type, device_user, app_id, app_version, registration_url } =
        &request.legacy;
    let mvpd = request.mvpd.as_ref().map_or("", |mvpd| mvpd.as_str());
    let optional = [
        ("mvpd", mvpd),
        ("ttl", ttl),
        ("deviceType", device_type),
        ("deviceUser", device_user),
        ("appId", app_id),
        ("appVersion", app_version),
        ("registrationURL", registration_url),
    ];
    let filled = optional.into_iter().filter(|(_, value)| !value.is_empty());
    std::iter::once(("deviceId", device_id)).chain(filled).collect()
}

/// Adds parameters to the query, as most clients send them, unless the URL may become too long for a server on the way.
fn with_parameters(call: ProviderCall, parameters: &[(&str, &str)]) -> ProviderCall {
    let length: usize = parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
    if length > QUERY_MAX { call.form(parameters) } else { call.query(parameters) }
}
