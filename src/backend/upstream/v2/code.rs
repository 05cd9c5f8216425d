//! Registration codes. In version 2, these are the codes of authentication sessions.

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    CodeQuery, ProviderDevice,
    profile::Profiles,
    session::{DOMAIN_NAME, LoginSession, MVPD, REDIRECT_URL, SessionOpening, Sessions},
};
use crate::{
    backend::{
        draw::CodeDraw,
        upstream::{Upstream, UpstreamDependencies, device, json::id_of},
    },
    domain::{
        address::Address,
        backend::{
            CodeBackend, CodePresence, Deletion, Issuance, IssuedCode, IssuerRecord, ResponseRecorder,
            UpstreamCodeStatus,
        },
        call::CallContext,
        code::Code,
        device_info::{ObservedConnection, Warning},
        error::{Error, Result},
        id::DeviceId,
        port::Codes,
        registration_code::{
            CodeKey, LegacyParameters, RegistrationCode, RegistrationRequest, Shadow, ShadowStanding,
            UpstreamApi,
        },
    },
};

/// Codes by sessions. Profiles tell whether a viewer has logged in.
pub(super) struct V2Codes {
    upstream: Upstream,
    sessions: Sessions,
    profiles: Profiles,
}

/// A code of our own, for a device for which the provider issues none.
struct OwnCode {
    /// The record's id.
    id: Uuid,
    device_id: DeviceId,
    device_id_assigned: bool,
    standing: ShadowStanding,
}

impl V2Codes {
    pub(super) fn new(upstream: Upstream) -> Self {
        let (sessions, profiles) = (Sessions::new(upstream.clone()), Profiles::new(upstream.clone()));
        Self { upstream, sessions, profiles }
    }

    fn parts(&self) -> &UpstreamDependencies {
        &self.upstream.inner.parts
    }

    async fn open_session(
        &self,
        context: &CallContext,
        request: &RegistrationRequest,
        device: &ProviderDevice<'_>,
    ) -> Result<SessionOpening> {
        let parameters = [
            (MVPD, request.mvpd.as_ref().map_or("", |mvpd| mvpd.as_str())),
            (DOMAIN_NAME, &request.domain_name),
            (REDIRECT_URL, &request.redirect_url),
        ];
        Ok(match self.sessions.create(context, &request.place.requestor, &parameters, device).await? {
            SessionOpening::Opened(session) => SessionOpening::Opened(LoginSession {
                mvpd: session.mvpd.or_else(|| request.mvpd.clone()),
                ..session
            }),
            SessionOpening::LoggedIn(mvpd) => SessionOpening::LoggedIn(mvpd.or_else(|| request.mvpd.clone())),
        })
    }

    /// Issues a code that the provider does not know.
    async fn issue_own(
        &self,
        request: Box<RegistrationRequest>,
        own: OwnCode,
        warnings: Vec<Warning>,
        keep: Option<&dyn ResponseRecorder>,
    ) -> Result<Issuance> {
        let OwnCode { id, device_id, device_id_assigned, standing } = own;
        let parts = self.parts();
        let now = parts.clock.now();
        let mvpd = match &standing {
            ShadowStanding::Resolved { mvpd } => mvpd.clone(),
            ShadowStanding::Issued | ShadowStanding::Unissued => request.mvpd.clone(),
        };
        let session = LoginSession {
            id: id.to_string(),
            code: Code::from_canonical(""),
            mvpd,
            create_time: now,
            expire_time: now + request.ttl.unwrap_or_default().as_duration(),
        };
        let mut registration = self.registration(*request, session, device_id, device_id_assigned);
        if let Some(shadow) = &mut registration.shadow {
            shadow.standing = standing;
        }
        let draw = CodeDraw {
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
        session: LoginSession,
        device_id: DeviceId,
        device_id_assigned: bool,
    ) -> Box<RegistrationCode> {
        let connection = ObservedConnection::new(&request.user_agent, request.device_ip, request.device_port);
        let device_info = self.parts().normalizer.normalize(request.device_info.as_ref(), &connection);
        Box::new(RegistrationCode {
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
        })
    }
}

#[async_trait]
impl CodeBackend for V2Codes {
    async fn issue(
        &self,
        context: &CallContext,
        mut request: Box<RegistrationRequest>,
        keep: Option<&dyn ResponseRecorder>,
    ) -> Result<Issuance> {
        let mut warnings = std::mem::take(&mut request.warnings);
        warnings.extend(unused_legacy_warnings(&request.legacy));
        let parts = self.parts();
        if request.asks_for_id {
            // The device calls again with the assigned id.
            let id = parts.randomness.uuid()?;
            let device_id = DeviceId::assigned(id);
            let own = OwnCode { id, device_id, device_id_assigned: true, standing: ShadowStanding::Unissued };
            return self.issue_own(request, own, warnings, keep).await;
        }
        let (device_id, is_assigned) = match request.device_id.take() {
            Some(device_id) => (device_id, false),
            None => (DeviceId::assigned(parts.randomness.uuid()?), true),
        };
        let info = device::wire_form(&request, &parts.normalizer);
        let LegacyParameters { app_id, device_user, .. } = &request.legacy;
        let device = ProviderDevice {
            id: &device_id.clone().scoped(app_id, device_user),
            info: info.into(),
            user_agent: &request.user_agent,
            address: request.device_ip,
            hints: Some(&request.hints),
        };
        let session = match self.open_session(context, &request, &device).await? {
            SessionOpening::Opened(session) => session,
            SessionOpening::LoggedIn(mvpd) if request.resolves_login => {
                let (id, standing) = (parts.randomness.uuid()?, ShadowStanding::Resolved { mvpd });
                let own = OwnCode { id, device_id, device_id_assigned: is_assigned, standing };
                return self.issue_own(request, own, warnings, keep).await;
            }
            SessionOpening::LoggedIn(mvpd) => {
                let mvpd = mvpd.as_ref().map(ToString::to_string).unwrap_or_default();
                return Err(Error::AlreadyAuthenticated { mvpd });
            }
        };
        let given = session.expire_time.since(session.create_time);
        if let Some(requested) = request.ttl.map(|ttl| ttl.as_duration())
            && requested.abs_diff(given) >= std::time::Duration::from_secs(1)
        {
            warnings.push(Warning::ttl_not_honoured(requested, given));
        }
        let registration = self.registration(*request, session, device_id, is_assigned);
        parts.codes.add(&registration).await?;
        Ok(Issuance::Issued(IssuedCode { registration, warnings, is_kept: false }))
    }

