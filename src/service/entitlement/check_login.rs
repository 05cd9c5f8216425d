//! Check: whether somebody is logged in on a device.

use super::{
    Connection, Device, EntitlementService,
    polls::{Polled, Urgency},
};
use crate::domain::{
    caller::{Caller, Permission},
    entitlement::Profile,
    error::{Error, Result},
    id::{DeviceId, EnvironmentName, Place, RequestorId},
    known_device::{DeviceKey, KnownDevice, KnownLogin, LoginStanding, PendingCode},
    port::KeptDevice,
    registration::CodeKey,
};

/// How often the upstream is asked again because the device has changed meanwhile, as by a logout.
const ATTEMPTS: usize = 4;

impl EntitlementService {
    /// The login of a device, which may be polled: it may be what was known some seconds ago, by the environment's
    /// `profile_cache`.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `ProfileNotFound`, `ProfileExpired`, `StoreUnavailable` and those of an upstream of
    /// [`Error`].
    pub async fn check_login(&self, caller: &Caller, device: Device) -> Result<KnownLogin> {
        let login = Box::pin(self.login_token(caller, device)).await?;
        if login.standing == LoginStanding::UsedUp { Err(Error::ProfileExpired) } else { Ok(login) }
    }

    /// The same for who wants the login itself: a TempPass that was begun is one until a decision says that its trial is used up.
    ///
    /// # Errors
    /// As those of [`Self::check_login`].
    pub async fn login_token(&self, caller: &Caller, device: Device) -> Result<KnownLogin> {
        let place = &device.place;
        caller.require(Permission::EntitlementsRead, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let kept = self.recall(&device).await?;
        self.poll(&connection, device, kept, Urgency::Poll).await
    }

    /// The last requestor that a device has asked for, for calls that name none.
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

    /// The device that is meant by an id that is named without an application or a user.
    ///
    /// # Errors
    /// `StoreUnavailable` of [`Error`].
    pub async fn device_meant(&self, place: &Place, device_id: DeviceId) -> Result<DeviceId> {
        self.parts.memory.meant(DeviceKey { place: place.clone(), device_id }).await
    }

    /// The login of a device: of what is known where that is fresh enough, else the upstream's answer, for which all who ask at
    /// the same time wait together.
    pub(super) async fn poll(
        &self,
        connection: &Connection,
        device: Device,
        kept: Option<KeptDevice>,
        urgency: Urgency,
    ) -> Result<KnownLogin> {
        let key = device.key();
        let polled = Polled::new(&key);
        let asked = |is_from_memory| self.parts.count.profile_asked(&key.place.environment, is_from_memory);
        if let Some(answer) = self.remembered(polled, &key, kept.as_ref(), urgency) {
            asked(true);
            return answer;
        }
        let _turn = self.polls.turn(polled).await;
        let kept = self.parts.memory.get(&key).await?;
        if let Some(answer) = self.remembered(polled, &key, kept.as_ref(), urgency) {
            asked(true);
            return answer;
        }
        if urgency == Urgency::Poll && self.may_wait(connection, polled, &device, kept.as_ref()).await? {
            asked(true);
            return self.last_known(kept.as_ref());
        }
        asked(false);
        // Boxed: most polls come without it, and it is most of what they would carry.
        Box::pin(self.ask(connection, &device, kept, None)).await
    }

    /// The answer that needs no question; `None` where there is none.
    fn remembered(
        &self,
        polled: Polled,
        key: &DeviceKey,
        kept: Option<&KeptDevice>,
        urgency: Urgency,
    ) -> Option<Result<KnownLogin>> {
        let nothing = KnownDevice::default();
        let device = kept.map_or(&nothing, |kept| &kept.device);
        let cache = self.parts.policy.load().profile_cache(&key.place.environment);
        match device.valid_login(self.parts.clock.now()) {
            Some(login) if !device.has_used_code() => {
                self.polls.is_confirmed(polled, login, cache).then(|| Ok(login.clone()))
            }
            _ => self.polls.is_denied(polled, device, urgency, cache).then(|| self.last_known(kept)),
        }
    }

    /// Whether the question may wait for a later call of the device: an answer is known, and the upstream has no room now.
    async fn may_wait(
        &self,
        connection: &Connection,
        polled: Polled,
        device: &Device,
        kept: Option<&KeptDevice>,
    ) -> Result<bool> {
        let now = self.parts.clock.now();
        let is_awaited =
            kept.is_some_and(|kept| kept.device.has_used_code() || kept.device.has_login_under_way(now));
        let backend = connection.entitlements()?;
        Ok(self.polls.has_answer(polled)
            && (backend.would_wait(device.ip).await? || (!is_awaited && backend.is_busy())))
    }

    /// The login as far as it is known, without a question.
    fn last_known(&self, kept: Option<&KeptDevice>) -> Result<KnownLogin> {
        let login = kept.and_then(|kept| kept.device.login.as_ref());
        match login {
            Some(login) if !login.has_expired(self.parts.clock.now()) => Ok(login.clone()),
            Some(_) => Err(Error::ProfileExpired),
            None => Err(Error::ProfileNotFound),
        }
    }

    /// Asks for the login of a device, by a code where one is named, and notes the answer. Where the device has changed
    /// meanwhile, as by a logout, the answer may be about what was before: then it is asked again.
    pub(super) async fn ask(
        &self,
        connection: &Connection,
        device: &Device,
        kept: Option<KeptDevice>,
        code: Option<&CodeKey>,
    ) -> Result<KnownLogin> {
        let key = device.key();
        let mut kept = kept;
        for _ in 0..ATTEMPTS {
            let answer = self.newest_profile(connection, device, kept.as_ref(), code).await;
            if let Some(outcome) = Box::pin(self.note(device, kept.as_ref(), code, answer)).await? {
                return outcome;
            }
            kept = self.parts.memory.get(&key).await?;
        }
        self.last_known(kept.as_ref())
    }

    async fn newest_profile(
        &self,
        connection: &Connection,
        device: &Device,
        kept: Option<&KeptDevice>,
        code: Option<&CodeKey>,
    ) -> Result<Profile> {
        if let Some(code) = code {
            let asked = connection.entitlements()?.profile_of_code(&connection.context, code, device.ip);
            // The code may be over while the login that was made with it is not.
            return self.newest(asked.await?.unwrap_or_default());
        }
        let now = self.parts.clock.now();
        let mvpd = kept.and_then(|kept| kept.device.mvpd_to_ask(now)).cloned();
        let subject = self.subject(device, kept.map(|kept| &*kept.device))?;
        self.profile(connection, &subject, mvpd.as_ref()).await
    }

    /// Notes an answer, and makes of it what the device is told; `None` where the device is not what it was.
    async fn note(
        &self,
        device: &Device,
        kept: Option<&KeptDevice>,
        code: Option<&CodeKey>,
        answer: Result<Profile>,
    ) -> Result<Option<Result<KnownLogin>>> {
        let (now, key, facts) = (self.parts.clock.now(), device.key(), device.facts());
        let before = kept.map(|kept| (*kept.device).clone()).unwrap_or_default();
        let mut device = before.clone();
        let outcome = match answer {
            Ok(profile) => {
                facts.tell(&mut device);
                device.note_login(&profile, code.map(|code| &code.code), now);
                device.login.clone().ok_or(Error::ProfileNotFound)
            }
            Err(error @ (Error::ProfileNotFound | Error::ProfileExpired)) => {
                match device.login.as_mut().filter(|login| login.is_begun(now)) {
                    // Nothing else is told of a TempPass before its first decision.
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
            // A fault is no answer: whoever was logged in is so still.
            Err(error) => return Ok(Some(before.valid_login(now).cloned().ok_or(error))),
        };
        if !self.parts.memory.replace(&key, kept, &device).await? {
            return Ok(None);
        }
        self.polls.note(Polled::new(&key), outcome.as_ref().ok());
        if let Some(pending) = before.pending.filter(|_| device.pending.is_none()) {
            self.code_led_to_login(&key, pending).await?;
        }
        Ok(Some(outcome))
    }

    /// Counts the login that was made with a code, and tells who watches that.
    pub(super) async fn code_led_to_login(&self, key: &DeviceKey, pending: PendingCode) -> Result<()> {
        self.parts.count.login_seen(&key.place.environment);
        self.parts.registration.end_used(&key.code(pending.code)).await
    }
}
