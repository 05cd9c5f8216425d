//! Failures of TLS handshakes. Any client can cause them, so each reason is counted, and log lines are
//! limited.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, PoisonError},
};

use tokio_rustls::rustls::{CertificateError, Error, InvalidMessage, PeerIncompatible};

use crate::{domain::clock::SharedClock, telemetry::Sparse};

/// Why a handshake failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum HandshakeFailure {
    /// The handshake timed out.
    Timeout,
    /// Too many newer handshakes had begun.
    Displaced,
    /// The client disconnected.
    Closed,
    /// TLS failed, or the client sent an alert.
    Refused(Error),
}

impl HandshakeFailure {
    /// The failure for an I/O error of the handshake.
    pub(super) fn of(error: &io::Error) -> Self {
        let refused = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        refused.map_or(Self::Closed, |error| Self::Refused(error.clone()))
    }

    /// The name in metrics and in the log, one of a closed set.
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

    /// The description for the log.
    fn detail(&self) -> String {
        match self {
            Self::Timeout => "the handshake timed out".to_owned(),
            Self::Displaced => "too many other handshakes were in progress".to_owned(),
            Self::Closed => "the client disconnected".to_owned(),
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

/// Logs handshake failures: at most one line per reason in an interval, with the number of those left out.
#[derive(Debug)]
pub(super) struct FailureLog {
    listener: &'static str,
    clock: SharedClock,
    /// By reason.
    lines: Mutex<BTreeMap<&'static str, Sparse>>,
}

impl FailureLog {
    /// The failure log of a listener.
    pub(super) fn new(listener: &'static str, clock: SharedClock) -> Self {
        Self { listener, clock, lines: Mutex::default() }
    }

    /// Logs a failure, or counts it for the next line of its reason.
    pub(super) fn report(&self, failure: &HandshakeFailure) {
        let Some(others) = self.permit(failure.name()) else { return };
        tracing::warn!(
            listener = self.listener,
            reason = failure.name(),
            detail = failure.detail(),
            others_since_last_line = others,
            "TLS handshake failed"
        );
    }

    /// The number of failures with this reason since the last line; `None` if it is too early for another
    /// line.
    fn permit(&self, reason: &'static str) -> Option<u64> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(reason).or_default().permit(self.clock.instant())
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
    fn many_failures_are_logged_as_one_line_per_reason_and_a_count() {
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
    fn a_connection_reset_is_closed_and_other_errors_have_their_names() {
        let broken = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(HandshakeFailure::of(&broken).name(), "closed");
        let plain = io::Error::new(
            io::ErrorKind::InvalidData,
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
        );
        assert_eq!(HandshakeFailure::of(&plain).name(), "not_tls");
    }
}
