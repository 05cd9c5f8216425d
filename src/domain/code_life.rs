//! The life cycle of a code. A transition consumes the state that it leaves and fails in every other state. The store
//! applies the result.
//!
//! ```text
//! Pending ──release──► Released ─┐
//!    │                           ├─ quarantine ─► the code is free
//!    └──── expiry ───► Expired ──┘
//! ```

use uuid::Uuid;

use super::{
    clock::Timestamp,
    registration_code::{CodeEntry, CodeState, RegistrationCode},
};

/// The state of a code at a given time, with its record.
#[derive(Debug, Clone, PartialEq)]
pub enum CodeLife {
    /// Waiting for the viewer.
    Pending(RegistrationCode),
    /// Released before its expiry.
    Released {
        /// The record.
        registration: RegistrationCode,
        /// When it was released.
        release_time: Timestamp,
    },
    /// Expired.
    Expired(RegistrationCode),
}

/// A transition that the current state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code in the state {0:?} does not allow this transition")]
pub struct InvalidTransition(pub CodeState);

impl CodeEntry {
    /// Returns the state at `now`.
    #[must_use]
    pub fn life(self, now: Timestamp) -> CodeLife {
        let state = self.state(now);
        let Self { registration, release_time } = self;
        match (release_time, state) {
            (Some(release_time), _) => CodeLife::Released { registration, release_time },
            (None, CodeState::Expired) => CodeLife::Expired(registration),
            (None, CodeState::Pending | CodeState::Released) => CodeLife::Pending(registration),
        }
    }

    /// Whether the code cannot be issued again yet, because it is in use or in quarantine.
    #[must_use]
    pub fn holds_code(&self, now: Timestamp) -> bool {
        now < self.registration.forget_time()
    }
}

impl CodeLife {
    /// Returns the record.
    #[must_use]
    pub fn registration(&self) -> &RegistrationCode {
        match self {
            Self::Pending(registration)
            | Self::Released { registration, .. }
            | Self::Expired(registration) => registration,
        }
    }

    /// Returns the state without the record.
    #[must_use]
    pub fn state(&self) -> CodeState {
        match self {
            Self::Pending(_) => CodeState::Pending,
            Self::Released { .. } => CodeState::Released,
            Self::Expired(_) => CodeState::Expired,
        }
    }

    /// Releases the record `id`, and returns its tombstone.
    ///
    /// # Errors
    /// Another record holds the code, or the record is not pending.
    pub fn release(self, id: Uuid, now: Timestamp) -> Result<CodeEntry, InvalidTransition> {
        match self {
            Self::Pending(registration) if registration.id == id => {
                Ok(CodeEntry { registration, release_time: Some(now) })
            }
            other => Err(InvalidTransition(other.state())),
        }
    }

    /// Replaces this entry by the record `id` of a code that an upstream issued. The upstream decides when it issues a code
    /// again. Returns the record that was live until then, if any.
    ///
    /// # Errors
    /// The record `id` was already released. The release is newer than the write that brings the record.
    pub fn give_way(self, id: Uuid) -> Result<Option<RegistrationCode>, InvalidTransition> {
        match self {
            Self::Pending(registration) => Ok(Some(registration)),
            Self::Released { registration, .. } if registration.id == id => {
                Err(InvalidTransition(CodeState::Released))
            }
            Self::Released { .. } | Self::Expired(_) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::registration_code::QUARANTINE,
        store::conformance::sample::{TTL, registration},
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn entry() -> CodeEntry {
        CodeEntry { registration: registration(NOW, "CODE", TTL), release_time: None }
    }

    #[test]
    fn only_the_given_pending_record_can_be_released() {
        let id = entry().registration.id;
        let released = entry().life(NOW).release(id, NOW).expect("pending");
        assert_eq!(released.release_time, Some(NOW));
        assert_eq!(
            entry().life(NOW).release(Uuid::from_u128(9), NOW),
            Err(InvalidTransition(CodeState::Pending))
        );
        let again = released.life(NOW).release(id, NOW);
        assert_eq!(again, Err(InvalidTransition(CodeState::Released)));
        let expired = entry().life(NOW + TTL).release(id, NOW + TTL);
        assert_eq!(expired, Err(InvalidTransition(CodeState::Expired)));
    }

    #[test]
    fn a_new_record_replaces_any_entry_except_its_own_tombstone() {
        let (id, other) = (entry().registration.id, Uuid::from_u128(9));
        let released = || CodeEntry { release_time: Some(NOW), ..entry() };
        for id in [id, other] {
            assert_eq!(entry().life(NOW).give_way(id), Ok(Some(entry().registration)));
            assert_eq!(entry().life(NOW + TTL).give_way(id), Ok(None));
        }
        assert_eq!(released().life(NOW).give_way(other), Ok(None));
        assert_eq!(released().life(NOW).give_way(id), Err(InvalidTransition(CodeState::Released)));
    }

    #[test]
    fn a_code_is_free_exactly_at_the_end_of_its_quarantine() {
        let end = NOW + TTL + QUARANTINE;
        assert!(entry().holds_code(Timestamp::from_millis(end.as_millis() - 1)));
        assert!(!entry().holds_code(end));
    }
}
