//! Version 1 of the provider's REST API (reference, sections 2 and 3).

use std::net::IpAddr;

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderName, Method,
    header::{ACCEPT, USER_AGENT},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Upstream, device,
    failure::unreadable,
    http::{Answer, Call},
    json::{end_of_life, moment, text},
    session::CodeUnknown,
};
use crate::{
    backend::without_use,
    domain::{
        backend::{CodeBackend, Deletion, Issued, Presence, Sighting, Sign, TrialBackend, TrialSubject},
        call::CallContext,
        clock::Timestamp,
        code::upstream_code,
        device_info::{Connection, NormalizedDeviceInfo, Normalizer, Warning},
        error::{Error, Result},
        id::{DUMMY_DEVICE_ID, DeviceId, MvpdId},
        port::{Codes, Verdict},
        registration::{
            CodeKey, LegacyParameters, Registration, RegistrationRequest, Shadow, SourceApplication,
            UpstreamApi,
        },
        temp_pass::{ResetBy, ResetTarget, ResourceId, TempPassKey, TrialApplication, TrialView},
    },
};

const X_DEVICE_INFO: HeaderName = HeaderName::from_static("x-device-info");

/// How records of calls with an access token say that they were authorized (reference, section 2).
const OAUTH2: &str = "OAUTH2";

/// The backend over version 1.
pub(super) struct V1Backend(Upstream);

impl V1Backend {
    pub fn new(upstream: Upstream) -> Self {
        Self(upstream)
    }

    /// Makes a code for a device with this id.
    async fn create(
        &self,
        context: &CallContext,
        request: &RegistrationRequest,
        device_id: &str,
    ) -> Result<Registration> {
        let upstream = &self.0.inner;
        let path = format!("/reggie/v1/{}/regcode", request.place.requestor);
        let ttl = request.ttl.map(|ttl| ttl.as_duration().as_secs().to_string()).unwrap_or_default();
        let query = create_query(request, device_id, &ttl);
        let call =
            with_device(Call::new(Method::POST, path), request, &upstream.parts.normalizer).query(&query);
        let call = call.on_behalf_of(request.device_ip);
        let answer = upstream.session.send(context, call).await?;
        if !answer.status.is_success() {
            return Err(upstream.session.refusal(&answer, request.device_ip));
        }
        let connection = Connection::new(&request.user_agent, request.device_ip, request.device_port);
        let normalize = || upstream.parts.normalizer.normalize(request.device_info.as_ref(), &connection);
        let record = Record::read(&answer, upstream.parts.clock.now())?;
        Ok(Registration {
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
            shadow: shadow(request.device_ip),
        })
    }

    /// The two documented calls of a device without an id (reference, section 2). The first code is nobody's.
    async fn create_without_id(
        &self,
        context: &CallContext,
        mut request: RegistrationRequest,
    ) -> Result<Registration> {
        let first = self.create(context, &request, DUMMY_DEVICE_ID).await?;
        request.device_id = Some(DeviceId::assigned(first.id));
        let registration = self.create(context, &request, &first.id.to_string()).await;
        let (upstream, context) = (self.0.clone(), CallContext { deadline: None, ..context.clone() });
        let parts = &self.0.inner.parts;
        parts.tasks.spawn_on(
            async move {
                let deleted = V1Backend(upstream).delete_at(&context, &first.key(), address_of(&first)).await;
                if let Err(error) = deleted {
                    tracing::debug!(%error, "the first code of a device without an id lives until it expires");
                }
            },
            &parts.runtime,
        );
        Ok(Registration { device_id_assigned: true, ..registration? })
    }

    async fn ask(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<IpAddr>,
    ) -> Result<std::result::Result<Record, CodeUnknown>> {
        let call =
            Call::new(Method::GET, path_of(key)).header(ACCEPT, "application/json").on_behalf_of(address);
        match self.0.inner.session.ask(context, call).await? {
            Ok(answer) => Record::read(&answer, self.0.inner.parts.clock.now()).map(Ok),
            Err(unknown) => Ok(Err(unknown)),
        }
    }

