//! Why a TLS handshake came to nothing: strangers cause that, so each reason is counted, and its lines in the log are few.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, PoisonError},
};

use tokio_rustls::rustls::{CertificateError, Error, InvalidMessage, PeerIncompatible};

use crate::{domain::clock::SharedClock, telemetry::Sparse};

/// Why a handshake came to nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum HandshakeFailure {
    /// It took too long.
    Timeout,
    /// Too many younger ones had begun.
    Displaced,
    /// The client went away, or the connection broke.
    Closed,
    /// What the client sent, or said of what it was sent, as the library words it.
    Refused(Error),
}

impl HandshakeFailure {
    /// What an error of the handshake means.
    pub(super) fn of(error: &io::Error) -> Self {
        let refused = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        refused.map_or(Self::Closed, |error| Self::Refused(error.clone()))
    }

    /// Its name in metrics and in the log, one of a closed set.
    pub(super) fn name(&self) -> &'static str {
        let Self::Refused(error) = self else {
            return match self {
                Self::Timeout => "timeout",
                Self::Displaced => "displaced",
                Self::Closed | Self::Refused(_) => "closed",
            };
        };
        match error {
            Error::NoCertificatesPresented => "no_certificate",
            Error::InvalidCertificate(wrong) => of_certificate(wrong),
            Error::NoApplicationProtocol => "no_common_protocol",
            Error::AlertReceived(_) => "refused_by_client",
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => "not_tls",
            Error::PeerIncompatible(
                PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::SupportedVersionsExtensionRequired,
            ) => "old_version",
            _ => "protocol_error",
        }
    }

    /// What there is to say of it.
    fn detail(&self) -> String {
        match self {
            Self::Timeout => "it took too long".to_owned(),
            Self::Displaced => "too many others were under way".to_owned(),
            Self::Closed => "the client went away".to_owned(),
            Self::Refused(error) => error.to_string(),
        }
    }
}

fn of_certificate(wrong: &CertificateError) -> &'static str {
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "certificate_expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "certificate_not_valid_yet"
        }
        CertificateError::UnknownIssuer => "certificate_of_unknown_issuer",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate_not_for_clients"
        }
        _ => "certificate_invalid",
    }
}

/// Tells the log of handshakes that failed: each reason once, and then how often it came in a while.
#[derive(Debug)]
pub(super) struct FailureLog {
    listener: &'static str,
    clock: SharedClock,
    /// As many as there are reasons.
    told: Mutex<BTreeMap<&'static str, Sparse>>,
}

impl FailureLog {
    /// The log of a listener.
    pub(super) fn new(listener: &'static str, clock: SharedClock) -> Self {
        Self { listener, clock, told: Mutex::default() }
    }

    /// Tells of a failure, or counts it until the next of its reason is told.
    pub(super) fn report(&self, failure: &HandshakeFailure) {
        let Some(untold) = self.untold(failure.name()) else { return };
        tracing::warn!(
            listener = self.listener,
            reason = failure.name(),
            detail = failure.detail(),
            others_since_last_line = untold,
            "a TLS handshake failed"
        );
    }

    /// How many of this reason were not told since the last line; nothing where it is too early for another.
    fn untold(&self, reason: &'static str) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.entry(reason).or_default().permit(self.clock.instant())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::clock::{ManualClock, Timestamp},
        telemetry::{CapturedLog, QUIET},
    };

    #[test]
    fn a_flood_of_failures_is_one_line_for_each_reason_and_then_a_number() {
        let log = CapturedLog::of_this_thread();
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let failures = FailureLog::new("rest", clock.clone());
        let expired = HandshakeFailure::Refused(Error::InvalidCertificate(CertificateError::Expired));
        for _ in 0..1_000 {
            failures.report(&HandshakeFailure::Closed);
            failures.report(&expired);
        }
        assert_eq!(log.text().lines().count(), 2, "{}", log.text());
        assert!(log.text().contains("certificate_expired"), "{}", log.text());
        clock.advance(QUIET);
        failures.report(&expired);
        assert!(log.text().contains("others_since_last_line=999"), "{}", log.text());
    }

    #[test]
    fn what_breaks_without_a_word_is_a_client_that_went_away() {
        let broken = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(HandshakeFailure::of(&broken).name(), "closed");
        let plain = io::Error::new(
            io::ErrorKind::InvalidData,
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
        );
        assert_eq!(HandshakeFailure::of(&plain).name(), "not_tls");
    }
}
