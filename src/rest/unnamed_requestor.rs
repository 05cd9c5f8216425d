//! The requestor of a v1 flow call that names none in its path, query or signature: clients name it in a form, or omit
//! it (reference of the device flow, section 4.2). It decides the backend if the requestors of an environment have
//! different ones.

use axum::body::{Body, Bytes};
use http::{
    Method,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
    request,
};
use http_body::Body as _;
use http_body_util::{LengthLimitError, Limited};

use super::{RestFace, failure::Failure, identity::identify, over_v1::context, parameters::is_form};
use crate::{
    domain::{
        call::Deadline,
        error::Error,
        id::{DeviceId, EnvironmentName},
    },
    service::authentication::Carrier,
    whole_body::whole,
};

/// The maximum size of a form that is read before authentication, in bytes. A larger one is not read.
const FORM_MAX: usize = 32 * 1024;

/// Returns the requestor, and the unchanged body. The requestor is the one in the form; otherwise the only one for
/// which the client may act; otherwise the last one of the device's calls.
///
/// # Errors
/// The body does not arrive, or the store fails.
pub(super) async fn unnamed_requestor(
    face: &RestFace,
    head: &request::Parts,
    environment: &EnvironmentName,
    body: Body,
) -> Result<(Option<String>, Body), Failure> {
    let (form, body) = form(head, body).await?;
    let query = head.uri.query().unwrap_or_default();
    let parameter = |name: &str| {
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(&form));
        let named = pairs.filter(|(key, value)| key == name && !value.is_empty());
        named.map(|(_, value)| value.into_owned()).next()
    };
    if let Some(named) = parameter("requestor").or_else(|| parameter("requestor_id")) {
        return Ok((Some(named), body));
    }
    let carrier = Carrier::Headers(&head.headers);
    // An authentication error is reported when the call is served.
    let Ok(identity) = identify(face, head, environment, carrier, context(head)).await else {
        return Ok((None, body));
    };
    if let Some(only) = identity.caller.only_requestor() {
        return Ok((Some(only.to_string()), body));
    }
    let id = parameter("deviceId").and_then(|text| DeviceId::parse("deviceId", &text).ok());
    let Some(id) = id else { return Ok((None, body)) };
    let part = |name| parameter(name).unwrap_or_default();
    let id = id.scoped(&part("appId"), &part("deviceUser"));
    let last = face.entitlement.requestor_of(environment, &id).await?;
    Ok((last.map(|requestor| requestor.to_string()), body))
}

/// Reads the form. Returns it with the unchanged body.
async fn form(head: &request::Parts, body: Body) -> Result<(Bytes, Body), Failure> {
    let length =
        head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let is_read = head.method == Method::POST
        && is_form(&head.headers) == Some(true)
        && !head.headers.contains_key(CONTENT_ENCODING)
        && !body.is_end_stream()
        && length.is_none_or(|length| length <= FORM_MAX);
    if !is_read {
        return Ok((Bytes::new(), body));
    }
    let deadline = head.extensions.get::<Deadline>().copied();
    let deadline = deadline.ok_or_else(|| Error::Internal("a call without deadline".to_owned()))?;
    let form = deadline.limit(whole(Limited::new(body, FORM_MAX))).await.map_err(|_| Failure::BodyTooSlow)?;
    let form = form.map_err(|error| match error.is::<LengthLimitError>() {
        true => Failure::BodyTooLarge(FORM_MAX),
        false => Failure::BodyIncomplete,
    })?;
    Ok((form.clone(), Body::from(form)))
}