    async fn delete_at(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<IpAddr>,
    ) -> Result<std::result::Result<Answer, CodeUnknown>> {
        let call =
            Call::new(Method::DELETE, path_of(key)).header(ACCEPT, "application/json").on_behalf_of(address);
        self.0.inner.session.ask(context, call).await
    }

    fn found(key: &CodeKey, record: Record, address: Option<IpAddr>) -> Registration {
        Registration {
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
            shadow: shadow(address),
        }
    }
}

#[async_trait]
impl CodeBackend for V1Backend {
    async fn issue(&self, context: &CallContext, mut request: RegistrationRequest) -> Result<Issued> {
        let mut warnings: Vec<Warning> = std::mem::take(&mut request.warnings);
        warnings.extend(without_use(&request, "version 1 of the upstream has no use for it"));
        let registration = match &request.device_id {
            Some(device_id) => self.create(context, &request, device_id.as_str()).await?,
            // The device itself makes the second call.
            None if request.asks_for_id => self.create(context, &request, DUMMY_DEVICE_ID).await?,
            None => self.create_without_id(context, request).await?,
        };
        self.0.inner.parts.codes.keep(&registration).await?;
        Ok(Issued { registration, warnings })
    }

    async fn read(&self, context: &CallContext, record: Registration) -> Result<Presence> {
        let (key, address) = (record.key(), address_of(&record));
        let theirs = match self.ask(context, &key, address).await? {
            Ok(theirs) => theirs,
            // One look may have gone astray: it is no tombstone.
            Err(unknown) => return Ok(Presence::Gone(Some(unknown))),
        };
        if theirs.id == record.id {
            let mvpd = theirs.mvpd.or(record.mvpd);
            return Ok(Presence::Live(Box::new(Registration { mvpd, ..record })));
        }
        // Its code is another device's by now.
        let registration = Self::found(&key, theirs, None);
        self.0.inner.parts.codes.adopt(&registration).await?;
        Ok(Presence::Live(Box::new(registration)))
    }

    async fn find(&self, context: &CallContext, key: &CodeKey, address: Option<IpAddr>) -> Result<Sighting> {
        Ok(match self.ask(context, key, address).await? {
            Ok(record) => Sighting::Whole(Box::new(Self::found(key, record, address))),
            Err(unknown) => Sighting::Nothing(Some(unknown)),
        })
    }

    async fn delete(&self, context: &CallContext, record: &Registration) -> Result<Deletion> {
        let key = record.key();
        if let Err(unknown) = self.delete_at(context, &key, address_of(record)).await? {
            return Ok(Deletion::NotFound(Some(unknown)));
        }
        let released = self.0.inner.parts.codes.release(&key, record.id).await?;
        Ok(if released {
            Deletion::Released { upstream_deleted: Some(true) }
        } else {
            Deletion::NotFound(None)
        })
    }

    async fn delete_unknown(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<IpAddr>,
    ) -> Result<Deletion> {
        Ok(match self.delete_at(context, key, address).await? {
            Ok(_) => Deletion::Released { upstream_deleted: Some(true) },
            Err(unknown) => Deletion::NotFound(Some(unknown)),
        })
    }

    async fn look(&self, record: &Registration) -> Option<Result<Sign>> {
        let asked = self.ask(&CallContext::default(), &record.key(), address_of(record)).await;
        Some(asked.map(|theirs| match theirs {
            Ok(theirs) if theirs.id == record.id => Sign::Pending,
            Ok(_) => Sign::LoggedIn,
            Err(_) => Sign::Missing,
        }))
    }
}

#[async_trait]
impl TrialBackend for V1Backend {
    async fn authorize(
        &self,
        _: &CallContext,
        _: TrialSubject,
        _: ResourceId,
        _: TrialApplication,
    ) -> Result<Verdict> {
        Err(unsupported())
    }

