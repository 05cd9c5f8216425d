//! The audit log: who reset which trials. An append-only file of JSON lines, rotated by its size.
//!
//! Identifiers stand in it as keyed digests (HMAC-SHA256): entries about one device can be told to be about one, and
//! nobody who reads the log learns by guessing which.

mod rotated_file;
mod writer;

use std::{io, sync::Arc};

use aws_lc_rs::hmac;
use serde::Serialize;

use super::{device_info::hex, temp_pass::Origin};
pub use rotated_file::RotatedFile;
use writer::Writer;

use crate::domain::{
    clock::{SharedClock, Timestamp},
    error::{Error, Result},
    temp_pass::{ResetTarget, TempPassKey, TrialApplication},
};

/// The audit log. A cheap handle.
#[derive(Clone)]
pub struct AuditLog {
    inner: Arc<Inner>,
}

struct Inner {
    clock: SharedClock,
    key: hmac::Key,
    /// Absent where no log is kept.
    writer: Option<Writer>,
}

/// A reset that was done.
#[derive(Debug)]
pub struct ResetEntry<'a> {
    /// Who.
    pub caller: &'a str,
    /// From where.
    pub origin: &'a Origin,
    /// In which TempPass.
    pub temp_pass: &'a TempPassKey,
    /// Which trials.
    pub target: &'a ResetTarget,
    /// Which of these.
    pub application: &'a TrialApplication,
    /// What came of it.
    pub result: ResetResult,
}

/// What came of a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetResult {
    /// It was done; how many trials it were, where that is known.
    Done(Option<u64>),
    /// It may have been done: an upstream was asked, and did not answer.
    Unknown,
}

impl ResetResult {
    /// What a reset leaves an entry about; nothing where nothing can have happened.
    #[must_use]
    pub fn of(reset: &Result<Option<u64>>) -> Option<Self> {
        match reset {
            Ok(count) => Some(Self::Done(*count)),
            Err(Error::UpstreamUnavailable { .. } | Error::StoreUnavailable(_) | Error::DeadlineExceeded) => {
                Some(Self::Unknown)
            }
            Err(_) => None,
        }
    }
}

/// An entry as a line. The order of the fields is that of the file.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event: &'static str,
    caller: &'a str,
    face: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    environment: &'a str,
    requestor: &'a str,
    mvpd: &'a str,
    target: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_user_digest: Option<String>,
    reset_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
}

impl AuditLog {
    /// A log in a file of its own, with this key for its digests; `None` keeps no log.
    ///
    /// # Errors
    /// Where the operating system gives no thread to write it.
    pub fn new(clock: SharedClock, key: hmac::Key, file: Option<RotatedFile>) -> io::Result<Self> {
        let writer = file.map(Writer::start).transpose()?;
        Ok(Self { inner: Arc::new(Inner { clock, key, writer }) })
    }

    /// Writes an entry, and completes when it has reached the operating system. The reset is done already: where the file
    /// cannot be written, the server's own log says so.
    pub async fn record(&self, entry: &ResetEntry<'_>) {
        let Some(writer) = &self.inner.writer else { return };
        match serde_json::to_vec(&self.line(entry)) {
            Ok(mut line) => {
                line.push(b'\n');
                writer.write(line).await;
            }
            Err(error) => tracing::error!(%error, "an audit entry cannot be written as JSON"),
        }
    }

    fn line<'a>(&self, entry: &ResetEntry<'a>) -> Line<'a> {
        let (target, identifier) = match entry.target {
            ResetTarget::Device(device_id) => ("device", Some(device_id.as_str())),
            ResetTarget::Key(generic_key) => ("key", Some(generic_key.as_str())),
            ResetTarget::All => ("all", None),
        };
        let digest = |text: &str| hex(hmac::sign(&self.inner.key, text.as_bytes()).as_ref());
        let filled = |text: &str| (!text.is_empty()).then(|| digest(text));
        Line {
            time: rfc3339(self.inner.clock.now()),
            event: "temp_pass_reset",
            caller: entry.caller,
            face: entry.origin.face,
            request_id: entry.origin.request_id.as_deref(),
            environment: entry.temp_pass.environment.as_str(),
            requestor: entry.temp_pass.requestor.as_str(),
            mvpd: entry.temp_pass.mvpd.as_str(),
            target,
            target_digest: identifier.map(digest),
            app_id_digest: filled(&entry.application.app_id),
            device_user_digest: filled(&entry.application.device_user),
            reset_count: match entry.result {
                ResetResult::Done(count) => count,
                ResetResult::Unknown => None,
            },
            result: (entry.result == ResetResult::Unknown).then_some("unknown"),
        }
    }
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AuditLog")
    }
}

fn rfc3339(time: Timestamp) -> String {
    let since = std::time::Duration::from_millis(time.as_millis());
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            clock::ManualClock,
            id::{DeviceId, EnvironmentName, MvpdId, RequestorId},
        },
        format::golden,
    };

    #[test]
    fn the_lines_of_the_log_are_pinned() {
        let clock = ManualClock::new(Timestamp::from_millis(1_763_000_000_123));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let log = AuditLog::new(clock, key, None).expect("no thread is needed");
        let temp_pass = TempPassKey {
            environment: EnvironmentName::parse("environment", "default").expect("valid"),
            requestor: RequestorId::parse("requestor", "REF").expect("valid"),
            mvpd: MvpdId::parse("mvpd", "TempPass").expect("valid"),
        };
        let line =
            |target: &ResetTarget, application: &TrialApplication, request_id: Option<&str>, result| {
                let origin = Origin { face: "grpc", request_id: request_id.map(str::to_owned) };
                let temp_pass = &temp_pass;
                let entry =
                    ResetEntry { caller: "support", origin: &origin, temp_pass, target, application, result };
                serde_json::to_string(&log.line(&entry)).expect("serializes") + "\n"
            };
        let device = ResetTarget::Device(DeviceId::parse("device_id", "a device").expect("valid"));
        let filled = TrialApplication { app_id: "app".to_owned(), device_user: "user".to_owned() };
        let lines = [
            line(&device, &filled, Some("a request"), ResetResult::Done(Some(1))),
            line(&ResetTarget::All, &TrialApplication::default(), None, ResetResult::Unknown),
        ];
        golden::check_text("audit_line", 1, &lines.concat());
    }
}
