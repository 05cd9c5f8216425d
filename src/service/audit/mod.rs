//! The audit log: which caller performed or attempted which operation on what, and its result. Each entry is a line of
//! JSON. Its destination is a port ([`AuditSink`]).
//!
//! This module knows no kinds of events. Each use case passes an [`AuditEvent`] with a subject of its own, whose fields
//! become fields of the line. The meaning of a field never changes; a new meaning requires a new [`VERSION`].
//!
//! Identifiers appear as keyed digests (HMAC-SHA256). Entries about the same device have the same digest, but readers
//! of the log cannot recover the device by guessing.

mod origin;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::hmac;
use serde::Serialize;

use super::device_info::hex;
pub(crate) use origin::AuditOrigin;

use crate::domain::{
    clock::{SharedClock, Timestamp},
    error::{Error, Result},
    limit::{Limit, LimitKey, Rate},
    port::{AuditSink, Limits},
};

/// The version of the line format, which each line contains as `v`.
pub(crate) const VERSION: u32 = 1;

/// The rate limit of entries for rejected calls that anyone can cause: per minute, and the burst. Without it, such
/// entries could push the others out of the retained files.
const REFUSALS: (u32, u32) = (60, 1_000);

/// The audit log. A cheap handle.
#[derive(Clone)]
pub struct AuditLog {
    inner: Arc<AuditLogState>,
}

struct AuditLogState {
    clock: SharedClock,
    key: hmac::Key,
    /// `None` if no log is kept.
    sink: Option<Arc<dyn AuditSink>>,
    limits: Arc<dyn Limits>,
    /// The number of rejections omitted since the last entry of one.
    left_out: AtomicU64,
}

/// An operation that was performed or rejected.
#[derive(Debug)]
pub struct AuditEvent<'a, S> {
    /// The kind of event.
    pub name: &'static str,
    /// The caller.
    pub caller: &'a str,
    /// The origin of the call.
    pub origin: &'a AuditOrigin,
    /// The subject of the operation: a struct whose fields become fields of the line.
    pub subject: S,
    /// The result.
    pub end: AuditOutcome,
}

/// The result of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was performed.
    Done,
    /// It may have been performed: an upstream or the store did not answer, or an error occurred on the way.
    Unknown,
    /// It was not performed, for this reason.
    Refused(String),
}

impl AuditOutcome {
    /// The end that corresponds to this outcome.
    #[must_use]
    pub fn of<T>(outcome: &Result<T>) -> Self {
        match outcome {
            Ok(_) => Self::Done,
            Err(
                Error::UpstreamUnavailable { .. }
                | Error::StoreUnavailable(_)
                | Error::DeadlineExceeded
                | Error::Internal(_),
            ) => Self::Unknown,
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

/// An entry as a line. The fields appear in this order.
#[derive(Serialize)]
struct AuditLine<'a, S> {
    v: u32,
    time: String,
    event: &'static str,
    caller: &'a str,
    face: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(flatten)]
    subject: &'a S,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u64>,
}

impl AuditLog {
    /// A log that writes entries to `sink` and digests identifiers with this key. Without a sink, no log is kept.
    #[must_use]
    pub fn new(
        clock: SharedClock,
        key: hmac::Key,
        limits: Arc<dyn Limits>,
        sink: Option<Arc<dyn AuditSink>>,
    ) -> Self {
        Self { inner: Arc::new(AuditLogState { clock, key, sink, limits, left_out: AtomicU64::new(0) }) }
    }

    /// Writes an entry, and completes once it is written. The operation is already finished, so a failure is only
    /// reported in the server's log.
    pub async fn record<S: Serialize>(&self, event: &AuditEvent<'_, S>) {
        let Some(sink) = &self.inner.sink else { return };
        match serde_json::to_vec(&self.line(event)) {
            Ok(entry) => {
                if let Err(error) = sink.append(entry).await {
                    tracing::error!(%error, "audit entry lost; cannot write to the audit log");
                }
            }
            Err(error) => tracing::error!(%error, "audit entry lost; cannot serialize it as JSON"),
        }
    }