    async fn get(&self, _: &CallContext, _: &TrialSubject) -> Result<TrialView> {
        Err(unsupported())
    }

    async fn reset(
        &self,
        context: &CallContext,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        by: ResetBy,
        application: &TrialApplication,
    ) -> Result<Option<u64>> {
        self.0.inner.reset(context, temp_pass, target, by, application).await.map(|()| None)
    }
}

fn unsupported() -> Error {
    Error::Unsupported(
        "version 1 of the upstream authorizes TempPasses by its own players only; v2 has an operation for it"
            .to_owned(),
    )
}

fn shadow(device_ip: Option<IpAddr>) -> Option<Shadow> {
    Some(Shadow { api: UpstreamApi::V1, device_ip, unissued: false })
}

fn address_of(record: &Registration) -> Option<IpAddr> {
    record.shadow.as_ref().and_then(|shadow| shadow.device_ip)
}

fn path_of(key: &CodeKey) -> String {
    format!("/reggie/v1/{}/regcode/{}", key.requestor, key.code.as_str())
}

fn with_device(call: Call, request: &RegistrationRequest, normalizer: &Normalizer) -> Call {
    call.header(ACCEPT, "application/json")
        .header(USER_AGENT, &request.user_agent)
        .header(X_DEVICE_INFO, &device::wire_form(request, normalizer))
}

fn create_query<'a>(
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

/// A record as the provider sends it.
struct Record {
    id: Uuid,
    code: crate::domain::code::Code,
    mvpd: Option<MvpdId>,
    create_time: Timestamp,
    expire_time: Timestamp,
    device_id: Option<DeviceId>,
    device_info: Option<NormalizedDeviceInfo>,
    authorization_type: String,
    source_application: Option<SourceApplication>,
    legacy: LegacyParameters,
}

impl Record {
    fn read(answer: &Answer, now: Timestamp) -> Result<Self> {
        let body: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| unreadable(answer, "its answer is not the JSON that was asked for"))?;
        let missing = |problem| unreadable(answer, problem);
        let id = text(&body, "id").ok_or_else(|| missing("its answer holds no id"))?;
        let code = text(&body, "code").ok_or_else(|| missing("its answer holds no code"))?;
        let expire_time = moment(&body, "expires")
            .ok_or_else(|| missing("its answer does not say when the code expires"))
            .and_then(|end| end_of_life(end, now).map_err(missing))?;
        let null = Value::Null;
        let info = body.get("info").unwrap_or(&null);
        let field = |key: &str| text(info, key).unwrap_or_default();
        Ok(Self {
            id: id_of(&id),
            code: upstream_code(&code).ok_or_else(|| missing("its answer's code is none"))?,
            mvpd: text(&body, "mvpd").and_then(|text| MvpdId::parse("mvpd", &text).ok()),
            create_time: moment(&body, "generated").unwrap_or(now),
            expire_time,
            device_id: decoded(info, "deviceId").and_then(|text| DeviceId::parse("deviceId", &text).ok()),
            device_info: decoded(info, "deviceInfo").and_then(|text| device::normalized_from(&text)),
            authorization_type: text(info, "authorizationType").unwrap_or_else(|| OAUTH2.to_owned()),
            source_application: info.get("sourceApplicationInformation").map(|application| {
                SourceApplication {
                    id: text(application, "id").unwrap_or_default(),
                    name: text(application, "name").unwrap_or_default(),
                    version: text(application, "version").unwrap_or_default(),
                }
            }),
            legacy: LegacyParameters {
                device_type: field("deviceType"),
                device_user: field("deviceUser"),
                app_id: field("appId"),
                app_version: field("appVersion"),
                registration_url: field("registrationURL"),
            },
        })
    }
}

/// The UUID that a text is, or the one that always is made of it.
pub(super) fn id_of(text: &str) -> Uuid {
    Uuid::try_parse(text).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()))
}

fn decoded(object: &Value, key: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(text(object, key)?).ok()?).ok()
}
