//! What is answered, in JSON and XML: the same fields, in XML under a root and without a namespace (reference of the device flow,
//! sections 1 and 6.2).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::xml;
use crate::{
    config::Format,
    domain::{
        clock::Timestamp,
        entitlement::ResourceDecision,
        error::{Error, Result},
        id::{MvpdId, RequestorId},
        known_device::KnownLogin,
    },
};

/// That a call was fine, where nothing else is to be said. The documents show no body; clients look at the status alone.
#[derive(Serialize)]
pub(super) struct Fine {
    status: u16,
    message: &'static str,
}

/// A login: v1's authentication token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authentication<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    mvpd: &'a str,
    requestor: &'a str,
}

/// A decision: v1's authorization token.
#[derive(Serialize)]
pub(super) struct Authorization<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    mvpd: &'a str,
    requestor: &'a str,
    resource: &'a str,
}

/// A media token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Play<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    pub mvpd_id: &'a str,
    pub requestor: &'a str,
    pub resource: &'a str,
    pub serialized_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'a str>,
}

/// Which resources could be watched.
#[derive(Serialize)]
pub(super) struct Resources<'a, E> {
    #[serde(rename = "resource")]
    pub items: Vec<ResourceItem<'a, E>>,
}

/// The same in JSON, whose list has another name.
#[derive(Serialize)]
struct JsonResources<'a, E> {
    resources: &'a [ResourceItem<'a, E>],
}

/// Whether a resource could be watched, and what is said against it where that is asked for.
#[derive(Serialize)]
pub(super) struct ResourceItem<'a, E> {
    id: &'a str,
    authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<E>,
}

/// A moment as clients read it: milliseconds, as a decimal text.
pub(super) fn expires(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.as_millis().to_string())
}

impl Fine {
    pub(super) const OK: Self = Self { status: 200, message: "OK" };
}

impl<'a> Authentication<'a> {
    pub(super) fn new(login: &'a KnownLogin, requestor: &'a RequestorId) -> Self {
        Self {
            expires: expires(login.expire_time),
            user_id: login.user_id.as_deref(),
            mvpd: login.mvpd.as_str(),
            requestor: requestor.as_str(),
        }
    }
}

impl<'a> Authorization<'a> {
    pub(super) fn new(
        expire_time: Option<Timestamp>,
        mvpd: &'a MvpdId,
        requestor: &'a RequestorId,
        resource: &'a str,
    ) -> Self {
        let (mvpd, requestor) = (mvpd.as_str(), requestor.as_str());
        Self { expires: expires(expire_time), mvpd, requestor, resource }
    }
}

impl<'a, E> ResourceItem<'a, E> {
    pub(super) fn new(decision: &'a ResourceDecision, error: Option<E>) -> Self {
        Self { id: &decision.resource, authorized: decision.refusal.is_none(), error }
    }
}

/// An answer with this document, whose root in XML is `root`.
pub(super) fn document(root: &str, content: &impl Serialize, format: Format) -> Result<Response, Error> {
    let body = match format {
        Format::Json => serde_json::to_vec(content).map_err(internal)?,
        Format::Xml => xml::document(root, content)?,
    };
    Ok(with_body(StatusCode::OK, format, body))
}

/// An answer with the resources that could be watched.
pub(super) fn resources<E: Serialize>(
    resources: &Resources<'_, E>,
    format: Format,
) -> Result<Response, Error> {
    let body = match format {
        Format::Json => {
            serde_json::to_vec(&JsonResources { resources: &resources.items }).map_err(internal)?
        }
        Format::Xml => xml::document("resources", resources)?,
    };
    Ok(with_body(StatusCode::OK, format, body))
}

/// An answer with a body that nobody may keep.
pub(super) fn with_body(status: StatusCode, format: Format, body: Vec<u8>) -> Response {
    let media_type = match format {
        Format::Json => "application/json;charset=utf-8",
        Format::Xml => "application/xml;charset=utf-8",
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

fn internal(error: serde_json::Error) -> Error {
    Error::Internal(error.to_string())
}
