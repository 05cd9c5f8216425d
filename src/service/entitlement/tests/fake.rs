//! An upstream and a device memory that tests control.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::domain::{
    address::Address,
    backend::{Backend, CodeBackend, EntitlementBackend, ResetBackend, SharedBackend},
    call::CallContext,
    clock::{MonotonicInstant, SharedClock, Timestamp},
    code::Code,
    entitlement::{
        EntitlementSubject, LoginRequest, LoginStart, LogoutAction, Mvpd, PlatformSso, Profile, ProfileKind,
        Refusal, RequestorConfiguration, Resource, ResourceDecision,
    },
    error::{Error, Result, UpstreamAnswer},
    id::{DeviceId, EnvironmentName, MvpdId, Place, RequestorId},
    known_device::{DeviceKey, KnownDevice},
    port::{Devices, Revision, StoredDevice},
    registration_code::CodeKey,
    temp_pass::MediaToken,
};

/// The upstream's state, and the calls it received.
pub(super) struct FakeProvider {
    clock: SharedClock,
    codes: SharedBackend,
    state: Mutex<FakeProviderState>,
}

#[derive(Default)]
pub(super) struct FakeProviderState {
    /// Logins by device id and operator.
    pub profiles: HashMap<(String, MvpdId), Profile>,
    /// The login made with each code.
    pub codes: HashMap<Code, Option<(String, MvpdId)>>,
    /// The denial reason for every resource, if any.
    pub refusal: Option<Refusal>,
    /// Whether every call fails.
    pub is_down: bool,
    /// The duration of a call.
    pub latency: Duration,
    /// Whether a second call from the same address within a second is rejected.
    pub keeps_pace: bool,
    pub calls: Vec<FakeProviderCall>,
    pub under_way: usize,
    pub most_under_way: usize,
    last_calls: HashMap<Address, MonotonicInstant>,
    tokens: u32,
}

/// A received call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FakeProviderCall {
    pub what: &'static str,
    pub time: MonotonicInstant,
    pub subject: Option<EntitlementSubject>,
}

impl FakeProvider {
    pub(super) fn new(clock: SharedClock, codes: SharedBackend) -> Arc<Self> {
        Arc::new(Self { clock, codes, state: Mutex::default() })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, FakeProviderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log_in(&self, device: &str, mvpd: &str, ttl: Duration) -> Profile {
        let profile = profile(mvpd, self.clock.now(), ttl);
        self.state().profiles.insert((device.to_owned(), profile.mvpd.clone()), profile.clone());
        profile
    }

    /// The calls since the last time, in order.
    pub(super) fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state().calls).into_iter().map(|call| call.what).collect()
    }

    async fn call(&self, what: &'static str, subject: Option<&EntitlementSubject>) -> Result<()> {
        let latency = {
            let mut state = self.state();
            let time = self.clock.instant();
            state.calls.push(FakeProviderCall { what, time, subject: subject.cloned() });
            if let Some(address) = subject.and_then(|subject| subject.address) {
                state.last_calls.insert(address, time);
            }
            state.under_way += 1;
            state.most_under_way = state.most_under_way.max(state.under_way);
            state.latency
        };
        if !latency.is_zero() {
            self.clock.sleep(latency).await;
        }
        let mut state = self.state();
        state.under_way -= 1;
        let down = || Error::UpstreamUnavailable {
            problem: "it is down",
            answer: UpstreamAnswer::default(),
            retry_after: None,
        };
        if state.is_down { Err(down()) } else { Ok(()) }
    }
}

/// A login that starts now.
pub(super) fn profile(mvpd: &str, now: Timestamp, ttl: Duration) -> Profile {
    Profile {
        mvpd: MvpdId::parse("mvpd", mvpd).expect("valid"),
        kind: if mvpd.contains("TempPass") { ProfileKind::Temporary } else { ProfileKind::Regular },
        issuer: None,
        user_id: Some(format!("viewer of {mvpd}")),
        issue_time: Some(now),
        expire_time: Some(now + ttl),
        attributes: Default::default(),
    }
}

impl Backend for Arc<FakeProvider> {
    fn codes(&self) -> &dyn CodeBackend {
        self.codes.codes()
    }

    fn resets(&self) -> &dyn ResetBackend {
        self.codes.resets()
    }

    fn entitlements(&self) -> Result<&dyn EntitlementBackend> {
        Ok(&**self)
    }
}

