//! Known devices: the state of v1 clients between their calls. A v1 client sends neither the operator nor, usually, its
//! device information; v2 requires both in each call (reference of the device flow, section 4.2).

use std::{fmt, time::Duration};

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    clock::Timestamp,
    code::Code,
    entitlement::{Profile, ProfileKind, Resource},
    id::{DeviceId, MvpdId, Place},
    registration_code::CodeKey,
    secret::SecretText,
    temp_pass::MediaToken,
};

/// How long an expired login or decision is reported as expired, and how long a device without any expiry is stored.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How long a device that only has a code is stored after the code's expiry.
const WITHOUT_LOGIN: Duration = Duration::from_secs(24 * 3_600);

/// How long a begun TempPass counts as a login if no decision is requested.
const BEGUN_TEMP_PASS: Duration = Duration::from_secs(3_600);

/// The maximum time that a device is stored after its last change, however long its login lasts. A device whose login is
/// still valid is looked up at the upstream again.
const KEPT_MAX: Duration = Duration::from_secs(400 * 24 * 3_600);

/// The maximum number of stored decisions of a device. The oldest are removed first.
pub(crate) const DECISIONS_MAX: usize = 16;

/// How many of the latest decisions keep their media tokens. A player requests the token right after the decision.
pub(crate) const MEDIA_TOKENS_MAX: usize = 4;

/// The maximum length of a stored media token, in bytes. A longer one is returned with its decision, or requested again.
pub(crate) const MEDIA_TOKEN_MAX: usize = 8 * 1024;

/// The maximum length of a stored viewer id, and of the stored name of an unknown profile kind, in bytes. Responses from
/// memory omit longer ones.
pub(crate) const USER_ID_MAX: usize = 1024;
pub(crate) const KIND_NAME_MAX: usize = 128;

/// The minimum remaining validity of a stored media token when it is returned. The player must still present it to a
/// verifier.
const MEDIA_TOKEN_LEFT: Duration = Duration::from_secs(120);

/// The key of a device: its place, and its id at the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    /// Environment and requestor.
    pub place: Place,
    /// The device's id, including its application and user where the client sends them ([`DeviceId::scoped`]).
    pub device_id: DeviceId,
}

/// A known device. Personal data, so `Debug` does not show it.
#[derive(Clone, PartialEq, Default)]
pub struct KnownDevice {
    /// Its last device information, in the wire form: base64 of JSON.
    pub device_info: Option<String>,
    /// Its last User-Agent; empty if it has sent none.
    pub user_agent: String,
    /// The viewer's identity for promotional TempPasses: a JSON object.
    pub temp_pass_identity: Option<SecretText>,
    /// Its last code, until a login with it is known.
    pub pending: Option<PendingCode>,
    /// Its last known login.
    pub login: Option<KnownLogin>,
    /// Its last decisions, the latest at the end.
    pub decisions: Vec<KnownDecision>,
}

/// A code without a known login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingCode {
    /// The code.
    pub code: Code,
    /// When it expires.
    pub expire_time: Timestamp,
    /// The operator that was sent with the code, or that the viewer has chosen.
    pub mvpd: Option<MvpdId>,
    /// When a viewer last started a login with it.
    pub start_time: Option<Timestamp>,
    /// Whether a viewer has logged in with it, and that login has not been fetched yet.
    pub is_used: bool,
}

/// The parts of a login that responses from memory contain.
#[derive(Clone, PartialEq, Eq)]
pub struct KnownLogin {
    /// The operator, or the TempPass.
    pub mvpd: MvpdId,
    /// The viewer's id for applications.
    pub user_id: Option<String>,
    /// The kind of the login.
    pub kind: ProfileKind,
    /// When it became valid.
    pub issue_time: Option<Timestamp>,
    /// When it expires.
    pub expire_time: Option<Timestamp>,
    /// How far the upstream has confirmed it.
    pub standing: LoginStanding,
    /// When it was first seen here.
    pub seen_time: Timestamp,
    /// The code that it was made with, if known.
    pub code: Option<Code>,
    /// A digest of the viewer's attributes, and when they were last seen to change.
    pub attributes: Option<([u8; 16], Timestamp)>,
}

/// How far the upstream has confirmed a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginStanding {
    /// The upstream reported it.
    Reported,
    /// A begun TempPass. The upstream does not report it before its first decision.
    Begun,
    /// A begun TempPass whose trial is used up, as decisions show.
    UsedUp,
}

/// A decision that permits a resource to a device.
#[derive(Clone, PartialEq, Eq)]
pub struct KnownDecision {
    /// The resource.
    pub resource: ResourceDigest,
    /// The operator of the login that it is based on.
    pub mvpd: MvpdId,
    /// When it expires.
    pub expire_time: Option<Timestamp>,
    /// The media token for the player, until it is returned once.
    pub media_token: Option<MediaToken>,
}

