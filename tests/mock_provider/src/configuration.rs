//! The operators of a service provider, v2.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    mvpd::{Mvpd, PLATFORM_MEMBERS},
    request::Request,
    state::Mock,
    viewer,
};

/// `GET /api/v2/{serviceProvider}/configuration`: with the field names of both the pages and the OpenAPI file, which differ.
pub(crate) fn read(mock: &Mock, request: &Request<'_>) -> Result<Answer, Answer> {
    // Without device information the platform is unknown, which is not an error.
    let device = viewer::device(request.call).ok();
    let os = device.as_ref().and_then(|device| device.info.os_name.get()).unwrap_or("Unknown");
    let kind =
        device.as_ref().and_then(|device| device.info.primary_hardware_type.get()).unwrap_or("unknown");
    // The members for single sign-on on Apple's platforms are shown only there (assumption).
    let is_apple = ["tvOS", "iOS"].contains(&os);
    let domains = mock.settings.domains.iter().map(|name| json!({ "name": name, "mvpdInitiated": false }));
    let mvpds = mock.catalog.of(request.service_provider).map(|mvpd| shown(mvpd, is_apple));
    let body = json!({
        "platform": kind,
        "device": kind,
        "sdkType": "clientless",
        "clientType": "clientless",
        "os": os,
        "platformCategory": if is_apple { "apple" } else { "other" },
        "requestor": {
            "id": request.service_provider,
            "name": format!("{} television", request.service_provider),
            "domains": domains.collect::<Vec<_>>(),
            "mvpds": mvpds.collect::<Vec<_>>(),
        },
    });
    Ok(Answer::json_utf8(StatusCode::OK, &body))
}

fn shown(mvpd: &Mvpd, with_platform: bool) -> Value {
    let mut shown = serde_json::to_value(mvpd).expect("keys are strings");
    if let Value::Object(members) = &mut shown {
        members.retain(|name, _| {
            name != "behavior" && (with_platform || !PLATFORM_MEMBERS.contains(&name.as_str()))
        });
    }
    shown
}
