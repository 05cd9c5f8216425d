//! Registration codes: what v1 calls so is the code of an authentication session here.

use async_trait::async_trait;
use http::Method;
use serde_json::Value;

use super::{Device, V2Backend, call, object, with_device};
use crate::{
    backend::{
        draw::Draw,
        upstream::{
            call::Answer,
            device,
            failure::unreadable,
            json::{end_of_life, id_of, moment, text},
        },
    },
    domain::{
        address::Address,
        backend::{CodeBackend, Deletion, Issuance, Issued, Keep, Presence, Sighting, Sign},
        call::CallContext,
        clock::Timestamp,
        code::{Code, upstream_code},
        device_info::{Connection, Warning},
        error::{Error, Result},
        id::{DeviceId, MvpdId},
        port::Codes,
        registration::{CodeKey, LegacyParameters, Registration, RegistrationRequest, Shadow, UpstreamApi},
    },
};

/// A session as the provider tells of it.
struct Opened {
    id: String,
    code: Code,
    mvpd: Option<MvpdId>,
    create_time: Timestamp,
    expire_time: Timestamp,
}

impl V2Backend {
    async fn open_session(
        &self,
        context: &CallContext,
        request: &RegistrationRequest,
        device: &Device<'_>,
    ) -> Result<Opened> {
        let mvpd = request.mvpd.as_ref().map_or("", |mvpd| mvpd.as_str());
        let optional = [
            ("mvpd", mvpd),
            ("domainName", request.domain_name.as_str()),
            ("redirectUrl", &request.redirect_url),
        ];
        let pairs: Vec<_> = optional.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let call = with_device(call(Method::POST, &request.place.requestor, "sessions").form(&pairs), device);
        let answer = self.send(context, call).await?;
        let body = object(&answer)?;
        let theirs = mvpd_of(&body);
        let Some(code) = text(&body, "code") else {
            // Nothing is left to log in to.
            if text(&body, "actionName").as_deref() == Some("authorize") {
                let mvpd = theirs.or_else(|| request.mvpd.clone());
                return Err(Error::AlreadyAuthenticated {
                    mvpd: mvpd.map(|mvpd| mvpd.to_string()).unwrap_or_default(),
                });
            }
            return Err(unreadable(&answer, "its answer holds no code"));
        };
        let now = self.0.inner.parts.clock.now();
        Ok(Opened {
            id: text(&body, "sessionId")
                .ok_or_else(|| unreadable(&answer, "its answer holds no sessionId"))?,
            code: upstream_code(&code).ok_or_else(|| unreadable(&answer, "its answer's code is none"))?,
            mvpd: theirs.or_else(|| request.mvpd.clone()),
            create_time: moment(&body, "notBefore").unwrap_or(now),
            expire_time: end(&answer, &body, now)?,
        })
    }

    /// A code that the provider never hears of: with it a device without an id gets one, and comes again.
    async fn answer_with_id(
        &self,
        request: RegistrationRequest,
        warnings: Vec<Warning>,
        keep: Option<&dyn Keep>,
    ) -> Result<Issuance> {
        let parts = &self.0.inner.parts;
        let (now, id) = (parts.clock.now(), parts.randomness.uuid()?);
        let session = Opened {
            id: id.to_string(),
            code: Code::from_canonical(""),
            mvpd: request.mvpd.clone(),
            create_time: now,
            expire_time: now + request.ttl.unwrap_or_default().as_duration(),
        };
        let mut registration = self.registration(request, session, DeviceId::assigned(id), true);
        if let Some(shadow) = &mut registration.shadow {
            shadow.unissued = true;
        }
        let draw = Draw {
            codes: &*parts.codes,
            format: &parts.code_format,
            randomness: &*parts.randomness,
            max_live: parts.max_live_codes,
        };
        draw.issue(registration, warnings, keep, now).await
    }

    fn registration(
        &self,
        request: RegistrationRequest,
        session: Opened,
        device_id: DeviceId,
        device_id_assigned: bool,
    ) -> Registration {
        let connection = Connection::new(&request.user_agent, request.device_ip, request.device_port);
        let device_info = self.0.inner.parts.normalizer.normalize(request.device_info.as_ref(), &connection);
        Registration {
            id: id_of(&session.id),
            code: session.code,
            requestor: request.place.requestor,
            environment: request.place.environment,
            mvpd: session.mvpd,
            create_time: session.create_time,
            expire_time: session.expire_time,
            device_id,
            device_id_assigned,
            device_info,
            authorization_type: request.authorization_type,
            source_application: request.source_application,
            legacy: request.legacy,
            shadow: Some(shadow(request.device_ip)),
        }
    }