#[async_trait]
impl EntitlementBackend for FakeProvider {
    async fn configuration(&self, _: &CallContext, _: &Place) -> Result<Arc<RequestorConfiguration>> {
        let mvpd = |id: &str| Mvpd {
            id: MvpdId::parse("mvpd", id).expect("valid"),
            display_name: id.to_owned(),
            logo_url: String::new(),
            is_temp_pass: id.contains("TempPass"),
            is_proxy: false,
            auth_per_aggregator: false,
            passive_authn_enabled: true,
            auth_per_browser_session: false,
            platform_sso: PlatformSso::default(),
        };
        Ok(Arc::new(RequestorConfiguration {
            id: "REF".to_owned(),
            name: String::new(),
            domains: Vec::new(),
            mvpds: vec![mvpd("Cable"), mvpd("TempPass")],
        }))
    }

    async fn start_login(&self, _: &CallContext, request: &LoginRequest) -> Result<Option<LoginStart>> {
        self.call("start_login", None).await?;
        let is_known = self.state().codes.contains_key(&request.key.code);
        Ok(is_known.then(|| LoginStart::Login { url: "https://provider.example/login".to_owned() }))
    }

    async fn profiles(&self, _: &CallContext, subject: &EntitlementSubject) -> Result<Vec<Profile>> {
        self.call("profiles", Some(subject)).await?;
        let state = self.state();
        let of_device = state.profiles.iter().filter(|((device, _), profile)| {
            device == subject.device_id.as_str() && profile.kind != ProfileKind::Temporary
        });
        Ok(of_device.map(|(_, profile)| profile.clone()).collect())
    }

    async fn profile(
        &self,
        _: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
    ) -> Result<Option<Profile>> {
        self.call("profile", Some(subject)).await?;
        let key = (subject.device_id.as_str().to_owned(), mvpd.clone());
        Ok(self.state().profiles.get(&key).cloned())
    }

    async fn profile_of_code(
        &self,
        _: &CallContext,
        code: &CodeKey,
        _: Option<Address>,
    ) -> Result<Option<Vec<Profile>>> {
        self.call("profile_of_code", None).await?;
        let state = self.state();
        let login = state.codes.get(&code.code);
        let profile = |login: &(String, MvpdId)| state.profiles.get(login).cloned();
        Ok(login.map(|login| login.as_ref().and_then(profile).into_iter().collect()))
    }

    async fn would_wait(&self, address: Option<Address>) -> Result<bool> {
        let state = self.state();
        let last = address.and_then(|address| state.last_calls.get(&address));
        let is_fast = last.is_some_and(|last| self.clock.instant().since(*last) < Duration::from_secs(1));
        Ok(state.keeps_pace && is_fast)
    }

    fn is_busy(&self) -> bool {
        false
    }

    async fn authorize(
        &self,
        _: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
        resource: &Resource,
    ) -> Result<ResourceDecision> {
        self.call("authorize", Some(subject)).await?;
        let mut state = self.state();
        if let Some(refusal) = state.refusal.clone() {
            return Ok(ResourceDecision::refused(resource.as_str(), refusal));
        }
        state.tokens += 1;
        let (now, token) = (self.clock.now(), state.tokens);
        if mvpd.as_str() == "TempPass" {
            let key = (subject.device_id.as_str().to_owned(), mvpd.clone());
            let trial = profile("TempPass", now, Duration::from_secs(4 * 3_600));
            state.profiles.entry(key).or_insert(trial);
        }
        Ok(ResourceDecision {
            resource: resource.as_str().to_owned(),
            source: None,
            refusal: None,
            expire_time: Some(now + Duration::from_secs(86_400)),
            media_token: Some(MediaToken {
                value: format!("token {token}"),
                start_time: Some(now),
                expire_time: Some(now + Duration::from_secs(420)),
            }),
        })
    }

    async fn preauthorize(
        &self,
        _: &CallContext,
        subject: &EntitlementSubject,
        _: &MvpdId,
        resources: &[Resource],
    ) -> Result<Vec<ResourceDecision>> {
        self.call("preauthorize", Some(subject)).await?;
        let permitted = |resource: &Resource| ResourceDecision {
            resource: resource.as_str().to_owned(),
            source: None,
            refusal: None,
            expire_time: None,
            media_token: None,
        };
        Ok(resources.iter().map(permitted).collect())
    }