/// A digest of a resource, because a resource may be a long document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceDigest(pub [u8; 16]);

/// The state of the decision about a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionState<'a> {
    /// No decision is known.
    None,
    /// The last decision has expired.
    Expired,
    /// The last decision is valid.
    Valid(&'a KnownDecision),
}

impl DeviceKey {
    /// Returns a digest, for maps in memory.
    #[must_use]
    pub fn digest(&self) -> u128 {
        let Self { place, device_id } = self;
        let parts = [place.environment.as_str(), place.requestor.as_str(), device_id.as_str()];
        xxh3_128(parts.join("\0").as_bytes())
    }

    /// Returns the key of a code of the device.
    #[must_use]
    pub fn code(&self, code: Code) -> CodeKey {
        let Place { environment, requestor } = self.place.clone();
        CodeKey { environment, requestor, code }
    }
}

impl ResourceDigest {
    /// Returns the digest of a resource.
    #[must_use]
    pub fn of(resource: &Resource) -> Self {
        let digest = Sha256::digest(resource.as_str());
        Self(std::array::from_fn(|index| digest[index]))
    }
}

impl KnownDevice {
    /// Returns when the device's record expires, at most 400 days from now. The record outlives the login, so that clients can
    /// distinguish an expired login from one that never existed.
    #[must_use]
    pub fn end(&self, now: Timestamp) -> Timestamp {
        let of_login = self.login.as_ref().map(|login| login.expire_time.unwrap_or(now) + RETENTION);
        let of_code = self.pending.as_ref().map(|pending| pending.expire_time + WITHOUT_LOGIN);
        let last = [of_login, of_code].into_iter().flatten().max();
        last.unwrap_or(now + WITHOUT_LOGIN).min(now + KEPT_MAX)
    }

    /// Returns the login, if it has not expired.
    #[must_use]
    pub fn valid_login(&self, now: Timestamp) -> Option<&KnownLogin> {
        self.login.as_ref().filter(|login| !login.has_expired(now))
    }

    /// Returns the operator whose login to request from the upstream: that of the known login, else the one that was chosen for
    /// the next login. `None` means any operator.
    #[must_use]
    pub fn mvpd_to_ask(&self, now: Timestamp) -> Option<&MvpdId> {
        if let Some(login) = self.valid_login(now)
            && !self.has_used_code()
        {
            return Some(&login.mvpd);
        }
        match (&self.pending, &self.login) {
            (Some(pending), _) => pending.mvpd.as_ref(),
            // The upstream lists no TempPass among the logins of a device.
            (None, Some(login)) if login.kind == ProfileKind::Temporary => Some(&login.mvpd),
            (None, _) => None,
        }
    }

