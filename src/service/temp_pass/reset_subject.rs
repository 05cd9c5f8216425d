//! The audit log's subject of a reset.

use serde::Serialize;

use crate::{
    domain::temp_pass::{ResetTarget, TempPassKey, TrialApplication},
    service::audit::AuditLog,
};

/// The trials that a reset was for, and their number.
#[derive(Debug, Serialize)]
pub(crate) struct ResetSubject<'a> {
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
}

impl<'a> ResetSubject<'a> {
    /// Trials of this TempPass, with their number if known.
    #[must_use]
    pub(crate) fn new(
        log: &AuditLog,
        temp_pass: &'a TempPassKey,
        target: &ResetTarget,
        application: &TrialApplication,
        reset_count: Option<u64>,
    ) -> Self {
        let (target, identifier) = match target {
            ResetTarget::Device(device_id) => ("device", Some(device_id.as_str())),
            ResetTarget::Key(generic_key) => ("key", Some(generic_key.as_str())),
            ResetTarget::All => ("all", None),
        };
        let filled = |text: &str| (!text.is_empty()).then(|| log.digest(text));
        Self {
            environment: temp_pass.environment.as_str(),
            requestor: temp_pass.requestor.as_str(),
            mvpd: temp_pass.mvpd.as_str(),
            target,
            target_digest: identifier.map(|text| log.digest(text)),
            app_id_digest: filled(&application.app_id),
            device_user_digest: filled(&application.device_user),
            reset_count,
        }
    }
}
