//! Entitlements: logins with operators, and the decisions based on them.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    CodeQuery, ProviderDevice, ProviderSubject, configuration::Configurations, decision::Decisions,
    logout::Logouts, profile::Profiles, session::Sessions,
};
use crate::{
    backend::upstream::{Upstream, failure::denial},
    domain::{
        address::Address,
        backend::EntitlementBackend,
        call::CallContext,
        device_info::DeviceInfo,
        entitlement::{
            EntitlementSubject, LoginRequest, LoginStart, LogoutAction, Profile, RefusalReason,
            RequestorConfiguration, Resource, ResourceDecision,
        },
        error::{Error, Result},
        id::{MvpdId, Place},
        port::Codes,
        registration_code::{CodeKey, RegistrationCode, ShadowStanding},
        upstream_code::INVALID_INTEGRATION,
    },
};

/// Entitlements by configurations, sessions, profiles, decisions and logouts.
pub(super) struct V2Entitlements {
    upstream: Upstream,
    configurations: Configurations,
    sessions: Sessions,
    profiles: Profiles,
    decisions: Decisions,
    logouts: Logouts,
}

impl V2Entitlements {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self {
            configurations: Configurations::new(upstream.clone()),
            sessions: Sessions::new(upstream.clone()),
            profiles: Profiles::new(upstream.clone()),
            decisions: Decisions::new(upstream.clone()),
            logouts: Logouts::new(upstream.clone()),
            upstream,
        }
    }
}

impl V2Entitlements {
    /// Returns our record of a code.
    async fn record(&self, key: &CodeKey) -> Result<Option<RegistrationCode>> {
        let entry = self.upstream.inner.parts.codes.get(key).await?;
        Ok(entry.map(|entry| entry.registration))
    }

    /// Returns the logins of a device whose code the provider does not know, because the device was already logged in.
    async fn of_resolved(
        &self,
        context: &CallContext,
        record: &RegistrationCode,
        address: Option<Address>,
    ) -> Result<Vec<Profile>> {
        let device = ProviderDevice {
            id: &record.scoped_device_id(),
            info: device_info(record).encode().into(),
            user_agent: record.device_info.browser.original_user_agent.as_deref().unwrap_or_default(),
            address: address.or(record.upstream_address()),
            hints: None,
        };
        let subject = ProviderSubject { requestor: &record.requestor, device, identity: None };
        match &record.mvpd {
            Some(mvpd) => {
                let profile = self.profiles.of_mvpd(context, &subject, mvpd).await?;
                Ok(profile.into_iter().collect())
            }
            None => self.profiles.all(context, &subject).await,
        }
    }
}

#[async_trait]
impl EntitlementBackend for V2Entitlements {
    async fn configuration(
        &self,
        context: &CallContext,
        place: &Place,
    ) -> Result<Arc<RequestorConfiguration>> {
        self.configurations.of(context, &place.requestor).await
    }

    async fn start_login(&self, context: &CallContext, request: &LoginRequest) -> Result<Option<LoginStart>> {
        let record = self.record(&request.key).await?;
        if let Some(ShadowStanding::Resolved { mvpd }) = record.as_ref().and_then(RegistrationCode::standing)
        {
            return Ok(Some(LoginStart::AlreadyAuthenticated { mvpd: mvpd.clone() }));
        }
        let code = CodeQuery::new(&request.key, record.as_ref(), request.address);
        let mut domain_names = request.domain_names.iter().map(String::as_str);
        let mut domain_name = domain_names.next().unwrap_or_default();
        loop {
            let started = self.sessions.start_login(context, &code, request, domain_name).await;
            match (started, domain_names.next()) {
                (Err(error), Some(next)) if may_refuse_domain(&error) => domain_name = next,
                (started, _) => return started,
            }
        }
    }

    async fn profiles(&self, context: &CallContext, subject: &EntitlementSubject) -> Result<Vec<Profile>> {
        let profiles = self.profiles.all(context, &ProviderSubject::of(subject)).await;
        profiles.or_else(|error| no_profile(error).map(|()| Vec::new()))
    }

    async fn profile(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
    ) -> Result<Option<Profile>> {
        let profile = self.profiles.of_mvpd(context, &ProviderSubject::of(subject), mvpd).await;
        profile.or_else(|error| no_profile(error).map(|()| None))
    }

    async fn profile_of_code(
        &self,
        context: &CallContext,
        code: &CodeKey,
        address: Option<Address>,
    ) -> Result<Option<Vec<Profile>>> {
        let record = self.record(code).await?;
        let profiles = match &record {
            Some(record) if matches!(record.standing(), Some(ShadowStanding::Resolved { .. })) => {
                self.of_resolved(context, record, address).await.map(Some)
            }
            record => self.profiles.of_code(context, &CodeQuery::new(code, record.as_ref(), address)).await,
        };
        profiles.or_else(|error| no_profile(error).map(|()| Some(Vec::new())))
    }

    async fn would_wait(&self, address: Option<Address>) -> Result<bool> {
        match address {
            Some(address) => self.upstream.inner.http.would_wait(address).await,
            None => Ok(false),
        }
    }

    fn is_busy(&self) -> bool {
        self.upstream.inner.http.is_busy()
    }

    async fn authorize(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
        resource: &Resource,
    ) -> Result<ResourceDecision> {
        self.decisions.authorize(context, &ProviderSubject::of(subject), mvpd, resource.as_str()).await
    }

    async fn preauthorize(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
        resources: &[Resource],
    ) -> Result<Vec<ResourceDecision>> {
        let resources: Vec<_> = resources.iter().map(Resource::as_str).collect();
        self.decisions.preauthorize(context, &ProviderSubject::of(subject), mvpd, &resources).await
    }

    async fn log_out(
        &self,
        context: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
        redirect_url: Option<&str>,
    ) -> Result<LogoutAction> {
        self.logouts.of_mvpd(context, &ProviderSubject::of(subject), mvpd, redirect_url).await
    }
}

/// Reconstructs a device's information from its record.
fn device_info(record: &RegistrationCode) -> DeviceInfo {
    let normalized = &record.device_info;
    DeviceInfo {
        primary_hardware_type: Some(normalized.hardware_type.clone()),
        model: Some(normalized.model.clone()),
        os_name: Some(normalized.operating_system.name.clone()),
        user_agent: normalized.browser.original_user_agent.clone(),
        ..DeviceInfo::default()
    }
}

/// Succeeds if the error means that there is no profile.
///
/// # Errors
/// [`Error::ProfileExpired`] if there was a profile. Any other error is returned as it is.
fn no_profile(error: Error) -> Result<()> {
    match denial(&error).map(|(reason, _)| reason) {
        Some(RefusalReason::NotLoggedIn | RefusalReason::LoginInvalidated) => Ok(()),
        Some(RefusalReason::TrialExpired | RefusalReason::TrialExhausted | RefusalReason::LoginExpired) => {
            Err(Error::ProfileExpired)
        }
        _ => Err(error),
    }
}

/// Reports whether the provider may have refused the domain. It has no error code for that alone, so the code for a missing
/// integration, or no known code, may mean it.
fn may_refuse_domain(error: &Error) -> bool {
    match error {
        Error::UpstreamRejected { field: None, .. } => true,
        Error::UpstreamRejected { answer, .. } => answer.code.as_deref() == Some(INVALID_INTEGRATION),
        _ => false,
    }
}