    /// Whether a viewer has logged in with the device's code, and that login has not been fetched yet.
    #[must_use]
    pub fn has_used_code(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.is_used)
    }

    /// Whether a viewer has started a login with the device's code, and the code has not expired.
    #[must_use]
    pub fn has_login_under_way(&self, now: Timestamp) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.start_time.is_some() && pending.expire_time > now)
    }

    /// Records a login that the upstream reported, and its code, if that is certain. Drops the decisions of a different login,
    /// which may be another viewer's.
    pub fn note_login(&mut self, profile: &Profile, code: Option<&Code>, now: Timestamp) {
        let former = self.login.take();
        let known_attributes = former.as_ref().filter(|former| former.mvpd == profile.mvpd);
        let known_attributes = known_attributes.and_then(|former| former.attributes);
        if former.as_ref().is_some_and(|former| !former.becomes(profile)) {
            self.decisions.clear();
        }
        let before =
            former.filter(|former| former.standing == LoginStanding::Reported && former.becomes(profile));
        let is_new = before.is_none();
        let seen_time = before.as_ref().map_or(now, |login| login.seen_time);
        let known = before.and_then(|login| login.code);
        let pending = || self.pending.as_ref().map(|pending| pending.code.clone());
        let code = known.or_else(|| code.cloned()).or_else(pending);
        let digest = profile.attributes_digest();
        let attributes = match known_attributes {
            Some((known, since)) if known == digest => Some((known, since)),
            Some(_) => Some((digest, now)),
            None => Some((digest, profile.issue_time.unwrap_or(now))),
        };
        if is_new || self.has_used_code() {
            self.pending = None;
        }
        let reported = KnownLogin::reported(profile, now);
        self.login = Some(KnownLogin { seen_time, code, attributes, ..reported });
    }

    /// Removes a valid login and its decisions. Keeps an expired login, so that it can be reported as expired.
    pub fn note_no_login(&mut self, now: Timestamp) {
        if self.valid_login(now).is_some() {
            self.login = None;
            self.decisions.clear();
        }
    }

    /// Replaces any login by a begun TempPass. The upstream reports it later.
    pub fn begin_temp_pass(&mut self, mvpd: MvpdId, user_id: String, now: Timestamp) {
        let is_told = |login: &KnownLogin| login.mvpd == mvpd && login.standing == LoginStanding::Reported;
        if self.valid_login(now).is_some_and(is_told) {
            return;
        }
        self.pending = None;
        self.decisions.clear();
        self.login = Some(KnownLogin {
            mvpd,
            user_id: Some(user_id),
            kind: ProfileKind::Temporary,
            issue_time: Some(now),
            expire_time: Some(now + BEGUN_TEMP_PASS),
            standing: LoginStanding::Begun,
            seen_time: now,
            code: None,
            attributes: None,
        });
    }

    /// Stores a decision, and replaces an earlier one about the same resource. If there are too many, removes the oldest.
    pub fn keep_decision(&mut self, mut decision: KnownDecision) {
        let is_long = |token: &MediaToken| token.value.len() > MEDIA_TOKEN_MAX;
        if decision.media_token.as_ref().is_some_and(is_long) {
            decision.media_token = None;
        }
        self.decisions.retain(|known| known.resource != decision.resource);
        if self.decisions.len() >= DECISIONS_MAX {
            self.decisions.remove(0);
        }
        self.decisions.push(decision);
        let earlier = self.decisions.len().saturating_sub(MEDIA_TOKENS_MAX);
        for known in &mut self.decisions[..earlier] {
            known.media_token = None;
        }
    }

    /// Removes the decision about the resource.
    pub fn forget_decision(&mut self, resource: ResourceDigest) {
        self.decisions.retain(|known| known.resource != resource);
    }

    /// Returns the state of the decision about the resource.
    #[must_use]
    pub fn decision(&self, resource: ResourceDigest, now: Timestamp) -> DecisionState<'_> {
        let mvpd = self.login.as_ref().map(|login| &login.mvpd);
        let is_meant = |known: &&KnownDecision| known.resource == resource && Some(&known.mvpd) == mvpd;
        match self.decisions.iter().find(is_meant) {
            None => DecisionState::None,
            Some(known) if known.expire_time.is_some_and(|end| end <= now) => DecisionState::Expired,
            Some(known) => DecisionState::Valid(known),
        }
    }

    /// Takes the media token of a valid decision, if it has not been taken before and remains valid long enough. It is returned
    /// only once.
    pub fn take_media_token(&mut self, resource: ResourceDigest, now: Timestamp) -> Option<MediaToken> {
        let DecisionState::Valid(_) = self.decision(resource, now) else { return None };
        let known = self.decisions.iter_mut().find(|known| known.resource == resource)?;
        let token = known.media_token.take()?;
        token.expire_time.is_none_or(|end| end >= now + MEDIA_TOKEN_LEFT).then_some(token)
    }
}

impl KnownLogin {
    /// Returns the login that the upstream reports.
    #[must_use]
    pub fn reported(profile: &Profile, now: Timestamp) -> Self {
        Self {
            mvpd: profile.mvpd.clone(),
            user_id: profile.user_id.clone().filter(|user_id| user_id.len() <= USER_ID_MAX),
            kind: match &profile.kind {
                ProfileKind::Other(name) if name.len() > KIND_NAME_MAX => ProfileKind::Other(String::new()),
                kind => kind.clone(),
            },
            issue_time: profile.issue_time,
            expire_time: profile.expire_time,
            standing: LoginStanding::Reported,
            seen_time: now,
            code: None,
            attributes: None,
        }
    }

    /// Whether the profile is this login: the same one, or the TempPass that was begun here.
    fn becomes(&self, profile: &Profile) -> bool {
        let is_told = self.standing == LoginStanding::Reported;
        self.mvpd == profile.mvpd && (!is_told || self.issue_time == profile.issue_time)
    }

    /// Whether it is a begun TempPass that has not expired and that the upstream has not reported.
    #[must_use]
    pub fn is_begun(&self, now: Timestamp) -> bool {
        self.standing != LoginStanding::Reported && !self.has_expired(now)
    }

    /// Whether it has expired.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expire_time.is_some_and(|end| end <= now)
    }
}

macro_rules! withheld {
    ($($type:ident),*) => {
        $(impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($type), "(…)"))
            }
        })*
    };
}
withheld!(KnownDevice, KnownLogin, KnownDecision);

#[cfg(test)]
mod tests;
