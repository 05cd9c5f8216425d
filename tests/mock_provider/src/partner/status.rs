//! `AP-Partner-Framework-Status`: the permission and the login of the partner's framework.

use std::rc::Rc;

use serde::Deserialize;

use crate::{
    answer::Answer,
    call::Call,
    device,
    mvpd::Mvpd,
    problem::{self, Problem},
    state::Mock,
};

/// The header: base64 of a JSON object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PartnerStatus {
    framework_permission_info: Permission,
    framework_provider_info: Login,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Permission {
    access_status: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Login {
    id: Option<String>,
    /// Milliseconds since the epoch, as text.
    expiration_date: Option<String>,
}

impl PartnerStatus {
    /// Parses the header. An absent or unreadable one is empty.
    fn of(call: &Call) -> Option<Self> {
        serde_json::from_slice(&device::decode(call.header("ap-partner-framework-status")?)?).ok()
    }

    /// The operator with which the viewer is logged in at the partner.
    pub(super) fn operator(call: &Call, mock: &Mock) -> Result<Rc<Mvpd>, Problem> {
        let status = Self::of(call).unwrap_or_default();
        match status.framework_permission_info.access_status.as_deref() {
            Some("granted") => {}
            Some("denied" | "restricted") => return Err(problem::PERMISSION_NOT_GRANTED),
            Some(_) => return Err(problem::PERMISSION_NOT_DETERMINED),
            None => return Err(problem::PERMISSION_NOT_PRESENT),
        }
        let Login { id, expiration_date } = status.framework_provider_info;
        let operator = id.as_deref().and_then(|id| mock.catalog.mapped(id));
        let operator = operator.ok_or(problem::PARTNER_MVPD_UNKNOWN)?;
        let expires = expiration_date.and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
        if expires <= mock.clock.now() {
            return Err(problem::PARTNER_LOGIN_EXPIRED);
        }
        Ok(operator.clone())
    }

    /// Refuses a call about one operator if the header names another. If the header names none, the call is served as without
    /// the header (assumption).
    pub(crate) fn check_mvpd(call: &Call, mock: &Mock, mvpd: &str) -> Result<(), Answer> {
        let named = Self::of(call).and_then(|status| status.framework_provider_info.id);
        let named = named.as_deref().and_then(|id| mock.catalog.mapped(id));
        match named {
            Some(named) if named.id != mvpd => Err(problem::PARTNER_MVPD_MISMATCH.answer()),
            _ => Ok(()),
        }
    }
}
