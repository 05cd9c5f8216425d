//! The local backend: passbridge issues codes and stores trials itself.

use std::sync::Arc;

use async_trait::async_trait;

use super::draw::CodeDraw;
use crate::domain::{
    address::Address,
    backend::{
        Backend, CodeBackend, CodePresence, Deletion, Issuance, IssuerRecord, ResetBackend, ResponseRecorder,
        SharedBackend, TrialBackend, TrialSubject, UpstreamCodeStatus,
    },
    call::CallContext,
    clock::{SharedClock, Timestamp},
    code::{Code, CodeFormat},
    device_info::{Normalizer, ObservedConnection, Warning},
    error::{Error, Result},
    id::DeviceId,
    port::{Authorization, Store, TrialVerdict},
    randomness::SharedRandomness,
    registration_code::{CodeKey, RegistrationCode, RegistrationRequest},
    temp_pass::{ResetBy, ResetTarget, ResourceId, TempPassKey, TempPassRule, TrialApplication, TrialView},
};

/// The backend that uses passbridge's own store.
pub struct LocalBackend {
    parts: LocalDependencies,
}

/// The dependencies of the local backend.
pub struct LocalDependencies {
    /// The store of records and trials.
    pub store: Store,
    /// The format of new codes.
    pub code_format: CodeFormat,
    /// The maximum number of live codes in an environment.
    pub max_live_codes: u64,
    /// The clock.
    pub clock: SharedClock,
    /// The source of randomness for codes and ids.
    pub randomness: SharedRandomness,
    /// Normalizes device information.
    pub normalizer: Arc<Normalizer>,
}

impl LocalBackend {
    /// Creates the backend.
    #[must_use]
    pub fn over(parts: LocalDependencies) -> SharedBackend {
        Arc::new(Self { parts })
    }

    fn registration(&self, request: RegistrationRequest, now: Timestamp) -> Result<Box<RegistrationCode>> {
        let id = self.parts.randomness.uuid()?;
        let connection = ObservedConnection::new(&request.user_agent, request.device_ip, request.device_port);
        let device_info = self.parts.normalizer.normalize(request.device_info.as_ref(), &connection);
        Ok(Box::new(RegistrationCode {
            id,
            code: Code::from_canonical(""),
            requestor: request.place.requestor,
            environment: request.place.environment,
            mvpd: request.mvpd,
            create_time: now,
            expire_time: now + request.ttl.unwrap_or_default().as_duration(),
            device_id_assigned: request.device_id.is_none(),
            device_id: request.device_id.unwrap_or_else(|| DeviceId::assigned(id)),
            device_info,
            authorization_type: request.authorization_type,
            source_application: request.source_application,
            legacy: request.legacy,
            shadow: None,
        }))
    }
}

impl Backend for LocalBackend {
    fn codes(&self) -> &dyn CodeBackend {
        self
    }

    fn resets(&self) -> &dyn ResetBackend {
        self
    }

    fn trials(&self) -> Result<&dyn TrialBackend> {
        Ok(self)
    }
}

#[async_trait]
impl CodeBackend for LocalBackend {
    async fn issue(
        &self,
        _: &CallContext,
        mut request: Box<RegistrationRequest>,
        keep: Option<&dyn ResponseRecorder>,
    ) -> Result<Issuance> {
        let parts = &self.parts;
        let now = parts.clock.now();
        let mut warnings = std::mem::take(&mut request.warnings);
        warnings.extend(unused_field_warnings(&request, "the local backend does not use it"));
        let draw = CodeDraw {
            codes: &*parts.store.codes,
            format: &parts.code_format,
            randomness: &*parts.randomness,
            max_live: parts.max_live_codes,
        };
        draw.issue(self.registration(*request, now)?, warnings, keep, now).await
    }

    async fn read(&self, _: &CallContext, record: RegistrationCode) -> Result<CodePresence> {
        Ok(CodePresence::Live(Box::new(record)))
    }

    async fn find(&self, _: &CallContext, _: &CodeKey, _: Option<Address>) -> Result<IssuerRecord> {
        Ok(IssuerRecord::Nothing)
    }

    async fn delete(&self, _: &CallContext, record: &RegistrationCode) -> Result<Deletion> {
        let released = self.parts.store.codes.release(&record.key(), record.id).await?;
        Ok(if released { Deletion::Released { upstream_deleted: None } } else { Deletion::NotFound })
    }

    async fn delete_unknown(&self, _: &CallContext, _: &CodeKey, _: Option<Address>) -> Result<Deletion> {
        Ok(Deletion::NotFound)
    }

    async fn poll(&self, _: &RegistrationCode) -> Option<Result<UpstreamCodeStatus>> {
        None
    }
}

#[async_trait]
impl TrialBackend for LocalBackend {
    async fn authorize(
        &self,
        _: &CallContext,
        subject: TrialSubject,
        resource: ResourceId,
        application: TrialApplication,
    ) -> Result<TrialVerdict> {
        let authorization = Authorization {
            rule: rule_of(&subject)?,
            temp_pass: subject.temp_pass,
            identity: subject.identity,
            application,
            resource,
            new_id: self.parts.randomness.uuid()?,
        };
        Ok(self.parts.store.trials.authorize(authorization).await?)
    }

    async fn get(&self, _: &CallContext, subject: &TrialSubject) -> Result<TrialView> {
        let rule = rule_of(subject)?;
        Ok(self.parts.store.trials.get(&subject.temp_pass, &rule, &subject.identity).await?)
    }
}

#[async_trait]
impl ResetBackend for LocalBackend {
    async fn reset(
        &self,
        _: &CallContext,
        temp_pass: &TempPassKey,
        target: &ResetTarget,
        _: ResetBy,
        application: &TrialApplication,
    ) -> Result<Option<u64>> {
        Ok(self.parts.store.trials.reset(temp_pass, target, application).await?)
    }
}

/// The rule of a TempPass. The local backend knows only the TempPasses of the configuration.
fn rule_of(subject: &TrialSubject) -> Result<TempPassRule> {
    subject.rule.ok_or_else(|| Error::TempPassNotFound { mvpd: subject.temp_pass.mvpd.to_string() })
}

/// Warnings about fields that only version 2 of the upstream uses.
pub(super) fn unused_field_warnings(request: &RegistrationRequest, why: &str) -> Vec<Warning> {
    let fields = [("domain_name", &request.domain_name), ("redirect_url", &request.redirect_url)];
    let filled = fields.into_iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(field, _)| Warning::ignored(field, why)).collect()
}
