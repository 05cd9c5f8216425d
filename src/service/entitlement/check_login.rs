//! Check: determines whether a viewer is logged in on a device.

use super::{
    BackendCall, DeviceContext, EntitlementService,
    polls::{PolledDevice, Urgency},
};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::Profile,
    error::{Error, Result},
    id::{DeviceId, EnvironmentName, RequestorId},
    known_device::{DeviceKey, KnownDevice, KnownLogin, LoginStanding, PendingCode},
    port::StoredDevice,
    registration_code::CodeKey,
};

/// The maximum number of upstream calls when the device changes concurrently, for example by a logout.
const ATTEMPTS: usize = 4;

impl EntitlementService {
    /// The login of a device. Clients may poll: the answer may be some seconds old, within the environment's
    /// `profile_cache`.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `ProfileNotFound`, `ProfileExpired`, `StoreUnavailable` and those of an upstream of
    /// [`Error`].
    pub async fn check_login(&self, caller: &Caller, device: DeviceContext) -> Result<KnownLogin> {
        let login = Box::pin(self.login_token(caller, device)).await?;
        if login.standing == LoginStanding::UsedUp { Err(Error::ProfileExpired) } else { Ok(login) }
    }

    /// Does the same for a client that requires the login itself. A TempPass counts as a login from its start until a
    /// decision reports that its trial is used up.
    ///
    /// # Errors
    /// See [`Self::check_login`].
    pub async fn login_token(&self, caller: &Caller, mut device: DeviceContext) -> Result<KnownLogin> {
        let place = &device.place;
        caller.require(Permission::EntitlementsRead, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let stored = self.recall(&mut device).await?;
        self.poll(&connection, device, stored, Urgency::Poll).await
    }

    /// The last requestor that a device has used, for calls that name none.
    ///
    /// # Errors
    /// `StoreUnavailable` of [`Error`].
    pub async fn requestor_of(
        &self,
        environment: &EnvironmentName,
        device_id: &DeviceId,
    ) -> Result<Option<RequestorId>> {
        self.parts.memory.requestor_of(environment, device_id).await
    }

    /// The login of a device: the remembered login if it is fresh enough, otherwise the upstream's answer. Concurrent
    /// calls share one upstream call.
    pub(super) async fn poll(
        &self,
        connection: &BackendCall,
        device: DeviceContext,
        stored: Option<StoredDevice>,
        urgency: Urgency,
    ) -> Result<KnownLogin> {
        let key = device.key();
        let polled = PolledDevice::new(&key);
        let count = |is_from_memory| self.parts.count.login_checked(&key.place.environment, is_from_memory);
        if let Some(answer) = self.remembered(polled, &key, stored.as_ref(), urgency) {
            count(true);
            return answer;
        }
        let _lock = self.polls.lock(polled).await;
        let stored = self.parts.memory.get(&key).await?;
        if let Some(answer) = self.remembered(polled, &key, stored.as_ref(), urgency) {
            count(true);
            return answer;
        }
        if urgency == Urgency::Poll && self.may_wait(connection, polled, &device, stored.as_ref()).await? {
            count(true);
            return self.last_known(stored.as_ref());
        }
        count(false);
        // Boxed, because most polls do not need this future and it is most of their size.
        Box::pin(self.ask(connection, &device, stored, None)).await
    }

    /// The answer that requires no upstream call; `None` if there is none.
    fn remembered(
        &self,
        polled: PolledDevice,
        key: &DeviceKey,
        stored: Option<&StoredDevice>,
        urgency: Urgency,
    ) -> Option<Result<KnownLogin>> {
        let nothing = KnownDevice::default();
        let device = stored.map_or(&nothing, |stored| &stored.device);
        let cache = self.parts.policy.load().profile_cache(&key.place.environment);
        match device.valid_login(self.parts.clock.now()) {
            Some(login) if !device.has_used_code() => {
                self.polls.is_confirmed(polled, login, cache).then(|| Ok(login.clone()))
            }
            _ => self.polls.is_denied(polled, device, urgency, cache).then(|| self.last_known(stored)),
        }
    }

    /// Whether the upstream call may wait for a later call of the device: an answer is known, and the upstream's rate
    /// limit is reached.
    async fn may_wait(
        &self,
        connection: &BackendCall,
        polled: PolledDevice,
        device: &DeviceContext,
        stored: Option<&StoredDevice>,
    ) -> Result<bool> {
        let now = self.parts.clock.now();
        let is_awaited = stored
            .is_some_and(|stored| stored.device.has_used_code() || stored.device.has_login_under_way(now));
        let backend = connection.entitlements()?;
        Ok(self.polls.has_answer(polled)
            && (backend.would_wait(device.ip).await? || (!is_awaited && backend.is_busy())))
    }

    /// The last known login, without an upstream call.
    fn last_known(&self, stored: Option<&StoredDevice>) -> Result<KnownLogin> {
        let login = stored.and_then(|stored| stored.device.login.as_ref());
        match login {
            Some(login) if !login.has_expired(self.parts.clock.now()) => Ok(login.clone()),
            Some(_) => Err(Error::ProfileExpired),
            None => Err(Error::ProfileNotFound),
        }
    }

    /// Requests the login of a device from the upstream, by code if one is given, and records the answer. If the device
    /// changed meanwhile, for example by a logout, the answer may be outdated, so the request is repeated.
    pub(super) async fn ask(
        &self,
        connection: &BackendCall,
        device: &DeviceContext,
        stored: Option<StoredDevice>,
        code: Option<&CodeKey>,
    ) -> Result<KnownLogin> {
        let key = device.key();
        let mut stored = stored;
        for _ in 0..ATTEMPTS {
            let answer = self.newest_profile(connection, device, stored.as_ref(), code).await;
            if let Some(outcome) = Box::pin(self.note(device, stored.as_ref(), code, answer)).await? {
                return outcome;
            }
            stored = self.parts.memory.get(&key).await?;
        }
        self.last_known(stored.as_ref())
    }

    async fn newest_profile(
        &self,
        connection: &BackendCall,
        device: &DeviceContext,
        stored: Option<&StoredDevice>,
        code: Option<&CodeKey>,
    ) -> Result<Profile> {
        if let Some(code) = code {
            let profiles = connection.entitlements()?.profile_of_code(&connection.context, code, device.ip);
            // The code may have expired while the login made with it is still valid.
            return self.newest(profiles.await?.unwrap_or_default());
        }
        let now = self.parts.clock.now();
        let mvpd = stored.and_then(|stored| stored.device.mvpd_to_ask(now)).cloned();
        let subject = self.subject(device, stored.map(|stored| &*stored.device))?;
        self.profile(connection, &subject, mvpd.as_ref()).await
    }

    /// Records an answer and turns it into the device's login; `None` if the device changed meanwhile.
    async fn note(
        &self,
        device: &DeviceContext,
        stored: Option<&StoredDevice>,
        code: Option<&CodeKey>,
        answer: Result<Profile>,
    ) -> Result<Option<Result<KnownLogin>>> {
        let (now, key, facts) = (self.parts.clock.now(), device.key(), device.facts());
        let before = stored.map(|stored| (*stored.device).clone()).unwrap_or_default();
        let mut device = before.clone();
        let outcome = match answer {
            Ok(profile) => {
                facts.apply_to(&mut device);
                device.note_login(&profile, code.map(|code| &code.code), now);
                device.login.clone().ok_or(Error::ProfileNotFound)
            }
            Err(error @ (Error::ProfileNotFound | Error::ProfileExpired)) => {
                match device.login.as_mut().filter(|login| login.is_begun(now)) {
                    // The upstream reports nothing else about a TempPass before its first decision.
                    Some(login) => {
                        if matches!(error, Error::ProfileExpired) {
                            login.standing = LoginStanding::UsedUp;
                        }
                        Ok(login.clone())
                    }
                    None => {
                        device.note_no_login(now);
                        let has_ended = device.login.is_some() || matches!(error, Error::ProfileExpired);
                        Err(if has_ended { Error::ProfileExpired } else { Error::ProfileNotFound })
                    }
                }
            }
            // After a failure, the last known login still holds.
            Err(error) => return Ok(Some(before.valid_login(now).cloned().ok_or(error))),
        };
        if !self.parts.memory.replace(&key, stored, &device).await? {
            return Ok(None);
        }
        self.polls.note(PolledDevice::new(&key), outcome.as_ref().ok());
        if let Some(pending) = before.pending.filter(|_| device.pending.is_none()) {
            self.code_led_to_login(&key, pending).await?;
        }
        Ok(Some(outcome))
    }

    /// Counts the login made with a code, and notifies its watches.
    pub(super) async fn code_led_to_login(&self, key: &DeviceKey, pending: PendingCode) -> Result<()> {
        self.parts.count.login_seen(&key.place.environment);
        self.parts.registration.end_used(&key.code(pending.code)).await
    }
}