    async fn read(&self, context: &CallContext, record: RegistrationCode) -> Result<CodePresence> {
        if record.standing() != Some(&ShadowStanding::Issued) {
            return Ok(CodePresence::Live(Box::new(record)));
        }
        let key = record.key();
        // A single not-found response may be a fault, so it creates no tombstone.
        let code = CodeQuery::new(&key, Some(&record), record.upstream_address());
        let Some(session) = self.sessions.of_code(context, &code).await? else {
            return Ok(CodePresence::Gone);
        };
        Ok(CodePresence::Live(Box::new(RegistrationCode { mvpd: session.mvpd.or(record.mvpd), ..record })))
    }

    async fn find(
        &self,
        context: &CallContext,
        key: &CodeKey,
        address: Option<Address>,
    ) -> Result<IssuerRecord> {
        let Some(session) = self.sessions.of_code(context, &CodeQuery::new(key, None, address)).await? else {
            return Ok(IssuerRecord::Nothing);
        };
        // The provider returns neither the session's id nor the device's. The placeholders are never shown.
        let id = id_of(key.code.as_str());
        Ok(IssuerRecord::Partial(Box::new(RegistrationCode {
            id,
            code: key.code.clone(),
            requestor: key.requestor.clone(),
            environment: key.environment.clone(),
            mvpd: session.mvpd,
            create_time: session.create_time.unwrap_or_else(|| self.parts().clock.now()),
            expire_time: session.expire_time?,
            device_id: DeviceId::assigned(id),
            device_id_assigned: false,
            device_info: session.device_info,
            authorization_type: String::new(),
            source_application: None,
            legacy: LegacyParameters::default(),
            shadow: Some(shadow(address)),
        })))
    }

    async fn delete(&self, _: &CallContext, record: &RegistrationCode) -> Result<Deletion> {
        let released = self.parts().codes.release(&record.key(), record.id).await?;
        // Version 2 has no such call: a login with the code may still succeed at the provider.
        Ok(if released { Deletion::Released { upstream_deleted: Some(false) } } else { Deletion::NotFound })
    }

    async fn delete_unknown(&self, _: &CallContext, _: &CodeKey, _: Option<Address>) -> Result<Deletion> {
        Ok(Deletion::NotFound)
    }

    async fn poll(&self, record: &RegistrationCode) -> Option<Result<UpstreamCodeStatus>> {
        match record.standing() {
            Some(ShadowStanding::Unissued) => return Some(Ok(UpstreamCodeStatus::Pending)),
            Some(ShadowStanding::Resolved { .. }) => return Some(Ok(UpstreamCodeStatus::LoggedIn)),
            Some(ShadowStanding::Issued) | None => {}
        }
        let _permit = self.upstream.inner.polls.acquire().await;
        let (context, key) = (CallContext::default(), record.key());
        let code = CodeQuery::new(&key, Some(record), record.upstream_address());
        let has_login = self.profiles.has_login(&context, &code).await;
        Some(has_login.map(|has_login| match has_login {
            Some(false) => UpstreamCodeStatus::Pending,
            Some(true) => UpstreamCodeStatus::LoggedIn,
            None => UpstreamCodeStatus::Missing,
        }))
    }
}

fn shadow(device_ip: Option<Address>) -> Shadow {
    Shadow { api: UpstreamApi::V2, device_ip, device_info: None, standing: ShadowStanding::Issued }
}

/// Warnings about legacy parameters without a counterpart in version 2. Application and user are part of the device's id there.
fn unused_legacy_warnings(legacy: &LegacyParameters) -> Vec<Warning> {
    let LegacyParameters { device_type, app_version, registration_url, app_id: _, device_user: _ } = legacy;
    let fields = [
        ("legacy.device_type", device_type),
        ("legacy.app_version", app_version),
        ("legacy.registration_url", registration_url),
    ];
    let filled = fields.into_iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(field, _)| Warning::ignored(field, "version 2 of the upstream does not use it")).collect()
}