    async fn log_out(
        &self,
        _: &CallContext,
        subject: &EntitlementSubject,
        mvpd: &MvpdId,
        _: Option<&str>,
    ) -> Result<LogoutAction> {
        self.call("log_out", Some(subject)).await?;
        self.state().profiles.remove(&(subject.device_id.as_str().to_owned(), mvpd.clone()));
        Ok(LogoutAction { mvpd: mvpd.clone(), url: None })
    }
}

/// Known devices in memory.
pub(in crate::service) struct FakeDevices {
    clock: SharedClock,
    devices: Mutex<HashMap<DeviceKeyText, FakeDeviceEntry>>,
    codes: Mutex<HashMap<CodeKey, DeviceId>>,
    requestors: Mutex<HashMap<(EnvironmentName, DeviceId), RequestorId>>,
    revisions: Mutex<u64>,
}

type DeviceKeyText = (String, String, String);

/// The revision, the device, and its expiry.
type FakeDeviceEntry = (u64, Arc<KnownDevice>, Timestamp);

fn text(key: &DeviceKey) -> DeviceKeyText {
    let Place { environment, requestor } = &key.place;
    (environment.to_string(), requestor.to_string(), key.device_id.as_str().to_owned())
}

impl FakeDevices {
    pub(in crate::service) fn new(clock: SharedClock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            devices: Mutex::default(),
            codes: Mutex::default(),
            requestors: Mutex::default(),
            revisions: Mutex::default(),
        })
    }
}

#[async_trait]
impl Devices for FakeDevices {
    async fn get(&self, key: &DeviceKey) -> Result<Option<StoredDevice>> {
        let devices = self.devices.lock().expect("not poisoned");
        let kept = devices.get(&text(key)).filter(|(_, _, end)| *end > self.clock.now());
        Ok(kept.map(|(revision, device, _)| StoredDevice {
            device: Arc::clone(device),
            revision: Revision(Arc::from(revision.to_be_bytes())),
        }))
    }

    async fn replace(
        &self,
        key: &DeviceKey,
        before: Option<&Revision>,
        after: Option<(&KnownDevice, Timestamp)>,
    ) -> Result<bool> {
        let present = self.get(key).await?.map(|kept| kept.revision);
        if present.as_ref() != before {
            return Ok(false);
        }
        let mut devices = self.devices.lock().expect("not poisoned");
        let mut revision = self.revisions.lock().expect("not poisoned");
        *revision += 1;
        match after {
            Some((device, end)) => devices.insert(text(key), (*revision, Arc::new(device.clone()), end)),
            None => devices.remove(&text(key)),
        };
        Ok(true)
    }

    async fn keep_code(&self, code: &CodeKey, device_id: &DeviceId, _: Timestamp) -> Result<()> {
        self.codes.lock().expect("not poisoned").insert(code.clone(), device_id.clone());
        let of = (code.environment.clone(), device_id.clone());
        self.requestors.lock().expect("not poisoned").insert(of, code.requestor.clone());
        Ok(())
    }

    async fn keep_name(&self, named: &DeviceKey, device_id: &DeviceId, end: Timestamp) -> Result<()> {
        let code = named.code(Code::from_canonical(named.device_id.as_str()));
        self.keep_code(&code, device_id, end).await?;
        let of = (named.place.environment.clone(), named.device_id.clone());
        self.requestors.lock().expect("not poisoned").insert(of, named.place.requestor.clone());
        Ok(())
    }

    async fn of_name(&self, named: &DeviceKey) -> Result<Option<DeviceId>> {
        self.of_code(&named.code(Code::from_canonical(named.device_id.as_str()))).await
    }

    async fn of_code(&self, code: &CodeKey) -> Result<Option<DeviceId>> {
        Ok(self.codes.lock().expect("not poisoned").get(code).cloned())
    }

    async fn forget_code(&self, code: &CodeKey) -> Result<()> {
        self.codes.lock().expect("not poisoned").remove(code);
        Ok(())
    }

    async fn requestor_of(
        &self,
        environment: &EnvironmentName,
        device_id: &DeviceId,
    ) -> Result<Option<RequestorId>> {
        let of = (environment.clone(), device_id.clone());
        Ok(self.requestors.lock().expect("not poisoned").get(&of).cloned())
    }
}