    /// The session's state, or nothing where the provider does not know the code.
    async fn state(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<Address>,
    ) -> Result<Option<(Answer, Value)>> {
        let path = format!("sessions/{}", key.code.as_str());
        let call = call(Method::GET, &key.requestor, &path).on_behalf_of(address);
        match self.0.inner.session.ask(context, call).await? {
            Some(answer) => object(&answer).map(|body| Some((answer, body))),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl CodeBackend for V2Backend {
    async fn issue(
        &self,
        context: &CallContext,
        mut request: RegistrationRequest,
        keep: Option<&dyn Keep>,
    ) -> Result<Issuance> {
        let mut warnings = std::mem::take(&mut request.warnings);
        warnings.extend(without_use(&request.legacy));
        if request.asks_for_id {
            return self.answer_with_id(request, warnings, keep).await;
        }
        let parts = &self.0.inner.parts;
        let (device_id, is_assigned) = match request.device_id.take() {
            Some(device_id) => (device_id, false),
            None => (DeviceId::assigned(parts.randomness.uuid()?), true),
        };
        let info = device::wire_form(&request, &parts.normalizer);
        let device =
            Device { id: &device_id, info, user_agent: &request.user_agent, address: request.device_ip };
        let session = self.open_session(context, &request, &device).await?;
        let given = session.expire_time.since(session.create_time);
        if let Some(wished) = request.ttl.map(|ttl| ttl.as_duration())
            && wished.abs_diff(given) >= std::time::Duration::from_secs(1)
        {
            warnings.push(Warning::ttl_not_honoured(wished, given));
        }
        let registration = self.registration(request, session, device_id, is_assigned);
        parts.codes.keep(&registration).await?;
        Ok(Issuance::Issued(Box::new(Issued { registration, warnings, is_kept: false })))
    }

    async fn read(&self, context: &CallContext, record: Registration) -> Result<Presence> {
        if is_unissued(&record) {
            return Ok(Presence::Live(Box::new(record)));
        }
        let key = record.key();
        // One look may have gone astray: it is no tombstone.
        let Some((_, body)) = self.state(context, &key, record.upstream_address()).await? else {
            return Ok(Presence::Gone);
        };
        Ok(Presence::Live(Box::new(Registration { mvpd: chosen_mvpd(&body).or(record.mvpd), ..record })))
    }

    async fn find(&self, context: &CallContext, key: &CodeKey, address: Option<Address>) -> Result<Sighting> {
        let Some((answer, body)) = self.state(context, key, address).await? else {
            return Ok(Sighting::Nothing);
        };
        let now = self.0.inner.parts.clock.now();
        // Neither the session's id nor the device's is told: what stands in their place is shown to nobody.
        let id = id_of(key.code.as_str());
        Ok(Sighting::Partial(Box::new(Registration {
            id,
            code: key.code.clone(),
            requestor: key.requestor.clone(),
            environment: key.environment.clone(),
            mvpd: chosen_mvpd(&body),
            create_time: moment(&body, "notBefore").unwrap_or(now),
            expire_time: end(&answer, &body, now)?,
            device_id: DeviceId::assigned(id),
            device_id_assigned: false,
            device_info: device::normalized(body.get("device").unwrap_or(&Value::Null)),
            authorization_type: String::new(),
            source_application: None,
            legacy: LegacyParameters::default(),
            shadow: Some(shadow(address)),
        })))
    }

    async fn delete(&self, _: &CallContext, record: &Registration) -> Result<Deletion> {
        let released = self.0.inner.parts.codes.release(&record.key(), record.id).await?;
        // It has no word for this: a login with the code may still succeed there.
        Ok(if released { Deletion::Released { upstream_deleted: Some(false) } } else { Deletion::NotFound })
    }

    async fn delete_unknown(&self, _: &CallContext, _: &CodeKey, _: Option<Address>) -> Result<Deletion> {
        Ok(Deletion::NotFound)
    }

    async fn look(&self, record: &Registration) -> Option<Result<Sign>> {
        if is_unissued(record) {
            return Some(Ok(Sign::Pending));
        }
        let path = format!("profiles/code/{}", record.code.as_str());
        let call = call(Method::GET, &record.requestor, &path).on_behalf_of(record.upstream_address());
        let _turn = self.0.inner.looks.acquire().await;
        let asked = self.0.inner.session.ask(&CallContext::default(), call).await;
        Some(asked.and_then(|asked| match asked {
            Some(answer) => object(&answer).map(|body| {
                let profiles = body.get("profiles").and_then(Value::as_object);
                if profiles.is_none_or(serde_json::Map::is_empty) { Sign::Pending } else { Sign::LoggedIn }
            }),
            None => Ok(Sign::Missing),
        }))
    }
}

fn shadow(device_ip: Option<Address>) -> Shadow {
    Shadow { api: UpstreamApi::V2, device_ip, device_info: None, unissued: false }
}

fn mvpd_of(object: &Value) -> Option<MvpdId> {
    MvpdId::parse("mvpd", &text(object, "mvpd")?).ok()
}

/// What was given with the session, or has been chosen since.
fn chosen_mvpd(state: &Value) -> Option<MvpdId> {
    mvpd_of(state.get("existingParameters")?)
}

fn end(answer: &Answer, body: &Value, now: Timestamp) -> Result<Timestamp> {
    let end = moment(body, "notAfter");
    let end = end.ok_or_else(|| unreadable(answer, "its answer does not say when the code expires"))?;
    end_of_life(end, now).map_err(|problem| unreadable(answer, problem))
}

fn is_unissued(record: &Registration) -> bool {
    record.shadow.as_ref().is_some_and(|shadow| shadow.unissued)
}

/// What v2 has no word for.
fn without_use(legacy: &LegacyParameters) -> Vec<Warning> {
    let LegacyParameters { device_type, device_user, app_id, app_version, registration_url } = legacy;
    let fields = [
        ("legacy.device_type", device_type),
        ("legacy.device_user", device_user),
        ("legacy.app_id", app_id),
        ("legacy.app_version", app_version),
        ("legacy.registration_url", registration_url),
    ];
    let filled = fields.into_iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(field, _)| Warning::ignored(field, "version 2 of the upstream has no use for it")).collect()
}
