//! What is kept of a device between its calls where the upstream has no such memory: clients of version 1 name neither the
//! operator nor, mostly, what they are, and version 2 wants both in each call (reference of the device flow, section 4.2).

use std::{fmt, time::Duration};

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    clock::Timestamp,
    code::Code,
    entitlement::{Profile, ProfileKind, Resource},
    id::{DeviceId, MvpdId, Place},
    registration::CodeKey,
    secret::SecretText,
    temp_pass::MediaToken,
};

/// How long the end of a login, or of a decision, is told as such; and how long a device is kept of which nothing ends.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How long a device is kept that only has a code: longer than any code lives.
const WITHOUT_LOGIN: Duration = Duration::from_secs(24 * 3_600);

/// Until when a TempPass that was begun counts as a login, if no decision is asked for.
const BEGUN_TEMP_PASS: Duration = Duration::from_secs(3_600);

/// How long a device is kept at most after it last changed, however long its login lasts: who has that still is asked about
/// anew then.
const KEPT_MAX: Duration = Duration::from_secs(400 * 24 * 3_600);

/// How many decisions are kept of a device; the one that was made last stays longest.
pub(crate) const DECISIONS_MAX: usize = 16;

/// How many of the last decisions keep their media tokens: a player asks for one right after its decision.
pub(crate) const MEDIA_TOKENS_MAX: usize = 4;

/// The longest media token that is kept, in bytes. A longer one is handed out with its decision, or asked for anew.
pub(crate) const MEDIA_TOKEN_MAX: usize = 8 * 1024;

/// The longest id of a viewer that is kept, in bytes, and the longest name of a kind of logins that came after this version. Of
/// longer ones an answer from memory says nothing.
pub(crate) const USER_ID_MAX: usize = 1024;
pub(crate) const KIND_NAME_MAX: usize = 128;

/// How long a kept media token must be good still to be handed out: whoever gets it has to show it to a verifier first.
const MEDIA_TOKEN_LEFT: Duration = Duration::from_secs(120);

/// A device by what it is known by at the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    /// Environment and requestor.
    pub place: Place,
    /// The device's id, with the names of its app and user in it where those are part of it
    /// ([`DeviceId::scoped`]).
    pub device_id: DeviceId,
}

/// A device as it is known here. Personal data, so it shows itself to no log.
#[derive(Clone, PartialEq, Default)]
pub struct KnownDevice {
    /// What it last said of itself, in the wire form: base64 of JSON.
    pub device_info: Option<String>,
    /// Its last User-Agent; empty where it has sent none.
    pub user_agent: String,
    /// By what a promotional TempPass knows the viewer beside the device: a JSON object.
    pub temp_pass_identity: Option<SecretText>,
    /// The last code that it got, while nobody has logged in with it.
    pub pending: Option<PendingCode>,
    /// The last login that was seen of it.
    pub login: Option<KnownLogin>,
    /// The last decisions, the latest at the end.
    pub decisions: Vec<KnownDecision>,
}

/// A code that nobody has logged in with yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingCode {
    /// The code.
    pub code: Code,
    /// Until when it is good.
    pub expire_time: Timestamp,
    /// With which operator: the one that was named with the code, or that the viewer has chosen.
    pub mvpd: Option<MvpdId>,
    /// When a viewer last went to the operator with it.
    pub start_time: Option<Timestamp>,
    /// Whether somebody has logged in with it whose login was not asked for yet.
    pub is_used: bool,
}

/// A login, as far as answers that must not wait for the upstream have it in them.
#[derive(Clone, PartialEq, Eq)]
pub struct KnownLogin {
    /// The operator, or the TempPass.
    pub mvpd: MvpdId,
    /// The viewer as apps may know them.
    pub user_id: Option<String>,
    /// What it came of.
    pub kind: ProfileKind,
    /// Since when it is good.
    pub issue_time: Option<Timestamp>,
    /// Until when it is good.
    pub expire_time: Option<Timestamp>,
    /// How far it is known to be a login.
    pub standing: LoginStanding,
    /// Since when it is known.
    pub seen_time: Timestamp,
    /// The code that it was made with, where that is known.
    pub code: Option<Code>,
    /// What the operator tells of the viewer, as a digest; and since when it has been so, as far as was seen here.
    pub attributes: Option<([u8; 16], Timestamp)>,
}

/// How far a login is known to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginStanding {
    /// The upstream has told it.
    Told,
    /// A TempPass that was begun, of which the upstream tells nothing before its first decision.
    Begun,
    /// A TempPass that was begun although its trial is used up, which decisions tell.
    UsedUp,
}

/// That a device may watch a resource.
#[derive(Clone, PartialEq, Eq)]
pub struct KnownDecision {
    /// The resource.
    pub resource: ResourceDigest,
    /// By whose login.
    pub mvpd: MvpdId,
    /// Until when it holds.
    pub expire_time: Option<Timestamp>,
    /// What a player shows, as long as nobody got it.
    pub media_token: Option<MediaToken>,
}

/// What stands for a resource, which may be a long document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceDigest(pub [u8; 16]);

/// What is known of a decision about a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionState<'a> {
    /// None is known.
    None,
    /// The last one holds no more.
    Expired,
    /// The last one holds.
    Valid(&'a KnownDecision),
}

impl DeviceKey {
    /// A digest of it, for maps in memory.
    #[must_use]
    pub fn digest(&self) -> u128 {
        let Self { place, device_id } = self;
        let parts = [place.environment.as_str(), place.requestor.as_str(), device_id.as_str()];
        xxh3_128(parts.join("\0").as_bytes())
    }