    /// Writes an entry about an operation that anyone can attempt. Rejections above the rate limit are only counted;
    /// the next entry of a rejection contains their number.
    pub async fn record_call<S: Serialize>(&self, event: &AuditEvent<'_, S>) {
        if matches!(event.end, AuditOutcome::Refused(_)) && !self.has_room_for_a_refusal().await {
            self.inner.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.record(event).await;
    }

    /// False if the limit cannot be checked: otherwise anyone could fill the log while the store is unavailable.
    async fn has_room_for_a_refusal(&self) -> bool {
        let rate = Rate::new(REFUSALS.0, Duration::from_secs(60), REFUSALS.1);
        let limit = Limit { key: LimitKey::AuditedRefusals, rate };
        matches!(self.inner.limits.take(&limit).await, Ok(Ok(())))
    }

    /// An identifier as it appears in the log.
    #[must_use]
    pub fn digest(&self, identifier: &str) -> String {
        hex(hmac::sign(&self.inner.key, identifier.as_bytes()).as_ref())
    }

    fn line<'a, S>(&self, event: &'a AuditEvent<'_, S>) -> AuditLine<'a, S> {
        let (result, reason, left_out) = match &event.end {
            AuditOutcome::Done => (None, None, 0),
            AuditOutcome::Unknown => (Some("unknown"), None, 0),
            AuditOutcome::Refused(reason) => {
                (Some("refused"), Some(reason.as_str()), self.inner.left_out.swap(0, Ordering::Relaxed))
            }
        };
        AuditLine {
            v: VERSION,
            time: rfc3339(self.inner.clock.now()),
            event: event.name,
            caller: event.caller,
            face: event.origin.face,
            request_id: event.origin.request_id.as_deref(),
            subject: &event.subject,
            result,
            reason,
            left_out: Some(left_out).filter(|count| *count > 0),
        }
    }
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AuditLog")
    }
}

fn rfc3339(time: Timestamp) -> String {
    let since = Duration::from_millis(time.as_millis());
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::{
        domain::{
            clock::ManualClock,
            error::StoreError,
            id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
            port::StoreResult,
            temp_pass::{ResetTarget, TempPassKey, TrialApplication},
        },
        format::golden,
        service::temp_pass::reset_subject::ResetSubject,
        store::{audit_lines::AuditLines, memory::MemoryLimits},
        telemetry::CapturedLog,
    };

    fn limits(clock: SharedClock) -> Arc<MemoryLimits> {
        Arc::new(MemoryLimits::new(&clock))
    }

    #[test]
    fn the_line_format_is_pinned() {
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_123));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let log = AuditLog::new(clock.clone(), key, limits(clock), None);
        let temp_pass = TempPassKey {
            environment: EnvironmentName::parse("environment", "default").expect("valid"),
            requestor: RequestorId::parse("requestor", "REF").expect("valid"),
            mvpd: MvpdId::parse("mvpd", "TempPass").expect("valid"),
        };
        let line =
            |target: &ResetTarget, application: &TrialApplication, request_id: Option<&str>, result| {
                let origin = AuditOrigin { face: "grpc", request_id: request_id.map(str::to_owned) };
                let temp_pass = &temp_pass;
                let (count, end) = result;
                let subject = ResetSubject::new(&log, temp_pass, target, application, count);
                let event =
                    AuditEvent { name: "temp_pass_reset", caller: "support", origin: &origin, subject, end };
                serde_json::to_string(&log.line(&event)).expect("serializes") + "\n"
            };
        let device = ResetTarget::Device(DeviceId::parse("device_id", "a device").expect("valid"));
        let filled = TrialApplication { app_id: "app".to_owned(), device_user: "user".to_owned() };
        let lines = [
            line(&device, &filled, Some("a request"), (Some(1), AuditOutcome::Done)),
            line(&ResetTarget::All, &TrialApplication::default(), None, (None, AuditOutcome::Unknown)),
            line(
                &device,
                &TrialApplication::default(),
                None,
                (None, AuditOutcome::Refused("why".to_owned())),
            ),
        ];
        golden::check_text("audit_line", 1, &lines.concat());
    }

    #[tokio::test]
    async fn rejections_above_the_rate_limit_are_counted_and_performed_operations_always_logged() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_000));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let file = AuditLines::to_file(&path, 1 << 30, 1).expect("opens");
        let log = AuditLog::new(clock.clone(), key, limits(clock.clone()), Some(Arc::new(file)));
        let origin = AuditOrigin { face: "rest", request_id: None };
        let call = async |end: AuditOutcome| {
            let event = AuditEvent { name: "call", caller: "stranger", origin: &origin, subject: (), end };
            log.record_call(&event).await;
        };
        for _ in 0..REFUSALS.1 + 3 {
            call(AuditOutcome::Refused("why".to_owned())).await;
        }
        call(AuditOutcome::Done).await;
        clock.advance(Duration::from_secs(1));
        call(AuditOutcome::Refused("why".to_owned())).await;
        let lines = std::fs::read_to_string(&path).expect("readable");
        let lines: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), usize::try_from(REFUSALS.1).expect("fits") + 2);
        let [.., refused, done, later] = &lines[..] else { panic!("at least three lines") };
        assert_eq!((&refused["result"], &refused["left_out"]), (&"refused".into(), &serde_json::Value::Null));
        assert_eq!(
            (&done["result"], &done["left_out"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
        assert_eq!((&later["result"], &later["left_out"]), (&"refused".into(), &3.into()));
    }

    struct Broken;

    #[async_trait]
    impl AuditSink for Broken {
        async fn append(&self, _: Vec<u8>) -> StoreResult<()> {
            Err(StoreError::Unavailable("the disk is full".to_owned()))
        }
    }

    #[tokio::test]
    async fn an_entry_that_cannot_be_written_is_reported_in_the_server_log() {
        let captured = CapturedLog::of_this_thread();
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_000));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let log = AuditLog::new(clock.clone(), key, limits(clock), Some(Arc::new(Broken)));
        let origin = AuditOrigin { face: "rest", request_id: None };
        log.record(&AuditEvent {
            name: "call",
            caller: "somebody",
            origin: &origin,
            subject: (),
            end: AuditOutcome::Done,
        })
        .await;
        let text = captured.text();
        assert!(text.contains("audit entry lost") && text.contains("the disk is full"), "{text}");
    }
}