    /// The name of a code of the device.
    #[must_use]
    pub fn code(&self, code: Code) -> CodeKey {
        let Place { environment, requestor } = self.place.clone();
        CodeKey { environment, requestor, code }
    }
}

impl ResourceDigest {
    /// That of this resource.
    #[must_use]
    pub fn of(resource: &Resource) -> Self {
        let digest = Sha256::digest(resource.as_str());
        Self(std::array::from_fn(|index| digest[index]))
    }
}

impl KnownDevice {
    /// When nothing of it is needed any more, at most 400 days from now: a login's end is told for a while after it, so that a
    /// client can tell it from one that never was.
    #[must_use]
    pub fn end(&self, now: Timestamp) -> Timestamp {
        let of_login = self.login.as_ref().map(|login| login.expire_time.unwrap_or(now) + RETENTION);
        let of_code = self.pending.as_ref().map(|pending| pending.expire_time + WITHOUT_LOGIN);
        let last = [of_login, of_code].into_iter().flatten().max();
        last.unwrap_or(now + WITHOUT_LOGIN).min(now + KEPT_MAX)
    }

    /// The login, where it has not run out.
    #[must_use]
    pub fn valid_login(&self, now: Timestamp) -> Option<&KnownLogin> {
        self.login.as_ref().filter(|login| !login.has_expired(now))
    }

    /// For whose login to ask: for the one that is known; else for that with the operator whom the viewer has chosen for the
    /// next; else for any.
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

    /// Whether somebody has logged in with the device's code whose login was not asked for yet.
    #[must_use]
    pub fn has_used_code(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.is_used)
    }

    /// Whether a viewer is with an operator now to log in by the device's code.
    #[must_use]
    pub fn has_login_under_way(&self, now: Timestamp) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.start_time.is_some() && pending.expire_time > now)
    }

    /// Notes a login that the upstream has told, and with which code it was made where that is known for sure. What was decided
    /// by another login holds no more: it may be another viewer's.
    pub fn note_login(&mut self, profile: &Profile, code: Option<&Code>, now: Timestamp) {
        let former = self.login.take();
        let known_attributes = former.as_ref().filter(|former| former.mvpd == profile.mvpd);
        let known_attributes = known_attributes.and_then(|former| former.attributes);
        if former.as_ref().is_some_and(|former| !former.becomes(profile)) {
            self.decisions.clear();
        }
        let before =
            former.filter(|former| former.standing == LoginStanding::Told && former.becomes(profile));
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
        let told = KnownLogin::told(profile, now);
        self.login = Some(KnownLogin { seen_time, code, attributes, ..told });
    }

    /// Forgets the login and what was decided by it, and not that there was one where it has run out.
    pub fn note_no_login(&mut self, now: Timestamp) {
        if self.valid_login(now).is_some() {
            self.login = None;
            self.decisions.clear();
        }
    }

    /// Goes on with a TempPass, in the place of any login: what the upstream tells of it comes later.
    pub fn begin_temp_pass(&mut self, mvpd: MvpdId, user_id: String, now: Timestamp) {
        let is_told = |login: &KnownLogin| login.mvpd == mvpd && login.standing == LoginStanding::Told;
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

    /// Keeps a decision, in the place of an earlier one about the resource. Where there are too many, the earliest goes.
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

    /// Forgets what was decided about the resource.
    pub fn forget_decision(&mut self, resource: ResourceDigest) {
        self.decisions.retain(|known| known.resource != resource);
    }

    /// What is known of a decision about the resource.
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

    /// The media token of a decision that holds, if nobody got it and it is good for a while. Nobody else gets it then.
    pub fn take_media_token(&mut self, resource: ResourceDigest, now: Timestamp) -> Option<MediaToken> {
        let DecisionState::Valid(_) = self.decision(resource, now) else { return None };
        let known = self.decisions.iter_mut().find(|known| known.resource == resource)?;
        let token = known.media_token.take()?;
        token.expire_time.is_none_or(|end| end >= now + MEDIA_TOKEN_LEFT).then_some(token)
    }
}

impl KnownLogin {
    /// The login that the upstream tells.
    #[must_use]
    pub fn told(profile: &Profile, now: Timestamp) -> Self {
        Self {
            mvpd: profile.mvpd.clone(),
            user_id: profile.user_id.clone().filter(|user_id| user_id.len() <= USER_ID_MAX),
            kind: match &profile.kind {
                ProfileKind::Other(name) if name.len() > KIND_NAME_MAX => ProfileKind::Other(String::new()),
                kind => kind.clone(),
            },
            issue_time: profile.issue_time,
            expire_time: profile.expire_time,
            standing: LoginStanding::Told,
            seen_time: now,
            code: None,
            attributes: None,
        }
    }

    /// Whether the upstream means this login by that profile, as it was or as what has come of a TempPass that was begun.
    fn becomes(&self, profile: &Profile) -> bool {
        let is_told = self.standing == LoginStanding::Told;
        self.mvpd == profile.mvpd && (!is_told || self.issue_time == profile.issue_time)
    }

    /// Whether it is a TempPass of which the upstream has told nothing yet, or nothing but that its trial is used up.
    #[must_use]
    pub fn is_begun(&self, now: Timestamp) -> bool {
        self.standing != LoginStanding::Told && !self.has_expired(now)
    }

    /// Whether its time is over.
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
